//! Attributes by their tags, leniently: one that is missing, empty or no number is none.

use dicom_core::{DataDictionary, Tag};
use dicom_object::InMemDicomObject;

/// A data set, or an item of a sequence.
#[derive(Clone, Copy)]
pub(super) struct Item<'a>(pub &'a InMemDicomObject);

impl<'a> Item<'a> {
    pub fn numbers(self, tag: Tag) -> Option<Vec<f64>> {
        self.0.get(tag)?.to_multi_float64().ok().filter(|numbers| !numbers.is_empty())
    }

    pub fn number(self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// Exactly so many numbers, all finite.
    pub fn vector<const N: usize>(self, tag: Tag) -> Option<[f64; N]> {
        let numbers: [f64; N] = self.numbers(tag)?.try_into().ok()?;
        numbers.iter().all(|n| n.is_finite()).then_some(numbers)
    }

    pub fn integer(self, tag: Tag) -> Option<i64> {
        self.0.get(tag)?.to_int().ok()
    }

    pub fn text(self, tag: Tag) -> Option<String> {
        let text = self.0.get(tag)?.to_str().ok()?;
        // Values are padded to an even length, by blanks or a zero.
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_string())
    }

    pub fn items(self, tag: Tag) -> &'a [InMemDicomObject] {
        self.0.get(tag).and_then(|element| element.items()).unwrap_or_default()
    }

    /// The first item of a sequence.
    pub fn item(self, tag: Tag) -> Option<Item<'a>> {
        self.items(tag).first().map(Item)
    }
}

/// A tag as it is written in the standard, with its name.
pub(super) fn named(tag: Tag) -> String {
    let entry = dicom_dictionary_std::StandardDataDictionary.by_tag(tag);
    let name = entry.map_or("", |entry| entry.alias);
    format!("{name} {tag}")
}
