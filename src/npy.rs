//! NumPy's `.npy` files: reading arrays of any order and endianness, writing C-order ones.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. The header is
//! parsed here, not by a crate: it is three known keys, and `npyz` 0.9 multiplies the sizes that a
//! header declares without a check, which panics in a debug build and wraps around in a release.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::part_file::PartFile;
use crate::tensor::{Data, Shape, Tensor};

mod header;

use header::{Element, Header};

/// The length of a header that is written before the number of rows is known. Any shape of up to
/// four dimensions fits: NumPy's format only asks that the data start at a multiple of 64.
const STREAM_HEADER: usize = 192;
/// The largest array that is read, in bytes.
const MAX_BYTES: u64 = 4 << 30;

/// Reads an array: f16, f32 and f64 as f32, and i32, i64 and bool as they are.
///
/// # Errors
/// One line naming the file: not an array of these types, a size that is not the file's, more than
/// 4 GiB, or values that are not finite f32 numbers.
pub fn read(path: &Path) -> Result<Tensor> {
    let unreadable = |e: io::Error| {
        Error::file(path, format!("cannot be read ({e})"), "check the path and its permissions")
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe would wait for its writer for ever.
    if !metadata.is_file() {
        return Err(Error::file(path, "not a file", "give a .npy file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    read_from(BufReader::new(file), metadata.len())
        .map_err(|(reason, remedy)| Error::file(path, reason, remedy))
}

/// Writes a tensor; the file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tensor: &Tensor) -> Result<()> {
    let (part, file) = PartFile::create(path)?;
    let mut file = BufWriter::new(file);
    write_to(&mut file, tensor)
        .and_then(|()| file.flush())
        .map_err(|e| Error::file(path, format!("cannot be written ({e})"), "check the disk's free space"))?;
    part.keep()
}

fn write_to(out: &mut impl Write, tensor: &Tensor) -> io::Result<()> {
    let descr = match tensor.data() {
        Data::F32(_) => "<f4",
        Data::I64(_) => "<i8",
        Data::I32(_) => "<i4",
        Data::Bool(_) => "|b1",
    };
    out.write_all(&header::to_bytes(descr, tensor.shape(), 0)?)?;
    match tensor.data() {
        Data::F32(v) => v.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::I64(v) => v.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::I32(v) => v.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::Bool(v) => v.iter().try_for_each(|&x| out.write_all(&[u8::from(x)])),
    }
}

/// Why a file cannot be used, and what would work.
type Refusal = (String, String);

fn refuse<T>(reason: impl Into<String>, remedy: &str) -> Result<T, Refusal> {
    Err((reason.into(), remedy.into()))
}

/// Reads an array from a file of `length` bytes.
fn read_from(mut input: impl Read, length: u64) -> Result<Tensor, Refusal> {
    let header = Header::read(&mut input)?;
    let shape = Shape::new(header.shape.clone()).map_err(|e| (e.to_string(), RESAVE.to_string()))?;
    let size = data_size(&header, &shape, length)?;
    let mut bytes = vec![0; size];
    let io_error = |e: io::Error| (format!("cannot be read ({e})"), RESAVE.to_string());
    input.read_exact(&mut bytes).map_err(io_error)?;
    let data = convert(&bytes, &header);
    let data = if header.fortran_order { to_c_order(&data, &shape) } else { data };
    check_finite(&data, &shape)?;
    Tensor::new(shape.to_vec(), data).map_err(|e| (e.to_string(), RESAVE.to_string()))
}

const RESAVE: &str = "write it again with numpy.save";

/// The bytes of the data, which are the rest of the file: known before anything is allocated.
fn data_size(header: &Header, shape: &Shape, length: u64) -> Result<usize, Refusal> {
    // Shape::new leaves room for 8 bytes an element, but counts an empty dimension as one.
    let size = shape.elements().saturating_mul(header.element.size());
    let expected = u64::try_from(size).unwrap_or(u64::MAX);
    let present = length.saturating_sub(header.length);
    if present != expected {
        let reason = format!("holds {present} bytes of data where its shape {shape} needs {expected}");
        return refuse(reason, RESAVE);
    }
    if expected > MAX_BYTES {
        return refuse(format!("larger than {} MiB", MAX_BYTES >> 20), "split it along its first axis");
    }
    Ok(size)
}

fn convert(bytes: &[u8], header: &Header) -> Data {
    let big = header.big_endian;
    match header.element {
        Element::F16 => Data::F32(numbers(bytes, big, |b| half::f16::from_le_bytes(b).to_f32())),
        Element::F32 => Data::F32(numbers(bytes, big, f32::from_le_bytes)),
        // The nearest f32; a value out of its range becomes infinite and is refused.
        Element::F64 => Data::F32(numbers(bytes, big, |b| f64::from_le_bytes(b) as f32)),
        Element::I32 => Data::I32(numbers(bytes, big, i32::from_le_bytes)),
        Element::I64 => Data::I64(numbers(bytes, big, i64::from_le_bytes)),
        Element::Bool => Data::Bool(bytes.iter().map(|&b| b != 0).collect()),
    }
}

fn numbers<const N: usize, T>(bytes: &[u8], big_endian: bool, read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let little = |mut chunk: [u8; N]| {
        if big_endian {
            chunk.reverse();
        }
        chunk
    };
    chunks.iter().map(|&chunk| read(little(chunk))).collect()
}

/// Column-major elements as row-major ones.
fn to_c_order(data: &Data, shape: &Shape) -> Data {
    match data {
        Data::F32(v) => Data::F32(transposed(v, shape)),
        Data::I64(v) => Data::I64(transposed(v, shape)),
        Data::I32(v) => Data::I32(transposed(v, shape)),
        Data::Bool(v) => Data::Bool(transposed(v, shape)),
    }
}

fn transposed<T: Copy>(values: &[T], shape: &Shape) -> Vec<T> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |next, &size| {
            let stride = *next;
            *next *= size;
            Some(stride)
        })
        .collect();
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0usize; shape.rank()];
    for _ in 0..values.len() {
        let position: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        out.extend(values.get(position));
        advance(&mut index, shape);
    }
    out
}

