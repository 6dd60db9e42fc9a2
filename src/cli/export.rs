//! `gyrus export`: a model for where this program is not.

use std::path::PathBuf;

use anyhow::Result;
use gyrus::{Model, export};

use super::Outcome;
use super::progress;

/// Write a model as static files that classify or segment in a browser with WebGPU. Nothing that is opened there is sent anywhere.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A site: page, plan, WGSL and weights, for any static host
    #[arg(long, required = true)]
    web: bool,
    /// A folder with a card, or the name of a model in the models folder
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// A folder that is not there yet, or is empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    export::write_site(&model, &args.folder)?;
    let folder = args.folder.display();
    progress::notice(&format_args!(
        "{folder} is ready for a static host; to look at it here: python3 -m http.server --bind 127.0.0.1 --directory {folder}"
    ));
    Ok(Outcome::AllGood)
}
