//! A node's attributes, and the reader that makes sure that every one of them is honoured.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::network::NodeDef;
use crate::ops::Reason;
use crate::tensor::Tensor;

/// The value of one attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    Text(String),
    Tensor(Arc<Tensor>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
    /// A kind that no supported operator takes (graphs, sparse tensors); kept so that it is refused by name.
    Other(&'static str),
}

/// All attributes of a node, by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// Hands out attributes and remembers which were asked for, so that none is silently ignored.
pub struct AttributeReader<'a> {
    attributes: &'a Attributes,
    seen: RefCell<BTreeSet<&'a str>>,
    /// Version of ONNX's operator set that the network declares.
    pub opset: i64,
    /// How many outputs the node names: for operators that may have any number.
    pub outputs: usize,
}

impl<'a> AttributeReader<'a> {
    pub fn new(attributes: &'a Attributes, opset: i64) -> Self {
        AttributeReader { attributes, seen: RefCell::default(), opset, outputs: 1 }
    }

    /// The attributes of a node.
    pub fn of(node: &'a NodeDef, opset: i64) -> Self {
        AttributeReader { outputs: node.outputs.len(), ..AttributeReader::new(&node.attributes, opset) }
    }

    fn get(&self, name: &str) -> Option<&'a Attribute> {
        let (name, value) = self.attributes.get_key_value(name)?;
        self.seen.borrow_mut().insert(name);
        Some(value)
    }

    /// An integer, or the default where it is absent.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, Reason> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    pub fn optional_int(&self, name: &str) -> Result<Option<i64>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(Attribute::Int(v)) => Ok(Some(*v)),
            Some(_) => Err(wrong_type(name, "an integer")),
        }
    }

    /// A flag stored as an integer.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Reason> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    pub fn float(&self, name: &str, default: f32) -> Result<f32, Reason> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    pub fn optional_float(&self, name: &str) -> Result<Option<f32>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(Attribute::Float(v)) => Ok(Some(*v)),
            Some(_) => Err(wrong_type(name, "a float")),
        }
    }

    pub fn text(&self, name: &str, default: &str) -> Result<String, Reason> {
        match self.get(name) {
            None => Ok(default.to_string()),
            Some(Attribute::Text(v)) => Ok(v.clone()),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    pub fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(v)) => Ok(Some(v.clone())),
            Some(_) => Err(wrong_type(name, "a list of integers")),
        }
    }

    /// A list of sizes or positions, none negative.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Reason> {
        let Some(values) = self.ints(name)? else { return Ok(None) };
        let sizes: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
        sizes.map(Some).ok_or_else(|| Reason(format!("attribute {name} has a negative entry: {values:?}")))
    }

    pub fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(v)) => Ok(Some(v.clone())),
            Some(_) => Err(wrong_type(name, "a list of floats")),
        }
    }

    pub fn tensor(&self, name: &str) -> Result<Option<Arc<Tensor>>, Reason> {
        match self.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(v)) => Ok(Some(v.clone())),
            Some(_) => Err(wrong_type(name, "a tensor")),
        }
    }

    /// Accepts an attribute without effect on inference (a training flag, a storage hint).
    pub fn ignore(&self, name: &str) {
        self.get(name);
    }

    /// # Errors
    /// When the node carries an attribute that the operator did not read.
    pub fn finish(&self) -> Result<(), Reason> {
        let seen = self.seen.borrow();
        let unread: Vec<&str> =
            self.attributes.keys().map(String::as_str).filter(|k| !seen.contains(k)).collect();
        if unread.is_empty() {
            return Ok(());
        }
        Err(Reason(format!("attribute(s) not supported: {}", unread.join(", "))))
    }
}

fn wrong_type(name: &str, expected: &str) -> Reason {
    Reason(format!("attribute {name} is not {expected}"))
}
