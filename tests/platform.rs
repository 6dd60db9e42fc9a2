//! Where the program asks which operating system it runs on: in one file.

use std::fs;
use std::path::Path;

/// Code that only some systems compile or run.
const ASKS: [&str; 5] = ["target_os", "target_family", "cfg(unix", "cfg(not(unix", "windows)"];

#[test]
fn one_file_knows_operating_systems() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources =
        walkdir::WalkDir::new(root.join("src")).into_iter().map(|entry| entry.expect("a readable folder"));
    let mut seen = 0;
    for entry in sources.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(entry.path()).expect("a text");
        // Tests make links and modes, which not all systems have.
        let program = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        let asks: Vec<&str> =
            program.lines().filter(|line| ASKS.iter().any(|ask| line.contains(ask))).collect();
        if entry.path().ends_with("src/platform.rs") {
            seen += asks.len();
        } else {
            assert!(asks.is_empty(), "{}: {asks:?} belongs to src/platform.rs", entry.path().display());
        }
    }
    assert!(seen > 0, "what is looked for is not found where it is");
}
