//! The numbers that voxels are stored as.

use super::header::Refusal;

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

macro_rules! read {
    ($($type:ident $bytes:literal),+) => {
        $(pub fn $type(self, bytes: [u8; $bytes]) -> $type {
            match self {
                Order::Little => $type::from_le_bytes(bytes),
                Order::Big => $type::from_be_bytes(bytes),
            }
        })+
    };
}

impl Order {
    read!(i16 2, u16 2, i32 4, u32 4, i64 8, u64 8, f32 4, f64 8);
}

/// The types of voxels that a scan is stored in, with NIfTI's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    U8 = 2,
    I16 = 4,
    I32 = 8,
    F32 = 16,
    F64 = 64,
    I8 = 256,
    U16 = 512,
    U32 = 768,
    I64 = 1024,
    U64 = 1280,
}

const ALL: [Element; 10] = [
    Element::U8,
    Element::I16,
    Element::I32,
    Element::F32,
    Element::F64,
    Element::I8,
    Element::U16,
    Element::U32,
    Element::I64,
    Element::U64,
];

impl Element {
    pub fn of_code(code: i16) -> Result<Element, Refusal> {
        if let Some(element) = ALL.into_iter().find(|&element| element as i16 == code) {
            return Ok(element);
        }
        let name = match code {
            1 => "single bits",
            32 | 1792 | 2048 => "complex numbers",
            128 | 2304 => "colours",
            1536 => "128-bit floats",
            _ => return Err((format!("voxels of the unknown type {code}"), "save it as float32".into())),
        };
        Err((format!("voxels that are {name} are not supported"), "save it as int16 or float32".into()))
    }

    pub fn bytes(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 | Element::U16 => 2,
            Element::I32 | Element::U32 | Element::F32 => 4,
            Element::I64 | Element::U64 | Element::F64 => 8,
        }
    }

    /// NumPy's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Element::U8 => "uint8",
            Element::I8 => "int8",
            Element::I16 => "int16",
            Element::U16 => "uint16",
            Element::I32 => "int32",
            Element::U32 => "uint32",
            Element::I64 => "int64",
            Element::U64 => "uint64",
            Element::F32 => "float32",
            Element::F64 => "float64",
        }
    }

    /// Appends stored numbers as voxels: `number * slope + intercept`, computed in f64.
    pub fn append(self, bytes: &[u8], order: Order, scale: Option<[f64; 2]>, voxels: &mut Vec<f32>) {
        match self {
            Element::U8 => each(bytes, scale, voxels, |[b]: [u8; 1]| (f32::from(b), f64::from(b))),
            Element::I8 => {
                each(bytes, scale, voxels, |[b]: [u8; 1]| (f32::from(b as i8), f64::from(b as i8)))
            }
            Element::I16 => each(bytes, scale, voxels, |b| both(order.i16(b))),
            Element::U16 => each(bytes, scale, voxels, |b| both(order.u16(b))),
            Element::I32 => each(bytes, scale, voxels, |b| narrowed(f64::from(order.i32(b)))),
            Element::U32 => each(bytes, scale, voxels, |b| narrowed(f64::from(order.u32(b)))),
            Element::F32 => each(bytes, scale, voxels, |b| both(order.f32(b))),
            Element::F64 => each(bytes, scale, voxels, |b| narrowed(order.f64(b))),
            // Beyond 2^53 the nearest number that f64 has: f32 has fewer.
            Element::I64 => each(bytes, scale, voxels, |b| narrowed(order.i64(b) as f64)),
            Element::U64 => each(bytes, scale, voxels, |b| narrowed(order.u64(b) as f64)),
        }
    }
}

fn both<T: Copy + Into<f32> + Into<f64>>(number: T) -> (f32, f64) {
    (number.into(), number.into())
}

fn narrowed(number: f64) -> (f32, f64) {
    (number as f32, number)
}

/// `number` gives the stored number as f32 and as f64.
fn each<const N: usize>(
    bytes: &[u8],
    scale: Option<[f64; 2]>,
    voxels: &mut Vec<f32>,
    number: impl Fn([u8; N]) -> (f32, f64),
) {
    let (numbers, _) = bytes.as_chunks::<N>();
    match scale {
        None => voxels.extend(numbers.iter().map(|&bytes| number(bytes).0)),
        Some([slope, intercept]) => {
            voxels.extend(numbers.iter().map(|&bytes| (number(bytes).1 * slope + intercept) as f32));
        }
    }
}
