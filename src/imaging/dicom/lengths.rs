//! The lengths that a DICOM file states for its elements, held to what is there: the parser asks for as much memory as an
//! element says it has, up to 4 GiB, before it reads it.
//!
//! A walk over the elements' headers (PS3.5, chapter 7) that skips their values. Where the structure is not what the walk
//! knows it ends, and the parser says what is wrong.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use flate2::bufread::DeflateDecoder;

use super::Refusal;
use super::pixels::Packing;

/// What precedes the first element: the preamble and `DICM`.
const START: u64 = 132;
/// Explicit VR Big Endian, retired, and still found in archives.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
const UNDEFINED: u32 = u32::MAX;
/// The group of the elements that say how the others are stored.
const META: u16 = 0x0002;
/// The group of what begins and ends the parts of a sequence.
const DELIMITER: u16 = 0xfffe;
/// What ends a sequence, and the fragments of packed pixels.
const SEQUENCE_END: Tag = Tag(DELIMITER, 0xe0dd);
/// Deflated elements are walked up to here, in bytes; what a header has ends long before.
const MOST_INFLATED: u64 = 256 << 20;

/// How elements are written.
#[derive(Debug, Clone, Copy)]
struct Form {
    is_implicit: bool,
    is_big: bool,
}

const EXPLICIT_LITTLE: Form = Form { is_implicit: false, is_big: false };

/// The header of an element.
struct Element {
    tag: Tag,
    vr: VR,
    length: u32,
}

/// Refuses a file of which an element states more bytes than are left, and one of a transfer syntax that is not read, by its
/// name.
pub(super) fn check(mut file: impl BufRead + Seek) -> Result<(), Refusal> {
    let Some(end) = file.seek(SeekFrom::End(0)).ok().filter(|&end| end > START) else { return Ok(()) };
    if file.seek(SeekFrom::Start(START)).is_err() {
        return Ok(());
    }
    let mut syntax = String::new();
    let mut walk = Walk { file, end, form: EXPLICIT_LITTLE };
    while let Some(element) = walk.peek_meta() {
        walk.fits(&element)?;
        let mut value = vec![0; element.length as usize];
        if walk.file.read_exact(&mut value).is_err() {
            return Ok(());
        }
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            syntax = String::from_utf8_lossy(&value).trim_matches(['\0', ' ']).to_string();
        }
    }
    if !syntax.is_empty() {
        Packing::of(&syntax)?;
    }
    walk.form = Form { is_implicit: syntax == uids::IMPLICIT_VR_LITTLE_ENDIAN, is_big: syntax == BIG_ENDIAN };
    if syntax != uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        return walk.elements();
    }
    let mut inflated = Vec::new();
    // Damaged: the parser says so.
    let _ = DeflateDecoder::new(&mut walk.file).take(MOST_INFLATED).read_to_end(&mut inflated);
    let end = inflated.len() as u64;
    Walk { file: Cursor::new(inflated), end, form: EXPLICIT_LITTLE }.elements()
}

struct Walk<R> {
    file: R,
    end: u64,
    form: Form,
}

impl<R: BufRead + Seek> Walk<R> {
    /// The next element's header, where it is of the meta group; otherwise the place stays.
    fn peek_meta(&mut self) -> Option<Element> {
        let group = self.file.fill_buf().ok()?.get(..2).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok());
        (group.map(u16::from_le_bytes) == Some(META)).then(|| self.next()).flatten()
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn short(&mut self) -> Option<u16> {
        let (bytes, is_big) = (self.bytes()?, self.form.is_big);
        Some(if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&mut self) -> Option<u32> {
        let (bytes, is_big) = (self.bytes()?, self.form.is_big);
        Some(if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn next(&mut self) -> Option<Element> {
        let tag = Tag(self.short()?, self.short()?);
        if tag.group() == DELIMITER {
            return Some(Element { tag, vr: VR::UN, length: self.long()? });
        }
        if self.form.is_implicit {
            let known = StandardDataDictionary.by_tag(tag).and_then(|entry| entry.vr().exact());
            return Some(Element { tag, vr: known.unwrap_or(VR::UN), length: self.long()? });
        }
        // As the parser takes them: unknown ones are UN.
        let vr = VR::from_binary(self.bytes()?).unwrap_or(VR::UN);
        let is_long = matches!(
            vr,
            VR::OB
                | VR::OD
                | VR::OF
                | VR::OL
                | VR::OV
                | VR::OW
                | VR::SQ
                | VR::SV
                | VR::UC
                | VR::UN
                | VR::UR
                | VR::UT
                | VR::UV
        );
        if !is_long {
            return Some(Element { tag, vr, length: u32::from(self.short()?) });
        }
        self.short()?;
        Some(Element { tag, vr, length: self.long()? })
    }

    fn fits(&mut self, element: &Element) -> Result<(), Refusal> {
        let left = self.file.stream_position().map_or(0, |place| self.end.saturating_sub(place));
        if u64::from(element.length) <= left {
            return Ok(());
        }
        let Tag(group, number) = element.tag;
        let reason = format!(
            "damaged DICOM file (the element ({group:04X},{number:04X}) states {} bytes, {left} are left)",
            element.length
        );
        Err((reason, "export or copy it again".into()))
    }

    /// Elements up to the end, or to where the walk knows no further. Sequences are walked into: their parts follow each
    /// other like elements.
    fn elements(mut self) -> Result<(), Refusal> {
        let mut in_fragments = false;
        while let Some(element) = self.next() {
            let is_defined = element.length != UNDEFINED;
            if is_defined {
                self.fits(&element)?;
            }
            let is_part = element.tag.group() == DELIMITER;
            if element.tag == tags::PIXEL_DATA && !is_defined {
                in_fragments = true;
            } else if element.tag == SEQUENCE_END {
                in_fragments = false;
            } else if !is_defined && !is_part && element.vr != VR::SQ {
                return Ok(());
            }
            let is_value = is_defined && if is_part { in_fragments } else { element.vr != VR::SQ };
            if is_value && self.file.seek_relative(i64::from(element.length)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
