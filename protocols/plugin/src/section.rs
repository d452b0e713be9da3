//! A section: readings of one moment and one type, as columns that must fit together.

use crate::Breach;
use crate::v1::Section;

/// Which column holds the values of a section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// None: every reading is Bad.
    Empty,
    /// `bools`.
    Bools,
    /// `ints`.
    Ints,
    /// `uints`.
    Uints,
    /// `floats`.
    Floats,
    /// `doubles`.
    Doubles,
    /// `texts`.
    Texts,
}

/// Codes of Bad qualities begin here (`forehearth_model::Quality`).
const FIRST_BAD: u32 = 32;

/// Checks that the columns fit together, and says where the values are.
///
/// # Errors
/// When they don't.
pub fn check_section(section: &Section) -> Result<Column, Breach> {
    let tags = section.tags.len();
    let columns = [
        (Column::Bools, section.bools.len(), "bools"),
        (Column::Ints, section.ints.len(), "ints"),
        (Column::Uints, section.uints.len(), "uints"),
        (Column::Floats, section.floats.len(), "floats"),
        (Column::Doubles, section.doubles.len(), "doubles"),
        (Column::Texts, section.texts.len(), "texts"),
    ];
    let qualities = &section.qualities;
    if !qualities.is_empty() && qualities.len() != tags {
        return Err(Breach::Ragged { tags, column: qualities.len(), what: "qualities" });
    }
    if let Some(code) = qualities.iter().find(|code| **code > u32::from(u8::MAX)) {
        return Err(Breach::UnknownQuality { code: *code });
    }
    let mut filled = columns.into_iter().filter(|(_, length, _)| *length > 0);
    let Some((column, length, what)) = filled.next() else {
        let bad = qualities.len() == tags && qualities.iter().all(|code| *code >= FIRST_BAD);
        return if bad { Ok(Column::Empty) } else { Err(Breach::NoValues) };
    };
    if filled.next().is_some() {
        return Err(Breach::MixedTypes);
    }
    if length != tags {
        return Err(Breach::Ragged { tags, column: length, what });
    }
    Ok(column)
}

#[cfg(test)]
mod tests {
    use super::{Column, check_section};
    use crate::Breach;
    use crate::v1::Section;

    fn section() -> Section {
        Section { tags: vec![1, 2], ints: vec![3, -4], ..Section::default() }
    }

    #[test]
    fn columns_that_fit_pass() {
        assert_eq!(check_section(&section()), Ok(Column::Ints));
        let bad = Section { tags: vec![1, 2], qualities: vec![33, 35], ..Section::default() };
        assert_eq!(check_section(&bad), Ok(Column::Empty));
        assert_eq!(check_section(&Section::default()), Ok(Column::Empty));
    }

    #[test]
    fn columns_that_dont_fit_are_refused() {
        let ragged = Section { ints: vec![3], ..section() };
        assert_eq!(
            check_section(&ragged),
            Err(Breach::Ragged { tags: 2, column: 1, what: "ints" })
        );
        let ragged = Section { qualities: vec![0], ..section() };
        assert!(matches!(check_section(&ragged), Err(Breach::Ragged { what: "qualities", .. })));
        let mixed = Section { doubles: vec![1.0, 2.0], ..section() };
        assert_eq!(check_section(&mixed), Err(Breach::MixedTypes));
        let quality = Section { qualities: vec![0, 300], ..section() };
        assert_eq!(check_section(&quality), Err(Breach::UnknownQuality { code: 300 }));
    }

    #[test]
    fn no_good_reading_without_a_value() {
        let empty = Section { tags: vec![1], ..Section::default() };
        assert_eq!(check_section(&empty), Err(Breach::NoValues));
        let good = Section { tags: vec![1, 2], qualities: vec![33, 0], ..Section::default() };
        assert_eq!(check_section(&good), Err(Breach::NoValues));
    }
}
