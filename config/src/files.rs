//! The files of a map: `gateway.toml`, `profiles/`, `devices/`, `browsed/` and the sheets they name.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::builtin;
use crate::dialect::{self, Novelty};
use crate::each::Sheets;
use crate::finding::{Finding, Log};
use crate::reader::Reader;
use crate::sheet;
use crate::source::{FileId, Place, SourceFile, Sources};
use crate::syntax;
use crate::texts::{self, phrase};
use crate::tree::{self, SyntaxError, Table, Value};

/// Largest file. Chosen: 25,000 tags written out one by one fit; the worst
/// nonsense of this size takes 330 MB to parse (measured 2026-11), and a small
/// box has not much more.
const MOST_BYTES: u64 = 4 << 20;

/// [`MOST_BYTES`] for people.
const MOST_BYTES_TEXT: &str = "4 MiB";

/// The version of the map's language.
const SCHEMA: i64 = 1;

/// Syntax mistakes looked at per file: with more, the rest is echo.
const MOST_SYNTAX_ERRORS: usize = 20;

/// A file that was parsed.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Table,
    pub(crate) top: Place,
}

/// Everything that was read from the directory of a map.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    pub(crate) gateway: Document,
    pub(crate) profiles: Vec<Document>,
    pub(crate) devices: Vec<Document>,
    /// What was found on servers.
    pub(crate) browsed: Vec<Document>,
    /// Shipped profiles that are used, by name.
    pub(crate) builtins: Vec<(String, Document)>,
    pub(crate) sheets: Sheets,
}

/// Reads a directory. What is wrong is in the log.
pub(crate) fn read(log: &Log, sources: &mut Sources, dir: &Path) -> Files {
    let gateway = read_document(log, sources, dir, "gateway.toml");
    let mut folder = |name: &str| -> Vec<Document> {
        let files = list(log, sources, dir, name);
        files.iter().map(|file| read_document(log, sources, dir, file)).collect()
    };
    let (profiles, devices) = (folder("profiles"), folder("devices"));
    let browsed = folder("browsed");
    let builtins = read_builtins(log, sources, &profiles, &devices);
    let sheets = read_sheets(log, sources, dir, &devices);
    Files { dir: dir.to_owned(), gateway, profiles, devices, browsed, builtins, sheets }
}

/// `schema = 1`, the first line of every file.
pub(crate) fn check_schema(reader: &Reader<'_>) {
    if reader.entry("schema").is_none() {
        reader.missing("schema", "schema = 1");
        return;
    }
    if let Some(schema) = reader.integer("schema", 1..=i64::MAX)
        && schema.value != SCHEMA
    {
        let finding = Finding::new(&texts::UNKNOWN_SCHEMA, schema.place);
        reader.log.report(finding.with("value", schema.value).with("known", SCHEMA));
    }
}

/// The TOML files of a folder, by name; hidden ones and editors' backups are left out.
fn list(log: &Log, sources: &mut Sources, dir: &Path, folder: &str) -> Vec<String> {
    let entries = match std::fs::read_dir(dir.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            unreadable(log, sources, folder, &error);
            return Vec::new();
        }
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(".toml") && !name.starts_with('.'))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort_unstable();
    names
}

/// Reads and parses one file; an empty document stands in for what can't be read.
fn read_document(log: &Log, sources: &mut Sources, dir: &Path, name: &str) -> Document {
    let text = match read_bytes(&dir.join(name)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let file = sources.add(name.to_owned(), String::new());
            let finding = Finding::new(&texts::FILE_TOO_LARGE, Place::top(file));
            log.report(finding.with("path", name).with("most", MOST_BYTES_TEXT));
            return empty(log, file);
        }
        Err(error) => {
            let file = unreadable(log, sources, name, &error);
            return empty(log, file);
        }
    };
    match String::from_utf8(text) {
        Ok(text) => parse(log, sources, name, text),
        Err(error) => {
            let before = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let file = sources.add(name.to_owned(), text);
            let place = Place { file, start: before as u32, end: before as u32 + 1 };
            log.report(Finding::new(&texts::NOT_UTF8, place).with("path", name));
            empty(log, file)
        }
    }
}

/// Stands in for a file that could not be read; what it lacks is not said.
fn empty(log: &Log, file: FileId) -> Document {
    log.ignore(whole(file));
    Document { root: Table::default(), top: Place::top(file) }
}

fn unreadable(log: &Log, sources: &mut Sources, name: &str, error: &io::Error) -> FileId {
    let file = sources.add(name.to_owned(), String::new());
    let code = match error.kind() {
        io::ErrorKind::NotFound if name == "gateway.toml" => &texts::NO_GATEWAY_FILE,
        _ => &texts::UNREADABLE,
    };
    let finding = Finding::new(code, Place::top(file)).with("path", name);
    log.report(finding.with("reason", error.to_string()));
    file
}

/// The bytes of a file; `None` when there are too many.
fn read_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A pipe or device named like a map would be read for ever.
    let kind = fs::metadata(path)?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}

/// Parses one file and reports mistakes of TOML itself.
fn parse(log: &Log, sources: &mut Sources, name: &str, text: String) -> Document {
    let file = sources.add(name.to_owned(), text);
    let text = &sources.file(file).text;
    let (root, errors) = tree::parse(file, text);
    if errors.is_empty() {
        for (novelty, start, end) in dialect::find(text) {
            let place = Place { file, start: start as u32, end: end as u32 };
            let label = match novelty {
                Novelty::LineBreakInTable => phrase::LINE_BREAK_IN_TABLE,
                Novelty::TrailingComma => phrase::TRAILING_COMMA,
                Novelty::Escape => phrase::NEW_ESCAPE,
            };
            log.report(Finding::new(&texts::ONLY_TOML_1_1, place).label(label));
        }
    }
    report_syntax(log, sources.file(file), &errors);
    // A long file is given up at its first mistake, and then looks empty.
    if errors.len() > MOST_SYNTAX_ERRORS || (!errors.is_empty() && root.entries.is_empty()) {
        log.ignore(whole(file));
    }
    Document { root, top: Place::top(file) }
}

