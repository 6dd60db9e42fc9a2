//! The JSON of an inference request and its answer.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

/// The JSON of a request in bytes, at most: larger tensors are better sent as bytes. An element takes two bytes of JSON at least, and
/// sixteen of memory.
pub const MOST_JSON: usize = 32 << 20;

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InferenceRequest)]
pub struct Request {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub parameters: Parameters,
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub outputs: Vec<Wanted>,
}

/// A tensor of a request.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RequestInput)]
pub struct Input {
    pub name: String,
    pub shape: Vec<i64>,
    /// Of those that the model says: `FP32`, `INT64` and others.
    pub datatype: String,
    #[serde(default)]
    pub parameters: Parameters,
    /// Elements row by row, flat or nested evenly; none where they follow the JSON as bytes.
    #[schema(value_type = Option<Vec<Value>>)]
    pub data: Option<Numbers>,
}

/// An output that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RequestOutput)]
pub struct Wanted {
    pub name: String,
    #[serde(default)]
    pub parameters: Parameters,
}

/// Parameters that mean something here, of requests, inputs and outputs; others are passed over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = InferenceParameters)]
pub struct Parameters {
    /// Of a tensor that follows the JSON, in bytes.
    #[schema(value_type = Option<u64>)]
    pub binary_data_size: Option<Number>,
    pub binary_data: Option<bool>,
    pub binary_data_output: Option<bool>,
    /// In microseconds.
    #[schema(value_type = Option<u64>)]
    pub timeout: Option<Number>,
    // What is not done is refused, whatever it says.
    #[schema(ignore)]
    sequence_id: Option<IgnoredAny>,
    #[schema(ignore)]
    shared_memory_region: Option<IgnoredAny>,
    #[schema(ignore)]
    classification: Option<IgnoredAny>,
}

/// Parameters that ask for what is not done.
pub const NOT_DONE: [&str; 3] = ["sequence_id", "shared_memory_region", "classification"];

impl Parameters {
    /// Of those that are not done the names that are given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let given =
            [&self.sequence_id, &self.shared_memory_region, &self.classification].map(Option::is_some);
        NOT_DONE.into_iter().zip(given).filter_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// What is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InferenceResponse)]
pub struct Response {
    pub model_name: String,
    pub model_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub outputs: Vec<Output>,
}

/// A tensor of an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResponseOutput)]
pub struct Output {
    pub name: String,
    pub shape: Vec<usize>,
    pub datatype: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>)]
    pub data: Option<Value>,
}

/// The elements of a tensor as JSON has them, row by row: flat, or nested evenly.
#[derive(Debug, Default)]
pub struct Numbers {
    pub elements: Vec<Element>,
    /// How many there are in the lists of each depth.
    shape: Vec<usize>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element {
    Bool(bool),
    Integer(i64),
    Real(f64),
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Numbers, D::Error> {
        let mut numbers = Numbers::default();
        Nested { numbers: &mut numbers, depth: 0 }.deserialize(deserializer)?;
        Ok(numbers)
    }
}

/// A number, or a list of what may be lists again.
struct Nested<'a> {
    numbers: &'a mut Numbers,
    /// How many lists it lies in.
    depth: usize,
}

impl Nested<'_> {
    fn push<E: serde::de::Error>(self, element: Element) -> Result<(), E> {
        // The first number says how deep numbers lie; lists that ended before it have said how long they are.
        if self.numbers.elements.is_empty() && self.numbers.shape.len() < self.depth {
            self.numbers.shape.resize(self.depth, UNKNOWN);
        }
        if self.numbers.shape.len() != self.depth {
            return Err(uneven());
        }
        self.numbers.elements.push(element);
        Ok(())
    }
}

/// The length of lists of which none has ended yet.
const UNKNOWN: usize = usize::MAX;

fn uneven<E: serde::de::Error>() -> E {
    E::custom("data: lists of one depth must be of one length")
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("numbers, or lists of them")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(Element::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(Element::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        let number = i64::try_from(value).map_or(Element::Real(value as f64), Element::Integer);
        self.push(number)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(Element::Real(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (depth, mut length) = (self.depth, 0);
        while list.next_element_seed(Nested { numbers: &mut *self.numbers, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        let shape = &mut self.numbers.shape;
        if shape.len() <= depth {
            shape.resize(depth + 1, UNKNOWN);
        }
        match shape.get_mut(depth) {
            Some(due) if *due == UNKNOWN => *due = length,
            Some(due) if *due == length => {}
            _ => return Err(uneven()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_and_flat_data_are_the_same() {
        let read = |text: &str| serde_json::from_str::<Numbers>(text);
        let expected =
            vec![Element::Integer(1), Element::Real(2.5), Element::Integer(-3), Element::Bool(true)];
        let cases: [(&str, &[usize]); 3] = [
            ("[1, 2.5, -3, true]", &[4]),
            ("[[1, 2.5], [-3, true]]", &[2, 2]),
            ("[[[1]], [[2.5]], [[-3]], [[true]]]", &[4, 1, 1]),
        ];
        for (text, shape) in cases {
            let numbers = read(text).expect(text);
            assert_eq!((numbers.elements, numbers.shape.as_slice()), (expected.clone(), shape));
        }
        let uneven =
            ["[[1, 2], [3]]", "[[], [3]]", "[[3], []]", "[1, [2]]", "[[1], 2]", "[[[1]], [2]]", "[[], 1]"];
        for wrong in ["[\"a\"]", "[null]", "{}", "[1, [2, {}]]"].into_iter().chain(uneven) {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let deep = "[".repeat(10_000);
        assert!(read(&deep).is_err());
    }
}
