//! Whether a model's file is the one that its card was written for.

use std::fs::File;
use std::io::{self, BufReader, Read};

use sha2::{Digest, Sha256};

use super::card::Card;
use crate::error::{Error, Result};

/// Bytes that are hashed at a time.
const BUFFER: usize = 1 << 20;

impl Card {
    /// Compares the SHA-256 of the model's file with the card's; a card without a model passes.
    ///
    /// # Errors
    /// When the file cannot be read or is another one.
    pub fn check_model_file(&self) -> Result<()> {
        let (Some(model), Some(path)) = (&self.model, self.model_path()) else { return Ok(()) };
        let unreadable = |e: io::Error| {
            let reason = format!("the model's file cannot be read ({e})");
            Error::file(&path, reason, "put it beside its card, or correct model.file")
        };
        let metadata = std::fs::metadata(&path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Error::file(&path, "not a file", "put the model's file beside its card"));
        }
        let found = File::open(&path).and_then(sha256).map_err(unreadable)?;
        if !found.eq_ignore_ascii_case(&model.sha256) {
            let reason = format!("its SHA-256 is {found}, its card says {}", model.sha256);
            return Err(Error::file(&path, reason, "fetch the model again, or correct model.sha256"));
        }
        Ok(())
    }
}

fn sha256(input: impl Read) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(BUFFER, input);
    let mut hasher = Sha256::new();
    io::copy(&mut reader, &mut HashWriter(&mut hasher))?;
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// Lets `io::copy` feed the hash, which is no `Write` of its own.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
