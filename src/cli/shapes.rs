//! Input shapes from the command line: `--input NAME=1x3x256x256` and `--batch N`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use gyrus::graph::network::Network;
use gyrus::{Shape, graph};

/// How the open dimensions of a network's inputs are given.
#[derive(Debug, clap::Args)]
pub struct Sizes {
    /// Samples in the first dimension, where that is open
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = batch)]
    pub batch: usize,
    /// An input's shape, where more than the batch is open
    #[arg(long, value_name = "NAME=1x3x256x256")]
    pub input: Vec<String>,
}

/// A batch size as an argument.
pub fn batch(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=4096).contains(&n) => Ok(n),
        _ => Err("must be a number from 1 to 4096".into()),
    }
}

impl Sizes {
    /// The shapes of all inputs, in the network's order.
    pub fn of(&self, network: &Network) -> Result<Vec<Shape>> {
        Ok(graph::input_shapes(network, &self.given()?, self.batch)?)
    }

    fn given(&self) -> Result<BTreeMap<String, Shape>> {
        self.input.iter().map(|argument| parse(argument)).collect()
    }
}

fn parse(argument: &str) -> Result<(String, Shape)> {
    let parsed = argument.rsplit_once('=').and_then(|(name, sizes)| {
        let sizes: Option<Vec<usize>> = sizes.split('x').map(|s| s.parse().ok()).collect();
        Some((name.to_string(), sizes.filter(|s| s.iter().all(|&n| n > 0))?))
    });
    match parsed {
        Some((name, sizes)) => Ok((name, Shape::new(sizes)?)),
        None => bail!("--input {argument}: not of the form NAME=1x3x256x256; give sizes of at least 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_names_and_sizes() {
        let good = parse("a=b=1x30").expect("a shape");
        assert_eq!((good.0.as_str(), good.1.to_vec()), ("a=b", vec![1, 30]));
        for bad in ["a", "a=", "a=1x", "a=0x2", "a=-1", "a=99999999999999x99999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
