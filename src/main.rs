//! The `gyrus` command.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    gyrus::gpu::quiet_driver();
    gyrus::gpu::widen_vectors();
    cli::main()
}
