//! A sheet behind `for = { row = "csv:cells.csv" }`: one device or link for each row.

use std::sync::Arc;

use crate::finding::{Finding, Log};
use crate::source::{Place, Sources};
use crate::texts::{self, phrase};

/// Columns by name, and rows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sheet {
    pub(crate) columns: Arc<[String]>,
    pub(crate) rows: Vec<Arc<[String]>>,
}

/// The text of a file: UTF-8 with or without byte order mark, else GBK (what
/// Excel writes on a Chinese Windows). `None` when it is neither.
pub(crate) fn decode(bytes: Vec<u8>) -> Option<String> {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(error) => error.into_bytes(),
    };
    let (text, _, malformed) = encoding_rs::GBK.decode(&bytes);
    (!malformed).then(|| text.into_owned())
}

/// Reads a sheet with one line of column names. What is wrong is in the log;
/// places within the sheet are real, `used_at` is where the map names it.
pub(crate) fn parse(
    log: &Log,
    sources: &mut Sources,
    name: &str,
    text: String,
    used_at: Place,
) -> Option<Sheet> {
    let file = sources.add(name.to_owned(), text);
    let text = &sources.file(file).text;
    let skipped = text.len() - text.trim_start_matches('\u{feff}').len();
    let content = &text[skipped..];
    let place = |start: u64, end: u64| Place {
        file,
        start: (start as usize + skipped) as u32,
        end: (end as usize + skipped) as u32,
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(content))
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(content.as_bytes());
    let columns: Arc<[String]> = match reader.headers() {
        Ok(headers) => headers.iter().map(str::to_owned).collect(),
        Err(_) => Arc::from([]),
    };
    let mut seen = std::collections::HashSet::new();
    for column in &*columns {
        let legal = !column.is_empty()
            && column.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !column.starts_with(|c: char| c.is_ascii_digit());
        if !legal || !seen.insert(column) {
            let end = content.find('\n').unwrap_or(content.len()) as u64;
            let finding = Finding::new(&texts::SHEET_COLUMN, place(0, end));
            log.report(finding.with("column", column.as_str()).related(used_at, phrase::USED_HERE));
            return None;
        }
    }
    let mut rows = Vec::new();
    let mut whole = true;
    for record in reader.records() {
        match record {
            Ok(record) => rows.push(record.iter().map(str::to_owned).collect()),
            Err(error) => {
                whole = false;
                let start = error.position().map_or(0, csv::Position::byte);
                let rest = &content[(start as usize).min(content.len())..];
                let line = rest.trim_start_matches(['\r', '\n']);
                let start = start + (rest.len() - line.len()) as u64;
                let len = line.find(['\r', '\n']).unwrap_or(line.len()) as u64;
                let (found, expected) = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        (*len, *expected_len)
                    }
                    _ => (0, columns.len() as u64),
                };
                let finding = Finding::new(&texts::SHEET_ROW, place(start, start + len))
                    .with("found", found)
                    .with("expected", expected)
                    .related(used_at, phrase::USED_HERE);
                log.report(finding);
            }
        }
    }
    if rows.is_empty() && whole {
        log.report(Finding::new(&texts::SHEET_EMPTY, used_at).with("path", name));
        return None;
    }
    whole.then_some(Sheet { columns, rows })
}

/// What separates the columns: whatever of `;`, tab and `,` the first line has most of.
pub(crate) fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or("");
    let count = |byte: u8| first.bytes().filter(|b| *b == byte).count();
    *b",;\t".iter().rev().max_by_key(|byte| count(**byte)).unwrap_or(&b',')
}

#[cfg(test)]
mod tests {
    use super::{decode, parse, separator};
    use crate::finding::Log;
    use crate::source::{FileId, Place, Sources};

    fn sheet(text: &str) -> Option<super::Sheet> {
        parse(&Log::default(), &mut Sources::default(), "x.csv", text.into(), Place::top(FileId(0)))
    }

    #[test]
    fn sheets_of_every_office_are_read() {
        for text in [
            "name,ip\na,10.0.0.1\n",
            "name;ip\r\na;10.0.0.1\r\n",
            "\u{feff}name\tip\na\t10.0.0.1",
            "# exported 2026\nname , ip\n\"a\", 10.0.0.1\n",
        ] {
            let sheet = sheet(text).unwrap();
            assert_eq!(&*sheet.columns, ["name", "ip"], "{text}");
            assert_eq!(sheet.rows.len(), 1, "{text}");
            assert_eq!(&*sheet.rows[0], ["a", "10.0.0.1"], "{text}");
        }
    }

    #[test]
    fn gbk_is_understood_and_nonsense_is_refused() {
        let (gbk, _, _) = encoding_rs::GBK.encode("槽号,地址\n一,1\n");
        assert_eq!(decode(gbk.into_owned()).unwrap(), "槽号,地址\n一,1\n");
        assert_eq!(decode(vec![0xff, 0xff, 0x00]), None);
        assert_eq!(separator("a"), b',');
    }

    #[test]
    fn a_short_row_makes_no_sheet() {
        assert_eq!(sheet("a,b\n1,2\n3\n"), None);
        assert_eq!(sheet("a,a\n1,2\n"), None);
        assert_eq!(sheet("a,b\n"), None);
    }
}