/// The next index in row-major order.
fn advance(index: &mut [usize], shape: &Shape) {
    for (i, &size) in index.iter_mut().zip(shape.iter()).rev() {
        *i += 1;
        if *i < size {
            return;
        }
        *i = 0;
    }
}

fn check_finite(data: &Data, shape: &Shape) -> Result<(), Refusal> {
    let Data::F32(values) = data else { return Ok(()) };
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => {
            let index: Vec<usize> =
                shape.strides().iter().zip(shape.iter()).map(|(&s, &d)| position / s % d).collect();
            refuse(
                format!("holds NaN, infinity or a number beyond f32 at {index:?}"),
                "replace such values, for instance with numpy.nan_to_num",
            )
        }
    }
}

/// Writes the rows of an array one by one, the number of rows being known only at the end.
#[derive(Debug)]
pub struct RowWriter {
    file: BufWriter<File>,
    row: Vec<usize>,
    rows: usize,
}

impl RowWriter {
    /// A writer of f32 rows of this shape, of at most three dimensions, to an empty file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: File, row: &[usize]) -> io::Result<Self> {
        let mut file = BufWriter::new(file);
        file.write_all(&[0; STREAM_HEADER])?;
        Ok(RowWriter { file, row: row.to_vec(), rows: 0 })
    }

    /// Appends one row, row-major.
    ///
    /// # Errors
    /// When the row has another number of elements, or the file cannot be written.
    pub fn push(&mut self, row: &[f32]) -> io::Result<()> {
        if row.len() != self.row.iter().product::<usize>() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a row of another size"));
        }
        for value in row {
            self.file.write_all(&value.to_le_bytes())?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Writes the header, now that the number of rows is known, and closes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let mut shape = vec![self.rows];
        shape.extend(&self.row);
        let header = header::to_bytes("<f4", &shape, STREAM_HEADER)?;
        if header.len() != STREAM_HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many dimensions for a row"));
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)?;
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Tensor, Refusal> {
        read_from(bytes, u64::try_from(bytes.len()).unwrap_or(0))
    }

    #[test]
    fn types_and_byte_orders() {
        let big: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect();
        let double: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let half: Vec<u8> = [0x00, 0x3e, 0x00, 0xc0].into();
        for (descr, data) in [(">f4", big), ("<f8", double), ("<f2", half)] {
            let tensor = parse(&array(descr, "False", "(2,)", &data)).expect(descr);
            assert_eq!(tensor.data(), &Data::F32(vec![1.5, -2.0]), "{descr}");
        }
        let tensor = parse(&array("|b1", "False", "(1, 2)", &[0, 1])).expect("bool");
        assert_eq!(tensor.data(), &Data::Bool(vec![false, true]));
        assert_eq!(tensor.shape().to_vec(), [1, 2]);
        let scalar = parse(&array("<i8", "False", "()", &7i64.to_le_bytes())).expect("scalar");
        assert_eq!((scalar.data(), scalar.shape().rank()), (&Data::I64(vec![7]), 0));
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        // numpy.asfortranarray([[0, 1, 2], [3, 4, 5]]) is stored column by column.
        let data: Vec<u8> = [0i32, 3, 1, 4, 2, 5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensor = parse(&array("<i4", "True", "(2, 3)", &data)).expect("fortran");
        assert_eq!(tensor.data(), &Data::I32(vec![0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn hostile_files_are_refused_in_one_line() {
        let one = 1f32.to_le_bytes();
        let mut nested = b"\x93NUMPY\x02\x00".to_vec();
        nested.extend(60_000u32.to_le_bytes());
        nested.extend(vec![b'('; 60_000]);
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("empty", vec![], "not a .npy file"),
            ("text", b"hello, world, this is text".to_vec(), "not a .npy file"),
            ("cut header", array("<f4", "False", "(1,)", &one)[..30].to_vec(), "header"),
            ("nested brackets", nested, "header"),
            ("4 GiB header", b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "header"),
            ("cut data", array("<f4", "False", "(2,)", &one), "holds 4 bytes"),
            ("data left over", array("<f4", "False", "(1,)", &[0; 8]), "holds 8 bytes"),
            ("huge shape", array("<f4", "False", "(99999999999, 99999999999)", &one), "too many elements"),
            (
                "huge and empty",
                array("<f4", "False", "(4611686018427387904, 4, 0)", &[]),
                "too many elements",
            ),
            ("a number too long", array("<f4", "False", "(99999999999999999999999,)", &one), "header"),
            ("large", array("<f4", "False", "(9999999999,)", &one), "needs 39999999996"),
            ("negative shape", array("<f4", "False", "(-1,)", &one), "header"),
            ("text elements", array("<U4", "False", "(1,)", &[0; 16]), "'<U4'"),
            ("bytes", array("|u1", "False", "(4,)", &one), "'|u1'"),
            ("objects", array("|O", "False", "(1,)", &one), "'|O'"),
            (
                "NaN",
                array("<f4", "False", "(1, 1)", &f32::NAN.to_le_bytes()),
                "NaN, infinity or a number beyond f32 at [0, 0]",
            ),
            ("beyond f32", array("<f8", "False", "(1,)", &1e300f64.to_le_bytes()), "beyond f32"),
        ];
        for (name, bytes, expected) in cases {
            let (reason, remedy) = parse(&bytes).expect_err(name);
            assert!(reason.contains(expected), "{name}: {reason}");
            assert!(!reason.contains('\n') && !remedy.is_empty(), "{name}: {reason}");
        }
    }

    #[test]
    fn mutated_files_never_panic() {
        let data: Vec<u8> = (0..24i32).flat_map(i32::to_le_bytes).collect();
        let original = array("<i4", "True", "(2, 3, 4)", &data);
        let mut rng = fastrand::Rng::with_seed(8);
        let mut read = 0;
        for _ in 0..20_000 {
            let mut bytes = original.clone();
            for _ in 0..rng.usize(1..=3) {
                // Past the magic number and the version.
                let at = rng.usize(8..bytes.len());
                bytes[at] = if rng.bool() { rng.u8(..) } else { b" ()',:0123456789"[rng.usize(..16)] };
            }
            read += usize::from(parse(&bytes).is_ok());
        }
        // The header is a third of the file, and most changes of the data leave it right.
        assert!(read > 4_000, "only {read} inputs got past the header");
    }

    #[test]
    fn what_is_written_is_read_again() -> Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("t.npy");
        let data = [
            Data::F32(vec![0.25, -1.0, 3.5e-9, 7.0, 8.0, 9.0]),
            Data::I64(vec![i64::MIN, 1, 2, 3, 4, 5]),
            Data::I32(vec![-1, 1, 2, 3, 4, 5]),
            Data::Bool(vec![true, false, true, true, false, false]),
        ];
        for data in data {
            let tensor = Tensor::new([2, 1, 3], data)?;
            write(&path, &tensor)?;
            assert_eq!(read(&path)?, tensor);
        }
        Ok(())
    }

    #[test]
    fn rows_are_counted_at_the_end() -> Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows.npy");
        let mut rows = RowWriter::new(File::create(&path).expect("a file"), &[1, 2]).expect("a writer");
        rows.push(&[1.0, 2.0]).expect("a row");
        rows.push(&[3.0, 4.0]).expect("a row");
        assert!(rows.push(&[5.0]).is_err());
        rows.finish().expect("a header");
        assert_eq!(read(&path)?, Tensor::from_f32([2, 1, 2], vec![1.0, 2.0, 3.0, 4.0])?);
        Ok(())
    }
}
