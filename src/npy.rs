//! NumPy's `.npy` files.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

/// The length of a header that is written before the number of rows is known. Any shape of up to
/// four dimensions fits: NumPy's format only asks that the data start at a multiple of 64.
const STREAM_HEADER: usize = 192;

/// Writes the rows of an array one by one, the number of rows being known only at the end.
#[derive(Debug)]
pub struct RowWriter {
    file: BufWriter<File>,
    row: Vec<usize>,
    rows: usize,
}

impl RowWriter {
    /// A writer of f32 rows of this shape to an empty file.
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
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header("<f4", &shape, STREAM_HEADER)?)?;
        self.file.flush()
    }
}

/// The header of a C-order array, of at least `minimum` bytes.
fn header(descr: &str, shape: &[usize], minimum: usize) -> io::Result<Vec<u8>> {
    let sizes: Vec<String> = shape.iter().map(|n| format!("{n}, ")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", sizes.concat());
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
