//! The files of a map as they were read, and places in them.

use std::fmt;

/// Which file of the map; a position in [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FileId(pub(crate) u32);

/// A stretch of a file, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    /// The first byte of a file, for findings about the file as a whole.
    pub(crate) const fn top(file: FileId) -> Self {
        Self { file, start: 0, end: 0 }
    }

    /// `range` of this place, counted from its first byte; the whole place
    /// when the range is outside.
    pub(crate) fn part(self, start: usize, end: usize) -> Self {
        let len = (self.end - self.start) as usize;
        if start > end || end > len {
            return self;
        }
        // Both are at most `len`, which came from a u32.
        Self { start: self.start + start as u32, end: self.start + end as u32, ..self }
    }
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// As shown: relative to the directory of the map, `/` between levels.
    pub(crate) name: String,
    /// UTF-8, byte order mark included.
    pub(crate) text: String,
    /// Byte offset of each line's first byte.
    lines: Vec<u32>,
}

impl SourceFile {
    /// Line and column (in characters), both from 1.
    pub(crate) fn position(&self, offset: u32) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines[line] as usize;
        let end = self.floor(offset as usize).max(start);
        let before = &self.text[start..end];
        Position {
            line: line + 1,
            column: before.trim_start_matches('\u{feff}').chars().count() + 1,
        }
    }

    /// The byte range of a line (from 1), without its line break.
    pub(crate) fn line_span(&self, line: usize) -> (usize, usize) {
        let start = self.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let end = self.lines.get(line).map_or(self.text.len(), |next| *next as usize);
        let text = &self.text[start..end];
        (start, start + text.trim_end_matches(['\n', '\r']).len())
    }

    /// The last character boundary at or before `offset`.
    pub(crate) fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// All files of a map, in the order they were read.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Keeps a file's text; `text` is at most 4 GiB because files are limited
    /// before they are read.
    pub(crate) fn add(&mut self, name: String, text: String) -> FileId {
        let mut lines = vec![0];
        lines
            .extend(text.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, at)| at));
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile { name, text, lines });
        id
    }

    pub(crate) fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// `devices/cells.toml:14`, for the origin of a value.
    pub(crate) fn file_and_line(&self, place: Place) -> String {
        let file = self.file(place.file);
        format!("{}:{}", file.name, file.position(place.start).line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Sources};

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let mut sources = Sources::default();
        let id = sources.add("a.toml".into(), "\u{feff}电解 = 1\nb = 2\n".into());
        let file = sources.file(id);
        assert_eq!(file.position(3).to_string(), "1:1");
        assert_eq!(file.position(3 + 6 + 3).to_string(), "1:6");
        assert_eq!(file.position(17).to_string(), "2:4");
        assert_eq!(&file.text[file.line_span(2).0..file.line_span(2).1], "b = 2");
        assert_eq!(sources.file_and_line(Place { file: id, start: 16, end: 16 }), "a.toml:2");
    }
}
