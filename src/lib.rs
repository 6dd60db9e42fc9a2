pub mod error;
pub mod imaging;
pub mod model;
pub mod npy;
pub mod part_file;
pub mod tensor;
