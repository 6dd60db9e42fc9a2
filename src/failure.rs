//! What is said about a file that has no answer, in the form that `--format json` prints.

use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::imaging::Plane;

/// A file that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub file: String,
    /// One line: what is wrong and what would work.
    pub error: String,
}

impl Failure {
    pub fn new(path: &Path, error: &Error) -> Failure {
        let file = path.display().to_string();
        // Errors about files name theirs; those of a device or tensor do not know it.
        let error = match error {
            Error::File { .. } => error.to_string(),
            other => format!("{file}: {other}"),
        };
        Failure { file, error }
    }

    /// The same of one slice of a volume.
    pub fn of_slice(self, plane: Plane, number: usize) -> Failure {
        Failure { error: format!("{plane} slice {number}: {}", self.error), file: self.file }
    }
}
