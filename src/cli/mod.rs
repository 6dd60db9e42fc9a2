//! The subcommands, one file each.

mod models;
mod preprocess;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs brain-MRI networks on any GPU. For research use only: not a medical device.
#[derive(Debug, Parser)]
#[command(name = "gyrus", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Models(models::Args),
    Preprocess(preprocess::Args),
}

/// How a command ended, where it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for was done.
    AllGood,
    /// Some files failed, each of them named on stderr or in the output.
    SomeFailed,
    /// No file could be worked on.
    NothingRan,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(match outcome {
            Outcome::AllGood => 0,
            Outcome::SomeFailed => 1,
            Outcome::NothingRan => 2,
        })
    }
}

/// Runs the command that the arguments name. An error that stops the whole command is one line on
/// stderr and exit code 2.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Models(args) => models::run(&args),
        Command::Preprocess(args) => preprocess::run(&args),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            // The alternate form puts the whole chain of causes on one line.
            progress::error_line(&format_args!("{error:#}"));
            Outcome::NothingRan.into()
        }
    }
}
