//! Every key of a map, described once: the known keys, the JSON Schema and the reference page come from here.
//!
//! What a key's value must be beyond its kind (that `l` lies below `h`, that a
//! profile has the name a device gives) is the reader's business; a schema
//! can't say it.

#[cfg(test)]
mod checks;
pub(crate) mod field;
pub(crate) mod gateway;
pub(crate) mod link;
pub(crate) mod tag;

use std::time::Duration;

use crate::texts::Phrase;

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    /// What it says, in English and Chinese.
    pub(crate) doc: Phrase,
    /// The key with a value, as TOML.
    pub(crate) example: &'static str,
}

/// Whether a key must be there, and what holds without it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    /// Nothing, or what the doc says.
    Optional,
    /// This value, as TOML.
    Default(&'static str),
    /// Part of the map's language that this version refuses.
    Refused,
}

/// What stands behind a key.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// A text, or `{ en, zh }`.
    Bilingual,
    Integer(i64, i64),
    Number,
    Boolean,
    Duration(Duration, Duration),
    /// Bytes.
    Size(u64, u64),
    /// Bytes per second.
    ByteRate,
    /// A number, or a percentage of the span.
    Amount,
    Word(&'static [&'static str]),
    /// A period: a duration or a name of `[rates]`.
    Rate,
    /// Two numbers, low end first.
    Pair,
    Texts,
    /// A text, or several to be tried in order.
    TextOrTexts,
    /// Some of a few words.
    Words(&'static [&'static str]),
    /// Whole numbers and texts.
    Items,
    /// Whatever the parameter's type asks for.
    Scalar,
    Table(&'static Section),
    /// `[[key]]`.
    Tables(&'static Section),
    /// A table of tables, by names that the map gives.
    Named(&'static Section),
    /// Names with durations.
    NamedRates,
    /// Whole numbers with texts.
    NumberedTexts,
    /// Names with texts.
    NamedTexts,
    /// Names with texts, numbers or truth values.
    NamedScalars,
    /// One of these words, or `plugin:` and a name.
    WordOrPlugin(&'static [&'static str]),
    /// Variables with a range, a list or a sheet.
    Variables,
    /// Addresses with the words (or bits) from there on.
    Registers,
    /// Names of tags with what they must read.
    Expected,
}

/// A table of the map with all keys that it may have.
pub(crate) struct Section {
    /// Name in the schema and anchor in the reference page.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) heading: &'static str,
    pub(crate) doc: Phrase,
    pub(crate) keys: &'static [&'static [Key]],
    /// Whether texts and numbers may hold expressions.
    pub(crate) scoped: bool,
    /// Whether a profile's parameters are keys as well.
    pub(crate) open: bool,
}

impl Section {
    /// All keys in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().copied().flatten()
    }
}

/// The kinds of files a map has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapFile {
    /// `gateway.toml`.
    Gateway,
    /// `profiles/*.toml`.
    Profile,
    /// `devices/*.toml`.
    Devices,
}

impl MapFile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Profile, Self::Devices];

    /// Its word on the command line and in file names.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Profile => "profile",
            Self::Devices => "devices",
        }
    }

    /// What the file may hold.
    pub(crate) const fn section(self) -> &'static Section {
        match self {
            Self::Gateway => &gateway::FILE,
            Self::Profile => &field::PROFILE,
            Self::Devices => &field::FILE,
        }
    }
}

/// The names of some keys.
pub(crate) const fn names<const N: usize>(keys: &[Key]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut position = 0;
    while position < N {
        names[position] = keys[position].name;
        position += 1;
    }
    names
}

/// The names of those that this version refuses.
pub(crate) fn refused(keys: &'static [Key]) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(|key| key.need == Need::Refused).map(|key| key.name)
}

/// A file with every section below it, each once, in the order of first use.
pub(crate) fn sections(file: MapFile) -> Vec<&'static Section> {
    let mut found = vec![file.section()];
    let mut next = 0;
    while let Some(section) = found.get(next).copied() {
        for key in section.all() {
            if let Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) = key.kind
                && !found.iter().any(|known| std::ptr::eq(*known, inner))
            {
                found.push(inner);
            }
        }
        next += 1;
    }
    found
}

macro_rules! keys {
    ($($(#[$doc:meta])* $list:ident = { $($name:literal: $kind:expr, $need:expr,
        $en:literal / $zh:literal, $example:literal;)* })*) => {
        $($(#[$doc])* pub(crate) const $list: &[$crate::keys::Key] = &[$($crate::keys::Key {
            name: $name, kind: $kind, need: $need, doc: [$en, $zh], example: $example,
        }),*];)*
    };
}
use keys;
