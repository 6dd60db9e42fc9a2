//! How much memory the machine has left, so that what cannot fit is refused before it is asked for.

use sysinfo::System;

use crate::error::{Error, Result};

/// Refuses work that needs more host memory than there is.
///
/// # Errors
/// [`Error::TooLarge`] with both numbers.
pub fn check(what: &str, needed: u64) -> Result<()> {
    check_against(what, needed, available())
}

/// Bytes that can be allocated without pushing others out.
fn available() -> u64 {
    // Where the system does not tell, nothing is refused here.
    let Ok(mut system) = System::new() else { return u64::MAX };
    system.refresh_memory();
    // A container's own limit counts cached files as used, and would refuse what fits.
    system.available_memory()
}

fn check_against(what: &str, needed: u64, available: u64) -> Result<()> {
    if needed <= available {
        return Ok(());
    }
    Err(Error::TooLarge {
        what: what.to_string(),
        needed: needed >> 20,
        limit_name: "the memory left on this machine".into(),
        limit: available >> 20,
        remedy: "use a smaller input or batch".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbers_are_named() {
        assert!(check_against("the network", 1 << 30, 1 << 30).is_ok());
        let error = check_against("the network", 3 << 30, 1 << 30).unwrap_err().to_string();
        assert!(error.contains("3072 MiB") && error.contains("1024 MiB"), "{error}");
        assert!(check("an exabyte", 1 << 60).is_err());
        assert!(check("a page", 4096).is_ok());
    }
}
