//! How a batch of samples is cut into runs, and what these give joined.

use super::MAX_BATCH;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Runs of one size: how many samples each has, and with which they start.
pub(super) type Part = (usize, Vec<usize>);

/// A number of samples as runs of 1, 2, 4 ... of them, so that any number reuses few plans.
pub(super) fn parts(samples: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut start = 0;
    while start < samples {
        let size = bucket(samples - start);
        match parts.last_mut() {
            Some((last, starts)) if *last == size => starts.push(start),
            _ => parts.push((size, vec![start])),
        }
        start += size;
    }
    parts
}

/// As [`parts`], where so many samples are computed at a time: each a run of its own, but for those that are left over.
pub(super) fn parts_beside(samples: usize, beside: usize) -> Vec<Part> {
    if beside == 1 {
        return parts(samples);
    }
    let full = samples - samples % beside;
    let alone = (full > 0).then(|| (1, (0..full).collect()));
    let left = parts(samples - full).into_iter();
    let left = left.map(|(size, starts)| (size, starts.iter().map(|start| full + start).collect()));
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
    use super::{bucket, parts, parts_beside};

    #[test]
    fn every_batch_is_a_sum_of_buckets() {
        assert_eq!([1, 2, 3, 5, 31, 32, 100].map(bucket), [1, 2, 2, 4, 16, 32, 32]);
        assert_eq!(parts(100), [(32, vec![0, 32, 64]), (4, vec![96])]);
        assert_eq!(parts(0), []);
    }

    #[test]
    fn what_does_not_fill_all_cores_is_shared_by_them() {
        assert_eq!(parts_beside(3, 1), parts(3));
        assert_eq!(parts_beside(5, 2), [(1, vec![0, 1, 2, 3]), (1, vec![4])]);
        assert_eq!(parts_beside(11, 4), [(1, (0..8).collect::<Vec<_>>()), (2, vec![8]), (1, vec![10])]);
        assert_eq!(parts_beside(3, 4), parts(3));
        assert_eq!(parts_beside(0, 4), []);
    }
}
