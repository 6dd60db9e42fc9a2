pub mod error;
pub mod tensor;
