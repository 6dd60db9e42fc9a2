//! What follows a convolution, product or sum in the same dispatch: the fused tail of a node.
//!
//! `y = last(post(first(pre(x))) + residual)` where `pre` and `post` scale and shift per channel.
//! `pre` never reaches a shader: it is folded into the weights.

use std::fmt;
use std::sync::Arc;

use super::activation::Activation;

/// Multiplication and addition per channel (axis 1): batch normalisation, and arithmetic with constants.
#[derive(Clone, PartialEq)]
pub struct ScaleShift {
    pub scale: Arc<[f32]>,
    pub shift: Arc<[f32]>,
}

/// Without the values, which no kernel's speed depends on ([`crate::plan::site`]).
impl fmt::Debug for ScaleShift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScaleShift({})", self.scale.len())
    }
}

impl ScaleShift {
    /// `next` applied after `self`.
    fn then(&self, next: &ScaleShift) -> ScaleShift {
        let pairs = || self.scale.iter().zip(self.shift.iter()).zip(next.scale.iter().zip(next.shift.iter()));
        ScaleShift {
            scale: pairs().map(|((s, _), (ns, _))| s * ns).collect(),
            shift: pairs().map(|((_, t), (ns, nt))| t * ns + nt).collect(),
        }
    }
}

/// One step of an epilogue, as the node that could become it describes itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Activation(Activation),
    ScaleShift(ScaleShift),
    /// Addition of another value of the same shape, the input at this position of the node.
    Residual {
        position: usize,
    },
}

/// The fused tail of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Epilogue {
    pub pre: Option<ScaleShift>,
    pub first: Activation,
    pub post: Option<ScaleShift>,
    pub residual: bool,
    pub last: Activation,
}

impl Epilogue {
    /// Whether nothing has been fused.
    pub fn is_empty(&self) -> bool {
        *self == Epilogue::default()
    }

    /// The activation that everything ends in, as a stage; `None` if there is none.
    pub fn last_stage(&self) -> Option<Stage> {
        (self.last != Activation::None).then_some(Stage::Activation(self.last))
    }

    /// Whether the residual is added to the sums themselves, scaled at most: nothing else comes in between.
    pub fn adds_to_sums(&self) -> bool {
        self.residual && self.first == Activation::None && self.post.is_none()
    }

    /// The epilogue with one more stage, or `None` if the fixed order has no place left for it.
    /// `fold` says whether the node has constant weights that can take up a scale and shift.
    pub fn with(&self, stage: &Stage, fold: bool) -> Option<Epilogue> {
        let mut next = self.clone();
        if self.last != Activation::None {
            return None;
        }
        match stage {
            Stage::Activation(activation) => {
                let untouched = self.first == Activation::None && self.post.is_none() && !self.residual;
                *(if untouched { &mut next.first } else { &mut next.last }) = *activation;
            }
            Stage::ScaleShift(_) if self.residual => return None,
            Stage::ScaleShift(new) => {
                let in_weights = fold && self.first == Activation::None && self.post.is_none();
                let slot = if in_weights { &mut next.pre } else { &mut next.post };
                *slot = Some(slot.as_ref().map_or_else(|| new.clone(), |old| old.then(new)));
            }
            Stage::Residual { .. } if self.residual => return None,
            Stage::Residual { .. } => next.residual = true,
        }
        Some(next)
    }

    /// The epilogue on absolute values, which bounds what an error of the sums becomes: activations of sums, such as
    /// Relu, do not add to it.
    pub fn absolute(&self) -> Epilogue {
        let positive = |s: &ScaleShift| ScaleShift {
            scale: s.scale.iter().map(|v| v.abs()).collect(),
            shift: s.shift.iter().map(|v| v.abs()).collect(),
        };
        let (pre, post) = (self.pre.as_ref().map(positive), self.post.as_ref().map(positive));
        Epilogue { pre, post, residual: self.residual, ..Epilogue::default() }
    }

    /// The epilogue on one number, for the twins.
    pub fn apply(&self, x: f64, channel: usize, residual: f64) -> f64 {
        let scaled = |x: f64, s: &Option<ScaleShift>| match s {
            Some(s) => x * f64::from(s.scale[channel]) + f64::from(s.shift[channel]),
            None => x,
        };
        let x = scaled(self.first.apply(scaled(x, &self.pre)), &self.post);
        self.last.apply(x + residual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(s: f32, t: f32) -> Stage {
        Stage::ScaleShift(ScaleShift { scale: [s].into(), shift: [t].into() })
    }

    #[test]
    fn stages_compute_what_they_would_one_after_another() {
        let stages =
            [scale(2.0, 1.0), Stage::Activation(Activation::Relu), scale(3.0, -1.0), scale(0.5, 4.0)];
        for fold in [true, false] {
            let epilogue = stages.iter().try_fold(Epilogue::default(), |e, s| e.with(s, fold));
            // Without folding, the first scale takes the only place, so the activation comes too late for it.
            match epilogue {
                Some(e) if fold => assert_eq!(e.apply(5.0, 0, 0.0), (11.0 * 3.0 - 1.0) * 0.5 + 4.0),
                other => assert!(!fold && other.is_none()),
            }
        }
    }

    #[test]
    fn nothing_follows_the_last_activation() {
        let relu = Stage::Activation(Activation::Relu);
        let full = Epilogue::default()
            .with(&Stage::Residual { position: 1 }, true)
            .unwrap()
            .with(&relu, true)
            .unwrap();
        assert_eq!(full.apply(-3.0, 0, 1.0), 0.0);
        assert!(full.with(&relu, true).is_none());
        assert!(full.with(&scale(1.0, 0.0), true).is_none());
    }
}
