//! Classifies the slices of a folder with the classifier that comes with Gyrus:
//! `cargo run --release --example classify -- samples/`

use std::ops::ControlFlow;

use gyrus::imaging::{Excluded, find_images};
use gyrus::{Classifier, Device, Model, Result};

fn main() -> Result<()> {
    let paths: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    let model = Model::load("alzheimer".as_ref())?;
    let mut classifier = Classifier::new(&model, &Device::open("auto")?)?;
    println!("on {}; for research use only", classifier.device_name());
    classifier.notices().iter().for_each(|notice| println!("note: {notice}"));
    classifier.classify_files(&find_images(&paths, &Excluded::default()).files, |(path, answer)| {
        match answer {
            Ok(report) => println!("{}: {:?} {:.3?}", report.file, report.prediction, report.probability()),
            Err(error) => println!("{}: {error}", path.display()),
        }
        ControlFlow::Continue(())
    })
}
