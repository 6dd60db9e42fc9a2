//! The JSON of an inference request and its answer.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Numbers of a request's JSON, at most: more of them are better sent as bytes.
const MOST_NUMBERS: usize = 1 << 24;

/// What is asked.
#[derive(Debug, Deserialize)]
pub struct Request {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub parameters: Map<String, Value>,
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub outputs: Vec<Wanted>,
}

/// A tensor of a request.
#[derive(Debug, Deserialize)]
pub struct Input {
    pub name: String,
    pub shape: Vec<i64>,
    pub datatype: String,
    #[serde(default)]
    pub parameters: Map<String, Value>,
    pub data: Option<Numbers>,
}

/// An output that is asked for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    pub name: String,
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// What is answered.
#[derive(Debug, Serialize)]
pub struct Response {
    pub model_name: String,
    pub model_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub outputs: Vec<Output>,
}

/// A tensor of an answer.
#[derive(Debug, Serialize)]
pub struct Output {
    pub name: String,
    pub shape: Vec<usize>,
    pub datatype: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The elements of a tensor as JSON has them: nested or flat, row by row.
#[derive(Debug, Default)]
pub struct Numbers(pub Vec<Number>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Bool(bool),
    Integer(i64),
    Real(f64),
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Numbers, D::Error> {
        let mut numbers = Vec::new();
        Nested(&mut numbers).deserialize(deserializer)?;
        Ok(Numbers(numbers))
    }
}

/// A number, or a list of what may be lists again.
struct Nested<'a>(&'a mut Vec<Number>);

impl Nested<'_> {
    fn push<E: serde::de::Error>(self, number: Number) -> Result<(), E> {
        if self.0.len() == MOST_NUMBERS {
            return Err(E::custom("too many numbers for JSON; send the tensor as bytes"));
        }
        self.0.push(number);
        Ok(())
    }
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
        self.push(Number::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(Number::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        let number = i64::try_from(value).map_or(Number::Real(value as f64), Number::Integer);
        self.push(number)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(Number::Real(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Nested(self.0))?.is_some() {}
        if self.0.len() > MOST_NUMBERS {
            return Err(A::Error::custom("too many numbers"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_and_flat_data_are_the_same() {
        let read = |text: &str| serde_json::from_str::<Numbers>(text).map(|numbers| numbers.0);
        let expected = vec![Number::Integer(1), Number::Real(2.5), Number::Integer(-3), Number::Bool(true)];
        for text in ["[1, 2.5, -3, true]", "[[1, 2.5], [-3, true]]", "[[[1]], [[2.5]], [[-3]], [[true]]]"] {
            assert_eq!(read(text).expect(text), expected);
        }
        for wrong in ["[\"a\"]", "[null]", "{}", "[1, [2, {}]]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let deep = "[".repeat(10_000);
        assert!(read(&deep).is_err());
    }
}
