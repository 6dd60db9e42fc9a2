//! What surrounds a network: its card, the preparation of its input, the meaning of its output.

mod card;
mod checksum;
mod folder;
mod gate;
mod head;
mod interpret;
mod loaded;
mod prepare;

pub use card::{
    Activation, CARD_FILE, Card, ChannelsWanted, Fit, Gate, Input, Intensity, ModelFile, Output, Subspace,
    Task, Use,
};
pub use folder::{Listed, MODELS_VARIABLE, ModelSource, find_model, list_models, models_folder};
pub use gate::Warning;
pub use head::{Histogram, Level};
pub use interpret::Classification;
pub use loaded::Model;
