//! How a batch of samples is cut into runs, and what these give joined.

use super::MAX_BATCH;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Runs of as many samples each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runs {
    /// How many samples a run has.
    pub samples: usize,
    /// With which of the batch each run starts.
    pub starts: Vec<usize>,
    /// How many runs go on at a time, a core each; 1 where all cores share one.
    pub at_a_time: usize,
}

/// A number of samples as runs of 1, 2, 4 ... of them, so that any number reuses few plans.
pub(super) fn runs(samples: usize) -> Vec<Runs> {
    let mut all: Vec<Runs> = Vec::new();
    let mut start = 0;
    while start < samples {
        let size = bucket(samples - start);
        match all.last_mut() {
            Some(last) if last.samples == size => last.starts.push(start),
            _ => all.push(Runs { samples: size, starts: vec![start], at_a_time: 1 }),
        }
        start += size;
    }
    all
}

/// As [`runs`], where so many samples are computed at a time: each a run of its own, but for those that are left over.
pub(super) fn runs_beside(samples: usize, at_a_time: usize) -> Vec<Runs> {
    if at_a_time == 1 {
        return runs(samples);
    }
    let full = samples - samples % at_a_time;
    let alone = (full > 0).then(|| Runs { samples: 1, starts: (0..full).collect(), at_a_time });
    let mut left = runs(samples - full);
    left.iter_mut().flat_map(|runs| &mut runs.starts).for_each(|start| *start += full);
    alone.into_iter().chain(left).collect()
}

/// The largest power of two that still fits, at most [`MAX_BATCH`].
fn bucket(samples: usize) -> usize {
    let mut bucket = MAX_BATCH;
    while bucket > samples {
        bucket /= 2;
    }
    bucket.max(1)
}

/// Outputs of all runs of a batch, by output.
#[derive(Default)]
pub(super) struct Joined(Vec<(Vec<usize>, Vec<f32>)>);

impl Joined {
    /// Takes what a run of so many samples gave.
    ///
    /// # Errors
    /// An output that does not have as many rows, or is not of f32.
    pub fn append(&mut self, names: &[String], outputs: &[Tensor], samples: usize) -> Result<()> {
        self.0.resize(outputs.len(), Default::default());
        for (((shape, data), name), tensor) in self.0.iter_mut().zip(names).zip(outputs) {
            if tensor.shape().first() != Some(&samples) {
                let reason = format!("shape {} does not begin with the batch size {samples}", tensor.shape());
                return Err(Error::tensor(name, reason));
            }
            *shape = tensor.shape().to_vec();
            data.extend_from_slice(tensor.as_f32()?);
        }
        Ok(())
    }

    /// Each output with this many rows.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn whole(self, samples: usize) -> Result<Vec<Tensor>> {
        let whole = self.0.into_iter().map(|(mut shape, data)| {
            shape[0] = samples;
            Tensor::from_f32(shape, data)
        });
        whole.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{bucket, runs, runs_beside};

    /// Of each its samples, its starts, and how many go on at a time.
    fn told(all: Vec<super::Runs>) -> Vec<(usize, Vec<usize>, usize)> {
        all.into_iter().map(|runs| (runs.samples, runs.starts, runs.at_a_time)).collect()
    }

    #[test]
    fn every_batch_is_a_sum_of_buckets() {
        assert_eq!([1, 2, 3, 5, 31, 32, 100].map(bucket), [1, 2, 2, 4, 16, 32, 32]);
        assert_eq!(told(runs(100)), [(32, vec![0, 32, 64], 1), (4, vec![96], 1)]);
        assert_eq!(told(runs(0)), []);
    }

    #[test]
    fn what_does_not_fill_all_cores_is_shared_by_them() {
        assert_eq!(runs_beside(3, 1), runs(3));
        assert_eq!(told(runs_beside(5, 2)), [(1, vec![0, 1, 2, 3], 2), (1, vec![4], 1)]);
        let eleven = [(1, (0..8).collect(), 4), (2, vec![8], 1), (1, vec![10], 1)];
        assert_eq!(told(runs_beside(11, 4)), eleven);
        assert_eq!(runs_beside(3, 4), runs(3));
        assert_eq!(told(runs_beside(0, 4)), []);
    }
}
