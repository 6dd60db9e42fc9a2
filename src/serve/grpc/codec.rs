//! Messages that would take far more memory than bytes are not unpacked.

use bytes::Buf;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::prost::Message;
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Messages, maps' entries, texts and tensors of a call. An empty one is two bytes, and three hundred once it is unpacked.
const MOST_PARTS: usize = 16_384;

/// Of `ModelInferRequest` the fields whose own fields may be many too, from the outside in: its parameters, its inputs with their
/// parameters and contents, and the outputs that are wanted. Those of other fields are bytes.
const OUTER: [&[u64]; 5] = [&[4], &[5], &[5, 4], &[5, 5], &[6]];

/// Kinds of fields on the wire: <https://protobuf.dev/programming-guides/encoding/>.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const COUNTED: u64 = 2;
const GROUP_BEGINS: u64 = 3;
const GROUP_ENDS: u64 = 4;
const FOUR_BYTES: u64 = 5;

/// Prost's codec, with a bound on what it unpacks.
#[derive(Debug)]
pub struct Bounded<T, U>(ProstCodec<T, U>);

impl<T, U> Default for Bounded<T, U> {
    fn default() -> Self {
        Bounded(ProstCodec::default())
    }
}

impl<T, U> Codec for Bounded<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        self.0.encoder()
    }

    fn decoder(&mut self) -> BoundedDecoder<U> {
        BoundedDecoder(self.0.decoder())
    }
}

/// What unpacks messages.
#[derive(Debug)]
pub struct BoundedDecoder<U>(ProstDecoder<U>);

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // The whole message lies in one piece.
        if parts(buffer.chunk(), &mut Vec::new(), MOST_PARTS).is_none() {
            return Err(Status::invalid_argument(format!("a message of more than {MOST_PARTS} parts")));
        }
        self.0.decode(buffer)
    }
}

/// How many of so many parts are left once these fields are unpacked, which are those of the field at `path`; none where there are
/// more. What is damaged ends it: prost says so better.
fn parts(mut fields: &[u8], path: &mut Vec<u64>, mut left: usize) -> Option<usize> {
    while let Some(key) = varint(&mut fields) {
        let size = match key & 7 {
            VARINT => varint(&mut fields).map(|_| 0),
            EIGHT_BYTES => Some(8),
            COUNTED => varint(&mut fields).and_then(|size| usize::try_from(size).ok()),
            FOUR_BYTES => Some(4),
            // Marks alone; prost passes over what lies between.
            GROUP_BEGINS | GROUP_ENDS => Some(0),
            _ => None,
        };
        let Some((own, rest)) = size.and_then(|size| fields.split_at_checked(size)) else {
            return Some(left);
        };
        fields = rest;
        if key & 7 == COUNTED {
            left = left.checked_sub(1)?;
            path.push(key >> 3);
            if OUTER.contains(&path.as_slice()) {
                left = parts(own, path, left)?;
            }
            path.pop();
        }
    }
    Some(left)
}

/// The number at the front, which is taken off.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::wire::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
    use super::super::wire::{InferParameter, InferTensorContents, ModelInferRequest};
    use super::*;

    fn of(request: &ModelInferRequest) -> Option<usize> {
        parts(&request.encode_to_vec(), &mut Vec::new(), 100).map(|left| 100 - left)
    }

    #[test]
    fn parts_are_what_is_allocated_for() {
        let parameters = || [("a".to_string(), InferParameter::default())].into();
        let contents = InferTensorContents { bytes_contents: vec![vec![1]; 3], ..Default::default() };
        let input = InferInputTensor {
            name: "x".into(),
            shape: vec![1; 50],
            parameters: parameters(),
            contents: Some(contents),
            ..Default::default()
        };
        let request = ModelInferRequest {
            model_name: "m".into(),
            parameters: parameters(),
            inputs: vec![input],
            outputs: vec![InferRequestedOutputTensor { name: "y".into(), ..Default::default() }],
            // Bytes that look like many fields are none.
            raw_input_contents: vec![[0x2a, 0].repeat(500)],
            ..Default::default()
        };
        // The model; a parameter with its name; the input with its name, its shape, a parameter with its name, contents and three texts;
        // the output with its name; the bytes.
        assert_eq!(of(&request), Some(1 + 2 + (1 + 1 + 1 + 2 + 1 + 3) + 2 + 1));
    }

    #[test]
    fn a_message_of_empty_messages_is_refused() {
        let bomb = |field: u8, count: usize| [field << 3 | 2, 0].repeat(count);
        for field in [4, 5, 6, 7] {
            assert_eq!(parts(&bomb(field, 100), &mut Vec::new(), 100), Some(0));
            assert_eq!(parts(&bomb(field, 101), &mut Vec::new(), 100), None, "{field}");
        }
        let behind_a_group = [&[0x7b, 0x7c][..], &bomb(5, 101)].concat();
        assert_eq!(parts(&behind_a_group, &mut Vec::new(), 100), None);
        let inner = bomb(8, 60);
        let contents = [&[5 << 3 | 2, inner.len() as u8][..], &inner].concat();
        let input = [&[5 << 3 | 2, contents.len() as u8][..], &contents].concat();
        assert_eq!(parts(&input, &mut Vec::new(), 62), Some(0));
        assert_eq!(parts(&input, &mut Vec::new(), 61), None);
    }

    #[test]
    fn damaged_messages_are_left_to_prost() {
        for damaged in [&[0x2a][..], &[0x2a, 9, 0], &[0xff; 20], &[0x2b, 0], &[0x29, 1]] {
            assert_eq!(parts(damaged, &mut Vec::new(), 100), Some(100), "{damaged:?}");
        }
    }
}
