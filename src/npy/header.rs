//! The header of a `.npy` file.

use std::io::{self, Read};

use super::{RESAVE, Refusal, refuse};

/// The longest header that is read, in bytes; NumPy itself stops at 10,000.
const MAX_HEADER: u64 = 1 << 16;

/// The types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
    I32,
    I64,
    Bool,
}

impl Element {
    /// Bytes an element.
    pub fn size(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::F16 => 2,
            Element::F32 | Element::I32 => 4,
            Element::F64 | Element::I64 => 8,
        }
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub element: Element,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
    /// The bytes before the data.
    pub length: u64,
}

impl Header {
    /// Reads the header, up to the first byte of the data.
    pub fn read(input: &mut impl Read) -> Result<Self, Refusal> {
        let not_npy = |_| ("not a .npy file".to_string(), RESAVE.to_string());
        let mut start = [0; 8];
        input.read_exact(&mut start).map_err(not_npy)?;
        let [b'\x93', b'N', b'U', b'M', b'P', b'Y', major, _] = start else {
            return refuse("not a .npy file", RESAVE);
        };
        let (size, before) = match major {
            1 => (u64::from(u16::from_le_bytes(array(input)?)), 10),
            2 | 3 => (u64::from(u32::from_le_bytes(array(input)?)), 12),
            _ => return refuse(format!("version {major} of .npy is not supported"), RESAVE),
        };
        if size > MAX_HEADER {
            return refuse(format!("its header of {size} bytes is too long"), RESAVE);
        }
        let mut text = String::new();
        let count = input.take(size).read_to_string(&mut text).map_err(|_| damaged())?;
        if u64::try_from(count) != Ok(size) {
            return Err(damaged());
        }
        let fields = fields(&text).ok_or_else(damaged)?;
        let (element, big_endian) = element(fields.descr)?;
        let (fortran_order, shape) = (fields.fortran_order, fields.shape);
        Ok(Header { element, big_endian, fortran_order, shape, length: before + size })
    }
}

fn damaged() -> Refusal {
    ("its header is damaged".into(), RESAVE.into())
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(|_| damaged())?;
    Ok(bytes)
}

/// The type that a NumPy type string means, and whether its bytes are big-endian.
fn element(descr: &str) -> Result<(Element, bool), Refusal> {
    let element = match descr.trim_start_matches(['<', '>', '|', '=']) {
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "b1" => Element::Bool,
        _ => {
            let shown: String = descr.chars().take(20).collect();
            return refuse(format!("elements of type '{shown}' are not read"), "save it as numpy.float32");
        }
    };
    Ok((element, descr.starts_with('>')))
}

struct Fields<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// The three entries of the Python dictionary, in any order; None where anything else stands.
fn fields(text: &str) -> Option<Fields<'_>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        rest = match key {
            "descr" => descr.insert_rest(quoted(value)?),
            "fortran_order" => fortran_order.insert_rest(boolean(value)?),
            "shape" => shape.insert_rest(tuple(value)?),
            _ => return None,
        };
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').map(str::trim_start).or(rest.is_empty().then_some(rest))?;
    }
    Some(Fields { descr: descr?, fortran_order: fortran_order?, shape: shape? })
}

/// Keeps a parsed value and hands on the text behind it.
trait InsertRest<'a, T> {
    fn insert_rest(&mut self, parsed: (T, &'a str)) -> &'a str;
}

impl<'a, T> InsertRest<'a, T> for Option<T> {
    fn insert_rest(&mut self, (value, rest): (T, &'a str)) -> &'a str {
        *self = Some(value);
        rest
    }
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text.get(1..)?.split_once(quote)
}

fn boolean(text: &str) -> Option<(bool, &str)> {
    let yes = text.strip_prefix("True").map(|rest| (true, rest));
    yes.or_else(|| text.strip_prefix("False").map(|rest| (false, rest)))
}

fn tuple(text: &str) -> Option<(Vec<usize>, &str)> {
    let (inside, rest) = text.strip_prefix('(')?.split_once(')')?;
    let inside = inside.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some((Vec::new(), rest));
    }
    // Python 2 wrote long integers with a suffix.
    let size = |s: &str| s.trim().trim_end_matches('L').parse().ok();
    Some((inside.split(',').map(size).collect::<Option<_>>()?, rest))
}

/// The header of a C-order array, of at least `minimum` bytes.
pub(super) fn to_bytes(descr: &str, shape: &[usize], minimum: usize) -> io::Result<Vec<u8>> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let sizes = sizes.join(", ");
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}{comma}), }}");
    let total = (text.len() + 11).next_multiple_of(64).max(minimum);
    let length = u16::try_from(total - 10)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too many dimensions for .npy"))?;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(total - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}
