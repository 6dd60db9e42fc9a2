//! What a network answers to one input. The page holds the GPU that it finds to it: nobody else there could tell that it
//! computes wrong.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Folder, Numbers};
use crate::device::Device;
use crate::error::Result;
use crate::model::Model;
use crate::ops::case::values;
use crate::session::Session;
use crate::tensor::{Shape, Tensor};

/// How far an output may be off, as a part of its largest value: as far as kernels may be from each other when they are tuned.
const TOLERANCE: f64 = 1e-3;

/// Of the input, which is noise: of what is alike to its neighbours, one could be taken for the other.
const SEED: u64 = 2;

/// An input with the outputs that are right.
pub(super) struct Known {
    input: Tensor,
    outputs: Vec<(String, Tensor)>,
}

impl Known {
    /// What the CPU engine answers to an input of this name and shape.
    ///
    /// # Errors
    /// Unsupported nodes; too little memory.
    pub fn compute(model: &Model, name: &str, shape: &Shape) -> Result<Known> {
        let input = values(shape, SEED);
        let mut session = Session::new(model, &Device::open("cpu")?)?;
        let mut outputs = session.run(BTreeMap::from([(name.to_string(), input.clone())]))?;
        // Of what the page does not read, a choice among numbers that are nearly equal would fall otherwise on a GPU that is right.
        let read = model.card.as_ref().and_then(|card| card.model.as_ref());
        outputs.retain(|(name, _)| {
            read.is_none_or(|read| *name == read.output || read.features.as_ref() == Some(name))
        });
        Ok(Known { input, outputs })
    }

    /// Writes its numbers, and says where they lie.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn write(&self, folder: &Folder) -> Result<Value> {
        let mut numbers = Numbers::default();
        let input = numbers.add(&self.input.to_device()?);
        let mut outputs = Vec::new();
        for (name, tensor) in &self.outputs {
            let span = numbers.add(&tensor.to_device()?);
            outputs.push(json!({ "name": name, "start": span.start, "count": span.count }));
        }
        let file = folder.numbers("known", &numbers)?;
        Ok(json!({ "file": file, "input": input, "outputs": outputs, "tolerance": TOLERANCE }))
    }
}
