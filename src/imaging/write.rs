//! Results as PNG files that appear whole or not at all.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use image::RgbImage;

use super::png::{mask_png, picture_png, probabilities_png};
use crate::error::{Error, Result};
use crate::part_file::PartFile;

/// Writes a mask as 8-bit grey: 255 where it is set, 0 elsewhere. Folders that are missing are made.
///
/// # Errors
/// When the mask does not fill the size, or the file cannot be written.
pub fn write_mask(path: &Path, mask: &[bool], size: [usize; 2]) -> Result<()> {
    write_png(path, mask_png(mask, size))
}

/// Writes probabilities times 65535 as 16-bit grey.
///
/// # Errors
/// As [`write_mask`].
pub fn write_probabilities(path: &Path, values: &[u16], size: [usize; 2]) -> Result<()> {
    write_png(path, probabilities_png(values, size))
}

/// Writes a picture for people.
///
/// # Errors
/// As [`write_mask`].
pub fn write_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    write_png(path, picture_png(picture))
}

fn write_png(path: &Path, png: Result<Vec<u8>>) -> Result<()> {
    let png = png.map_err(|e| unwritable(path, &e))?;
    write_whole(path, |out| out.write_all(&png))
}

/// Writes a file that appears whole or not at all, over one of this name. Folders that are missing are made.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| unwritable(path, &e))?;
    }
    let (part, file) = PartFile::create(path)?;
    let mut out = BufWriter::new(file);
    fill(&mut out).and_then(|()| out.flush()).map_err(|e| unwritable(path, &e))?;
    drop(out);
    part.keep()
}

pub(super) fn unwritable(path: &Path, reason: &dyn Display) -> Error {
    Error::file(
        path,
        format!("cannot be written ({reason})"),
        "check the folder, its permissions and its space",
    )
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/x.png");
        write_mask(&path, &[true, false, false, true, true, false], [3, 2]).expect("a mask");
        let DynamicImage::ImageLuma8(mask) = image::open(&path).expect("a PNG") else {
            panic!("no 8-bit grey")
        };
        assert_eq!((mask.dimensions(), mask.as_raw()), ((3, 2), &vec![255, 0, 0, 255, 255, 0]));
        // Over what was there. Both bytes differ, so that their order shows.
        write_probabilities(&path, &[0x0102, 0xfffe], [1, 2]).expect("probabilities");
        let DynamicImage::ImageLuma16(grey) = image::open(&path).expect("a PNG") else {
            panic!("no 16-bit grey")
        };
        assert_eq!((grey.dimensions(), grey.as_raw()), ((1, 2), &vec![0x0102, 0xfffe]));
        write_picture(&path, &RgbImage::from_pixel(2, 1, image::Rgb([1, 2, 3]))).expect("a picture");
        let DynamicImage::ImageRgb8(picture) = image::open(&path).expect("a PNG") else { panic!("no RGB") };
        assert_eq!((picture.dimensions(), picture.as_raw()), ((2, 1), &vec![1, 2, 3, 1, 2, 3]));
        let names: Vec<_> = fs::read_dir(folder.path().join("a/b")).expect("the folder").collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.png");
        let error = write_mask(&path, &[true; 5], [3, 2]).expect_err("too few").to_string();
        assert!(
            error.contains("x.png: cannot be written (tensor 'picture': 5 bytes where 6 are due)"),
            "{error}"
        );
        assert!(write_mask(&path, &[], [0, 0]).is_err());
        fs::create_dir(&path).expect("a folder");
        assert!(write_mask(&path, &[true], [1, 1]).is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
