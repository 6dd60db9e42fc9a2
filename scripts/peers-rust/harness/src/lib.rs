//! The line protocol between `scripts/peers` and a peer, as `scripts/peers_bench/worker.py` speaks it too.
//!
//! A peer is started as `PEER MODEL INPUT SHAPE OUT [KEY=VALUE...]`: an ONNX file, the input as raw f32,
//! its shape as `1x3x128x128`, a folder for the outputs, settings. It says `peer: started`, then
//! `peer: ready ADAPTER` once the network is loaded. `run N` on its standard input is answered with
//! `peer: times` and N times in milliseconds, `save` with `peer: saved` once the outputs of the last run
//! lie in the folder as raw f32, `0.f32` and so on. What goes wrong is one line, `peer: error REASON`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What to run, and how.
pub struct Job {
    pub model: PathBuf,
    pub input: Vec<f32>,
    pub shape: Vec<usize>,
    settings: BTreeMap<String, String>,
    out: PathBuf,
}

/// A network that is loaded and holds its input on the host.
pub trait Network {
    /// The outputs on the host, in the network's order.
    fn run(&mut self) -> Result<Vec<Vec<f32>>>;

    /// What it runs on, where that is no matter of course.
    fn adapter(&self) -> String {
        "cpu".into()
    }
}

impl Job {
    fn from_args() -> Result<Job> {
        let args: Vec<String> = env::args().skip(1).collect();
        let [model, input, shape, out, settings @ ..] = args.as_slice() else {
            return Err("expected MODEL INPUT SHAPE OUT [KEY=VALUE...]".into());
        };
        let setting = |s: &String| s.split_once('=').map(|(k, v)| (k.to_string(), v.to_string()));
        Ok(Job {
            model: model.into(),
            input: read(Path::new(input))?,
            shape: shape.split('x').map(str::parse).collect::<std::result::Result<_, _>>()?,
            settings: settings.iter().filter_map(setting).collect(),
            out: out.into(),
        })
    }

    /// A setting as a number: 0 where it is not given.
    pub fn number(&self, name: &str) -> Result<usize> {
        Ok(self.settings.get(name).map_or(Ok(0), |text| text.parse())?)
    }
}

fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

fn write(path: &Path, values: &[f32]) -> Result<()> {
    Ok(fs::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?)
}

/// The whole of a peer's `main`.
pub fn serve<N: Network>(load: impl FnOnce(&Job) -> Result<N>) -> ExitCode {
    println!("peer: started");
    match answer(load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("peer: error {}", error.to_string().replace('\n', "; "));
            ExitCode::FAILURE
        }
    }
}

fn answer<N: Network>(load: impl FnOnce(&Job) -> Result<N>) -> Result<()> {
    let job = Job::from_args()?;
    let mut network = load(&job)?;
    println!("peer: ready {}", network.adapter());
    let mut outputs = Vec::new();
    for line in io::stdin().lock().lines() {
        match line?.split_once(' ') {
            Some(("run", runs)) => {
                let mut times = String::new();
                for _ in 0..runs.parse()? {
                    let start = Instant::now();
                    outputs = network.run()?;
                    times += &format!(" {:.4}", start.elapsed().as_secs_f64() * 1e3);
                }
                println!("peer: times{times}");
            }
            _ => {
                for (number, values) in outputs.iter().enumerate() {
                    write(&job.out.join(format!("{number}.f32")), values)?;
                }
                println!("peer: saved");
            }
        }
    }
    Ok(())
}
