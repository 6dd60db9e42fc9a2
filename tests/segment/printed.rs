//! CSV for programs, tables for people.

use std::process::Output;

use super::common::command::{arg, errors, gyrus, network};
use super::{copies, fixture, segment};

fn printed(format: &str, arguments: &[&str]) -> (Output, String) {
    let out = tempfile::tempdir().expect("a folder");
    let (model, place) = (arg(&network("segmenter")), arg(out.path()));
    let start = ["segment", "--model", &model, "--device", "cpu", "--format", format, "--out", &place];
    let output = gyrus(&fixture("scans"), &[&start, arguments].concat());
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    (output, text)
}

#[test]
fn records_have_as_many_fields_as_the_heading() {
    let arguments = ["--spacing", "0.5,0.8,3", "stack", "grey", "missing.png"];
    let (output, text) = printed("csv", &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heading: Vec<String> = reader.headers().expect("a heading").iter().map(String::from).collect();
    let wanted = "file model device mask pixels fraction area_mm2 stack stack_pixels volume_ml warnings milliseconds error axis slice";
    assert_eq!(heading.join(" "), wanted);
    // The reader refuses records of another length.
    let records: Vec<Vec<String>> =
        reader.records().map(|record| record.expect("a record").iter().map(String::from).collect()).collect();
    assert_eq!(records.len(), 8, "{text}");
    let field = |row: usize, name: &str| {
        let column = heading.iter().position(|h| h == name).expect("a column");
        records[row][column].clone()
    };
    let last = records.iter().position(|r| r[0] == "stack/10.png").expect("a record");
    let first = records.iter().position(|r| r[0] == "stack/1.png").expect("a record");
    assert_eq!(field(first, "pixels"), "2");
    assert_eq!(field(first, "area_mm2"), "0.8");
    assert_eq!((field(first, "stack"), field(first, "stack_pixels")), ("stack".into(), "60".into()));
    assert!(field(first, "volume_ml").parse::<f64>().is_ok_and(|ml| (ml - 0.072).abs() < 1e-9));
    assert_eq!((field(last, "warnings"), field(last, "error")), ("touches_border".into(), String::new()));
    let black = records.iter().position(|r| r[0] == "stack/3.png").expect("a record");
    assert_eq!(field(black, "warnings"), "blank empty_mask");
    let failed: Vec<&Vec<String>> = records.iter().filter(|r| !r[12].is_empty()).collect();
    assert_eq!(failed.len(), 3, "{text}");
    assert!(failed.iter().all(|r| r[1..12].iter().all(String::is_empty)), "{text}");
}

#[test]
fn a_table_says_what_was_found_and_what_was_not() {
    let (output, text) = printed("table", &["--spacing", "0.5,0.8,3", "stack", "grey"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("segmenter v2").contains("A tiny segmenter for tests"), "{text}");
    assert!(line("on ").contains("For research use only"), "{text}");
    let words = |start: &str| line(start).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("stack/9.png"), "stack/9.png 37 3.61 15");
    assert_eq!(words("stack/3.png"), "stack/3.png 0 0.00 0 nothing found");
    assert!(text.contains("touches the border"), "{text}");
    assert_eq!(line("  = stack"), "  = stack: 4 of 5 slices marked, 60 voxels, 0.07 ml");
    assert!(!text.contains("= grey"), "nothing is known of a stack that was refused: {text}");
    assert!(text.lines().last().is_some_and(|l| l.starts_with("5 mask(s) in ")), "{text}");
    // What has no answer is on stderr, a line each.
    let said = errors(&output);
    assert!(said.len() == 2 && said.iter().all(|e| e.starts_with("error: grey/g")), "{said:?}");
    // The numbers of all rows stand below each other.
    let ends: Vec<usize> = ["stack/9.png", "stack/10.png"].iter().map(|f| line(f).chars().count()).collect();
    assert_eq!(ends[0], ends[1], "{text}");
}

#[test]
fn without_a_spacing_there_is_no_area_and_no_volume() {
    let (output, text) = printed("table", &["stack"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("60 voxels\n") && !text.contains("ml"), "{text}");
    assert!(text.lines().any(|l| l.starts_with("stack/9.png") && l.ends_with(" -")), "{text}");
}

#[test]
fn hostile_names_stay_on_one_line() {
    #[cfg(unix)]
    {
        let folder = copies(&[(super::ONE, "s/a\nb\u{1b}[31m.png")]);
        let model = arg(&network("segmenter"));
        let arguments = ["segment", "--model", &model, "--device", "cpu", "s"];
        let output = gyrus(folder.path(), &arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("s/a\u{fffd}b\u{fffd}[31m.png") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(segment(folder.path(), "cpu", "segmenter", &["--force", "s"]).status.code(), Some(0));
    }
}
