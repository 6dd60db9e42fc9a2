//! The `gyrus` command.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    quiet_driver();
    cli::main()
}

/// Mesa's layer that sorts adapters looks for a desktop, and prints an error where there is none. Gyrus
/// sorts them itself.
fn quiet_driver() {
    if cfg!(target_os = "linux") && std::env::var_os("NODEVICE_SELECT").is_none() {
        // SAFETY: nothing else runs yet, so that no other thread can be reading the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
