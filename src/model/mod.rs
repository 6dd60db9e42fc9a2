//! What surrounds a network: its card, the preparation of its input, the meaning of its output.

mod card;
mod prepare;

pub use card::{
    Activation, Card, ChannelsWanted, Fit, Gate, Input, Intensity, ModelFile, Output, Subspace, Task, Use,
};
