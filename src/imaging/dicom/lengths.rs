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
/// The first of the elements that say how the others are stored: how many bytes follow it.
const META_LENGTH: Tag = Tag(0x0002, 0x0000);
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

/// Refuses a file of which an element states more bytes than are left, or no whole number of its numbers, after which the
/// parser would take values for headers; and one of a transfer syntax that is not read, by its name.
pub(super) fn check(mut file: impl BufRead + Seek) -> Result<(), Refusal> {
    let Some(end) = file.seek(SeekFrom::End(0)).ok().filter(|&end| end > START) else { return Ok(()) };
    if file.seek(SeekFrom::Start(START)).is_err() {
        return Ok(());
    }
    let mut walk = Walk { file, end, form: EXPLICIT_LITTLE };
    let Some(syntax) = walk.meta()? else { return Ok(()) };
    Packing::of(&syntax)?;
    walk.form = Form { is_implicit: syntax == uids::IMPLICIT_VR_LITTLE_ENDIAN, is_big: syntax == BIG_ENDIAN };
    if syntax != uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        return walk.elements();
    }
    let mut inflated = Vec::new();
    let read = DeflateDecoder::new(&mut walk.file).take(MOST_INFLATED).read_to_end(&mut inflated);
    // What of a corrupt stream can be read depends on how much at a time is asked for.
    read.map_err(|e| damaged(&e.to_string()))?;
    let end = inflated.len() as u64;
    Walk { file: Cursor::new(inflated), end, form: EXPLICIT_LITTLE }.elements()
}

fn damaged(reason: &str) -> Refusal {
    (format!("damaged DICOM file ({reason})"), "export or copy it again".into())
}

/// In how many bytes each of an element's numbers is stored; 1 of texts and bytes.
fn unit(vr: VR) -> u32 {
    match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::AT | VR::FL | VR::SL | VR::UL | VR::OF | VR::OL => 4,
        VR::FD | VR::SV | VR::UV | VR::OD | VR::OV => 8,
        _ => 1,
    }
}

struct Walk<R> {
    file: R,
    end: u64,
    form: Form,
}

impl<R: BufRead + Seek> Walk<R> {
    /// The transfer syntax, from the elements that say how the others are stored; behind them the walk stays, where the
    /// first of them says that they end. None where the parser will not take them either.
    fn meta(&mut self) -> Result<Option<String>, Refusal> {
        let Some(Element { tag: META_LENGTH, length: 4, .. }) = self.next() else { return Ok(None) };
        let Some(length) = self.long() else { return Ok(None) };
        let place = |walk: &mut Self| walk.file.stream_position().unwrap_or(walk.end);
        let end = place(self).saturating_add(u64::from(length));
        let mut syntax = None;
        while place(self) < end {
            let Some(element) = self.next() else { return Ok(None) };
            self.fits(&element)?;
            let mut value = vec![0; element.length as usize];
            if self.file.read_exact(&mut value).is_err() {
                return Ok(None);
            }
            if element.tag == tags::TRANSFER_SYNTAX_UID {
                syntax = Some(String::from_utf8_lossy(&value).trim_matches(['\0', ' ']).to_string());
            }
        }
        Ok(syntax)
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
            let known = StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed());
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
        let Element { tag: Tag(group, number), length, vr } = *element;
        let left = self.file.stream_position().map_or(0, |place| self.end.saturating_sub(place));
        if u64::from(length) > left {
            let what =
                format!("the element ({group:04X},{number:04X}) states {length} bytes, {left} are left");
            return Err(damaged(&what));
        }
        // Where it is the last nothing can be mistaken.
        if !length.is_multiple_of(unit(vr)) && u64::from(length) < left {
            let what = format!("the element ({group:04X},{number:04X}) of {vr:?} has {length} bytes");
            return Err(damaged(&what));
        }
        Ok(())
    }

    /// Elements up to the end, or to where the parser gives up. Sequences are walked into: their parts follow each other
    /// like elements. As the parser has it, what is of undefined length is a sequence, or pixels in fragments.
    fn elements(mut self) -> Result<(), Refusal> {
        let mut in_fragments = false;
        while let Some(element) = self.next() {
            let is_part = element.tag.group() == DELIMITER;
            if element.length == UNDEFINED {
                in_fragments = element.tag == tags::PIXEL_DATA;
                continue;
            }
            self.fits(&element)?;
            in_fragments &= element.tag != SEQUENCE_END;
            let is_value = if is_part { in_fragments } else { element.vr != VR::SQ };
            if is_value && self.file.seek_relative(i64::from(element.length)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
