//! What surrounds a network: its card, the preparation of its input, the meaning of its output.

mod card;
mod checksum;
mod field;
mod folder;
mod gate;
mod head;
mod interpret;
mod loaded;
mod prepare;

pub use card::{
    Activation, CARD_FILE, Card, ChannelsWanted, Fit, Gate, Input, Intensity, ModelFile, Output, Rule,
    Subspace, Task, Use, Volumes,
};
pub use field::Field;
pub use folder::{Listed, MODELS_VARIABLE, ModelSource, find_model, list_models, models_folder};
pub use gate::Warning;
pub use head::{Histogram, Level};
pub use interpret::Classification;
pub use loaded::Model;
