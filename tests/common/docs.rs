//! Parts of documents that tests write: between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

// Each test uses its own part.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// Whether documents are to be written and not judged.
pub fn is_writing() -> bool {
    std::env::var_os("GYRUS_WRITE_DOCS").is_some()
}

/// What a document says in a part.
pub fn section(file: &str, name: &str) -> String {
    parts(file, name)[1].clone()
}

/// Has a document say something else in a part.
pub fn replace_section(file: &str, name: &str, text: &str) {
    let [before, _, after] = parts(file, name);
    fs::write(path(file), format!("{before}{}\n{after}", text.trim_end())).expect("the document");
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn parts(file: &str, name: &str) -> [String; 3] {
    let text = fs::read_to_string(path(file)).expect("the document");
    let [begin, end] = ["begin", "end"].map(|edge| format!("<!-- {name}: {edge} -->\n"));
    let start = text.find(&begin).expect("where the part begins") + begin.len();
    let end = text.find(&end).filter(|&end| end >= start).expect("where the part ends");
    [&text[..start], &text[start..end], &text[end..]].map(String::from)
}
