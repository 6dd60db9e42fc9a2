//! The subcommands, one file each.

mod bench;
mod classify;
mod conformance;
mod cut;
mod device;
mod devices;
mod evaluate;
mod export;
mod inspect;
mod models;
mod ops;
mod output;
mod preprocess;
mod progress;
mod run;
mod segment;
#[cfg(feature = "serve")]
mod serve;
mod shapes;
mod tally;
mod tune;
mod view;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Runs brain-MRI networks on any GPU. For research use only: not a medical device.
#[derive(Debug, Parser)]
#[command(name = "gyrus", version, propagate_version = true)]
struct Cli {
    /// Say on stderr what is being done; RUST_LOG says it in more detail
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Classify(classify::Args),
    Segment(segment::Args),
    View(view::Args),
    Evaluate(evaluate::Args),
    Run(run::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Tune(tune::Args),
    Devices(devices::Args),
    Models(models::Args),
    Ops(ops::Args),
    Conformance(conformance::Args),
    Preprocess(preprocess::Args),
    Export(export::Args),
    #[cfg(feature = "serve")]
    Serve(serve::Args),
}

impl Command {
    /// What is logged where nothing else is asked for: of a service, its requests.
    fn log(&self) -> &'static str {
        match self {
            #[cfg(feature = "serve")]
            Command::Serve(_) => "gyrus=info",
            _ => "off",
        }
    }
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
    let cli = Cli::parse();
    start_log(if cli.verbose { "gyrus=debug" } else { cli.command.log() });
    let outcome = match cli.command {
        Command::Classify(args) => classify::run(&args),
        Command::Segment(args) => segment::run(&args),
        Command::View(args) => view::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Ops(args) => ops::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Preprocess(args) => preprocess::run(&args),
        Command::Export(args) => export::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args),
    };
    gyrus::tuning::shut_down();
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            // The alternate form puts the whole chain of causes on one line.
            progress::error_line(&format_args!("{error:#}"));
            Outcome::NothingRan.into()
        }
    }
}

/// `usual` is what is logged unless something else is asked for. What is logged never holds a file's name or contents: both
/// may tell who the patient is.
fn start_log(usual: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // People read a terminal; what is collected is read by programs.
    if io::stderr().is_terminal() { log.init() } else { log.json().flatten_event(true).init() }
}