/// Reports the first mistake of each line; the rest of such a line is not
/// looked at any more, the lines around it are.
fn report_syntax(log: &Log, source: &SourceFile, errors: &[SyntaxError]) {
    let mut last_line = 0;
    for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
        let line = source.position(error.place.start).line;
        if line == last_line {
            continue;
        }
        last_line = line;
        if error.message.contains("duplicate key") {
            log.report(Finding::new(&texts::DUPLICATE_KEY, error.place));
            continue;
        }
        let finding = Finding::new(&texts::SYNTAX, error.place);
        let finding = finding.with("message", syntax::meaning(&error.message));
        let (start, end) = source.line_span(line);
        log.report(match full_width(&source.text[start..end]) {
            Some((wide, ascii)) => {
                finding.with("wide", wide).with("ascii", ascii).help(phrase::FULL_WIDTH)
            }
            None => finding,
        });
        log.ignore(Place { start: start as u32, end: end as u32, ..error.place });
    }
}

/// The first full-width sign outside of quotes, typed with a Chinese input
/// method, and the sign that was meant.
fn full_width(line: &str) -> Option<(String, &'static str)> {
    const SIGNS: [(char, &str); 12] = [
        ('，', ","),
        ('“', "\""),
        ('”', "\""),
        ('‘', "'"),
        ('’', "'"),
        ('＝', "="),
        ('：', ":"),
        ('。', "."),
        ('［', "["),
        ('］', "]"),
        ('｛', "{"),
        ('｝', "}"),
    ];
    let outside = line.split('"').step_by(2);
    let sign =
        outside.flat_map(str::chars).find_map(|c| SIGNS.iter().find(|(sign, _)| *sign == c))?;
    Some((sign.0.to_string(), sign.1))
}

/// All of a file.
const fn whole(file: FileId) -> Place {
    Place { file, start: 0, end: u32::MAX }
}

/// Shipped profiles that devices or profiles name, and those they build on.
fn read_builtins(
    log: &Log,
    sources: &mut Sources,
    profiles: &[Document],
    devices: &[Document],
) -> Vec<(String, Document)> {
    let mut wanted: Vec<String> = Vec::new();
    for document in profiles {
        wanted.extend(builtin_name(&document.root, "extends"));
    }
    for document in devices {
        for table in tables(&document.root, "device") {
            wanted.extend(builtin_name(table, "profile"));
        }
    }
    let mut builtins: Vec<(String, Document)> = Vec::new();
    while let Some(name) = wanted.pop() {
        if builtins.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let Some(text) = builtin::text(&name) else { continue };
        let document = parse(log, sources, &format!("builtin:{name}"), text.to_owned());
        wanted.extend(builtin_name(&document.root, "extends"));
        builtins.push((name, document));
    }
    builtins
}

fn builtin_name(table: &Table, key: &str) -> Option<String> {
    match &table.get(key)?.node.value {
        Value::Text(text) => Some(text.strip_prefix("builtin:")?.to_owned()),
        _ => None,
    }
}

/// The tables of `[[key]]`, whatever else stands there left out.
pub(crate) fn tables<'a>(root: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    let items = match root.get(key).map(|entry| &entry.node.value) {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match &item.value {
        Value::Table(table) => Some(table),
        _ => None,
    })
}

/// The sheets that `for` tables name, relative to `devices/`.
fn read_sheets(log: &Log, sources: &mut Sources, dir: &Path, devices: &[Document]) -> Sheets {
    let mut sheets = Sheets::new();
    for document in devices {
        let all = tables(&document.root, "device").chain(tables(&document.root, "link"));
        for table in all {
            let Some(Value::Table(variables)) = table.get("for").map(|entry| &entry.node.value)
            else {
                continue;
            };
            for entry in &variables.entries {
                let Value::Text(text) = &entry.node.value else { continue };
                let Some(path) = text.strip_prefix("csv:") else { continue };
                if !sheets.contains_key(path)
                    && let Some(sheet) = read_sheet(log, sources, dir, path, entry.node.place)
                {
                    sheets.insert(path.to_owned(), sheet);
                }
            }
        }
    }
    sheets
}

fn read_sheet(
    log: &Log,
    sources: &mut Sources,
    dir: &Path,
    path: &str,
    used_at: Place,
) -> Option<sheet::Sheet> {
    let name = format!("devices/{path}");
    let finding = |code| Finding::new(code, used_at).with("path", name.as_str());
    match read_bytes(&dir.join(&name)) {
        Ok(Some(bytes)) => match sheet::decode(bytes) {
            Some(text) => sheet::parse(log, sources, &name, text, used_at),
            None => {
                log.report(finding(&texts::SHEET_ENCODING));
                None
            }
        },
        Ok(None) => {
            log.report(finding(&texts::FILE_TOO_LARGE).with("most", MOST_BYTES_TEXT));
            None
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            log.report(finding(&texts::NO_SUCH_FILE));
            None
        }
        Err(error) => {
            log.report(finding(&texts::UNREADABLE).with("reason", error.to_string()));
            None
        }
    }
}
