//! Typed reading of one table, or of several laid over one another, with every mistake reported.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::expr::{ExprErrorKind, Scope, expand};
use crate::finding::{Finding, Log, Word};
use crate::nearest::{closest, nearest};
use crate::quantity;
use crate::source::Place;
use crate::texts::{self, Phrase, phrase};
use crate::tree::{Entry, Node, Table, Value};

/// Known keys that are told in full; of more, only the nearest (chosen: one
/// line of a terminal).
const KEYS_TOLD: usize = 12;

/// How many of them.
const KEYS_NEAR: usize = 5;

/// A value that was read, with its place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A text after its expressions were replaced.
pub(crate) type Text<'a> = At<Cow<'a, str>>;

/// Reads one table, or several laid over one another. Every getter returns
/// `None` when the key is absent or wrong; what is wrong is in the log.
pub(crate) struct Reader<'a> {
    pub(crate) log: &'a Log,
    /// From weakest to strongest.
    layers: Vec<&'a Table>,
    /// What the table is called in messages: `[gateway]`, `a tag`.
    what: Phrase,
    /// Where to point when a key is missing.
    at: Place,
    /// Names that expressions may use; `None` where texts are taken literally.
    scope: Option<&'a Scope>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(log: &'a Log, table: &'a Table, what: Phrase, at: Place) -> Self {
        Self { log, layers: vec![table], what, at, scope: None }
    }

    /// Several tables laid over one another, weakest first.
    pub(crate) fn layered(log: &'a Log, layers: Vec<&'a Table>, what: Phrase, at: Place) -> Self {
        Self { log, layers, what, at, scope: None }
    }

    /// Expands expressions in texts with the names of `scope`.
    pub(crate) fn scoped(mut self, scope: &'a Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Where the table stands.
    pub(crate) const fn place(&self) -> Place {
        self.at
    }

    /// Reports every key that is not among `known`.
    pub(crate) fn only(&self, known: &[&str]) {
        for table in &self.layers {
            for entry in &table.entries {
                if !known.contains(&entry.key.as_str()) {
                    self.unknown(entry, known);
                }
            }
        }
    }

    /// Reports one key as unknown, with the nearest of `known`.
    pub(crate) fn unknown(&self, entry: &Entry, known: &[&str]) {
        let finding = Finding::new(&texts::UNKNOWN_KEY, entry.key_place)
            .with("key", entry.key.as_str())
            .with("table", self.what);
        let near = if self.log.is_full() { None } else { nearest(&entry.key, known) };
        self.log.report(match near {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None if known.len() <= KEYS_TOLD => {
                finding.with("known", known.join(" ")).help(phrase::KEYS_ARE)
            }
            None => {
                let near = closest(&entry.key, known, KEYS_NEAR);
                finding.with("known", near.join(" ")).help(phrase::KEYS_NEAR)
            }
        });
    }

    /// The strongest entry of a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.layers.iter().rev().find_map(|table| table.get(key))
    }

    /// The tables behind a key, from weakest to strongest; what is no table
    /// is reported.
    pub(crate) fn tables(&self, key: &str) -> Vec<&'a Table> {
        let entries = self.layers.iter().filter_map(|table| table.get(key));
        entries.filter_map(|entry| self.as_table(entry)).collect()
    }

    /// The table behind a key of the strongest layer that has it.
    pub(crate) fn table(&self, key: &str) -> Option<At<&'a Table>> {
        let entry = self.entry(key)?;
        let table = self.as_table(entry)?;
        Some(At { value: table, place: entry.key_place })
    }

    /// A reader of the table behind a key.
    pub(crate) fn inner(&self, key: &str, what: Phrase) -> Option<Self> {
        let table = self.table(key)?;
        let scope = self.scope;
        Some(Self { log: self.log, layers: vec![table.value], what, at: table.place, scope })
    }

    fn as_table(&self, entry: &'a Entry) -> Option<&'a Table> {
        match &entry.node.value {
            Value::Table(table) => Some(table),
            _ => {
                self.wrong_type(&entry.key, &entry.node, phrase::A_TABLE);
                None
            }
        }
    }

    /// `[[key]]`: each table with the place of its first key (or of itself).
    pub(crate) fn list_of_tables(&self, key: &str) -> Vec<At<&'a Table>> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let Value::Array(items) = &entry.node.value else {
            let finding = Finding::new(&texts::NOT_A_LIST_OF_TABLES, entry.key_place);
            self.log.report(finding.with("key", key));
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| match &item.value {
            Value::Table(table) => Some(At { value: table, place: item.place }),
            _ => {
                self.wrong_type(key, item, phrase::A_TABLE);
                None
            }
        });
        tables.collect()
    }

    /// Reports a key that must be there.
    pub(crate) fn missing(&self, key: &'static str, example: &'static str) {
        let finding = Finding::new(&texts::MISSING_KEY, self.at);
        let finding = finding.with("key", key).with("table", self.what).distinct();
        self.log.report(finding.with("example", example));
    }

    pub(crate) fn wrong_type(&self, key: &str, node: &Node, expected: Phrase) {
        let finding = Finding::new(&texts::WRONG_TYPE, node.place).with("key", key);
        self.log.report(finding.with("expected", expected).with("found", kind_of(&node.value)));
    }

    /// A text, expressions replaced.
    pub(crate) fn text(&self, key: &str) -> Option<Text<'a>> {
        let entry = self.entry(key)?;
        self.text_of(key, &entry.node)
    }

    /// The text of a node found some other way.
    pub(crate) fn text_of(&self, key: &str, node: &'a Node) -> Option<Text<'a>> {
        let Value::Text(text) = &node.value else {
            self.wrong_type(key, node, phrase::A_TEXT);
            return None;
        };
        let value = self.expanded(text, node.place)?;
        Some(At { value, place: node.place })
    }

    fn expanded(&self, text: &'a str, place: Place) -> Option<Cow<'a, str>> {
        match self.scope {
            None => Some(Cow::Borrowed(text)),
            Some(scope) => expand_at(self.log, text, place, scope),
        }
    }

    /// A text that is not empty.
    pub(crate) fn filled_text(&self, key: &'static str) -> Option<Text<'a>> {
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.log.report(Finding::new(&texts::EMPTY_TEXT, text.place).with("key", key));
            return None;
        }
        Some(text)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<Text<'a>>> {
        let entry = self.entry(key)?;
        let Value::Array(items) = &entry.node.value else {
            self.wrong_type(key, &entry.node, phrase::A_LIST_OF_TEXTS);
            return None;
        };
        Some(items.iter().filter_map(|item| self.text_of(key, item)).collect())
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<At<bool>> {
        let node = &self.entry(key)?.node;
        match node.value {
            Value::Boolean(value) => Some(At { value, place: node.place }),
            _ => {
                self.wrong_type(key, node, phrase::TRUE_OR_FALSE);
                None
            }
        }
    }

    /// A number, or an expression that gives one.
    pub(crate) fn number(&self, key: &str) -> Option<At<f64>> {
        self.number_of(key, &self.entry(key)?.node)
    }

    pub(crate) fn number_of(&self, key: &str, node: &'a Node) -> Option<At<f64>> {
        let value = match &node.value {
            Value::Float(value) => *value,
            #[expect(clippy::cast_precision_loss, reason = "settings have few digits")]
            Value::Integer(value) => *value as f64,
            Value::Text(text) if self.is_expression(text) => {
                let expanded = self.expanded(text, node.place)?;
                match expanded.trim().parse() {
                    Ok(number) => number,
                    Err(_) => return self.not_a_number(key, node, &expanded, phrase::A_NUMBER),
                }
            }
            _ => {
                self.wrong_type(key, node, phrase::A_NUMBER);
                return None;
            }
        };
        if !value.is_finite() {
            self.log.report(Finding::new(&texts::NOT_FINITE, node.place).with("key", key));
            return None;
        }
        Some(At { value, place: node.place })
    }

    /// A number above 0.
    pub(crate) fn positive(&self, key: &str) -> Option<At<f64>> {
        let number = self.number(key)?;
        if number.value <= 0.0 {
            self.log.report(Finding::new(&texts::NOT_POSITIVE, number.place).with("key", key));
            return None;
        }
        Some(number)
    }

    /// A number of 0 or above.
    pub(crate) fn not_negative(&self, key: &str) -> Option<At<f64>> {
        let number = self.number(key)?;
        if number.value == 0.0 { Some(number) } else { self.positive(key) }
    }

    /// A list of exactly two numbers.
    pub(crate) fn pair(&self, key: &str) -> Option<At<(f64, f64)>> {
        let node = &self.entry(key)?.node;
        match &node.value {
            Value::Array(items) if items.len() == 2 => {
                let low = self.number_of(key, &items[0])?.value;
                let high = self.number_of(key, &items[1])?.value;
                Some(At { value: (low, high), place: node.place })
            }
            _ => {
                self.wrong_type(key, node, phrase::TWO_NUMBERS);
                None
            }
        }
    }

    /// A whole number within bounds, or an expression that gives one.
    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<i64>) -> Option<At<i64>> {
        let node = &self.entry(key)?.node;
        let value = match &node.value {
            Value::Integer(value) => *value,
            Value::Huge => i64::MAX,
            Value::Text(text) if self.is_expression(text) => {
                let expanded = self.expanded(text, node.place)?;
                match expanded.trim().parse() {
                    Ok(number) => number,
                    Err(_) => {
                        return self.not_a_number(key, node, &expanded, phrase::A_WHOLE_NUMBER);
                    }
                }
            }
            _ => {
                self.wrong_type(key, node, phrase::A_WHOLE_NUMBER);
                return None;
            }
        };
        self.within(key, node.place, value, range, |bound| bound.to_string())
    }

    fn is_expression(&self, text: &str) -> bool {
        self.scope.is_some() && text.contains('{')
    }

    fn not_a_number<T>(&self, key: &str, node: &Node, value: &str, expected: Phrase) -> Option<T> {
        let finding = Finding::new(&texts::EXPANDS_WRONG, node.place).with("key", key);
        self.log.report(finding.with("value", value).with("expected", expected));
        None
    }

    /// A duration within bounds.
    pub(crate) fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<At<Duration>> {
        let text = self.quantity(key, phrase::A_DURATION)?;
        let Some(value) = quantity::duration(&text.value) else {
            return self.not_a_quantity(key, &text, phrase::A_DURATION);
        };
        self.within(key, text.place, value, range, |bound| quantity::show_duration(*bound))
    }

    /// A number of bytes within bounds.
    pub(crate) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        let text = self.quantity(key, phrase::A_SIZE)?;
        let Some(value) = quantity::size(&text.value) else {
            return self.not_a_quantity(key, &text, phrase::A_SIZE);
        };
        self.within(key, text.place, value, range, |bound| quantity::show_size(*bound))
    }

    /// A number of bytes per second, at least `least`.
    pub(crate) fn size_per_second(&self, key: &str, least: u64) -> Option<At<u64>> {
        let text = self.quantity(key, phrase::A_BYTE_RATE)?;
        let Some(value) = quantity::size_per_second(&text.value) else {
            return self.not_a_quantity(key, &text, phrase::A_BYTE_RATE);
        };
        self.within(key, text.place, value, least..=u64::MAX, |bound| {
            format!("{}/s", quantity::show_size(*bound))
        })
    }

    /// The text of a quantity; a bare number gets a hint about its unit.
    fn quantity(&self, key: &str, expected: Phrase) -> Option<Text<'a>> {
        let node = &self.entry(key)?.node;
        if let Value::Integer(_) | Value::Float(_) = node.value {
            let finding = Finding::new(&texts::UNIT_MISSING, node.place).with("key", key);
            self.log.report(finding.with("expected", expected));
            return None;
        }
        self.text_of(key, node)
    }

    fn not_a_quantity<T>(&self, key: &str, text: &Text<'_>, expected: Phrase) -> Option<T> {
        let finding = Finding::new(&texts::NOT_A_QUANTITY, text.place).with("key", key);
        self.log.report(finding.with("value", &*text.value).with("expected", expected));
        None
    }

    /// `value` when it lies within `range`, else a finding that names both bounds.
    fn within<T: PartialOrd>(
        &self,
        key: &str,
        place: Place,
        value: T,
        range: RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<At<T>> {
        if range.contains(&value) {
            return Some(At { value, place });
        }
        let finding = Finding::new(&texts::OUT_OF_RANGE, place).with("key", key);
        self.log.report(
            finding
                .with("value", show(&value))
                .with("low", show(range.start()))
                .with("high", show(range.end())),
        );
        None
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        self.one_of(key, &text, words)
    }

    pub(crate) fn one_of<T: Copy>(
        &self,
        key: &str,
        text: &Text<'_>,
        words: &[(&str, T)],
    ) -> Option<At<T>> {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(At { value: *value, place: text.place });
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let finding = Finding::new(&texts::UNKNOWN_WORD, text.place)
            .with("key", key)
            .with("value", &*text.value)
            .with("known", known.join(" | "));
        self.log.report(match nearest(&text.value, &known) {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None => finding,
        });
        None
    }

    /// `{ en = "…", zh = "…" }`, or one text for both.
    pub(crate) fn bilingual(&self, key: &'static str) -> Option<[String; 2]> {
        let entry = self.entry(key)?;
        match &entry.node.value {
            Value::Text(_) => {
                let text = self.text_of(key, &entry.node)?.value.into_owned();
                Some([text.clone(), text])
            }
            Value::Table(table) => {
                let mut reader = Reader::new(self.log, table, phrase::A_BILINGUAL, entry.key_place);
                reader.scope = self.scope;
                reader.only(&["en", "zh"]);
                let text = |key| reader.text(key).map(|text| text.value.into_owned());
                Some([text("en").unwrap_or_default(), text("zh").unwrap_or_default()])
            }
            _ => {
                self.wrong_type(key, &entry.node, phrase::A_BILINGUAL);
                None
            }
        }
    }
}

/// `text` with its expressions replaced, or a finding at the wrong part of it.
pub(crate) fn expand_at<'t>(
    log: &Log,
    text: &'t str,
    place: Place,
    scope: &Scope,
) -> Option<Cow<'t, str>> {
    let error = match expand(text, scope) {
        Ok(expanded) => return Some(expanded),
        Err(error) => error,
    };
    // Places within a text are only known when nothing in it is escaped.
    let verbatim = (place.end - place.start) as usize == text.len() + 2;
    let at = if verbatim { place.part(error.start + 1, error.end + 1) } else { place };
    let code = match error.kind {
        ExprErrorKind::UnknownName(_) => &texts::UNKNOWN_NAME,
        ExprErrorKind::NotANumber { .. } => &texts::NAME_IS_TEXT,
        ExprErrorKind::DivisionByZero | ExprErrorKind::Overflow => &texts::EXPRESSION_HAS_NO_VALUE,
        _ => &texts::WRONG_EXPRESSION,
    };
    let finding = Finding::new(code, at);
    log.report(match error.kind {
        ExprErrorKind::UnknownName(name) => unknown_name(finding, &name, scope),
        ExprErrorKind::NotANumber { name, value } => {
            finding.with("name", name).with("value", value)
        }
        ExprErrorKind::DivisionByZero => finding.label(phrase::DIVIDES_BY_ZERO),
        ExprErrorKind::Overflow => finding.label(phrase::OVERFLOWS),
        ExprErrorKind::Unclosed => finding.label(phrase::BRACE_UNCLOSED),
        ExprErrorKind::Unopened => finding.label(phrase::BRACE_UNOPENED),
        ExprErrorKind::Empty => finding.label(phrase::BRACES_EMPTY),
        ExprErrorKind::TooDeep => finding.label(phrase::TOO_MANY_BRACKETS),
        ExprErrorKind::Unexpected(what) => finding.with("what", what).label(phrase::NOT_EXPECTED),
        ExprErrorKind::Width(width) => {
            finding.with("width", width).label(phrase::NO_WIDTH).help(phrase::WIDTH_IS)
        }
    });
    None
}

fn unknown_name(finding: Finding, name: &str, scope: &Scope) -> Finding {
    let known = scope.known();
    let finding = finding.with("name", name);
    if known.is_empty() {
        return finding.help(phrase::NO_NAMES_HERE);
    }
    match nearest(name, &known.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
        None => finding.with("known", known.join(", ")).help(phrase::NAMES_ARE),
    }
}

/// What kind of TOML value stands there, in words.
pub(crate) fn kind_of(value: &Value) -> Word {
    Word::from(match value {
        Value::Text(_) => ["a text", "文本"],
        Value::Integer(_) | Value::Huge => ["a whole number", "整数"],
        Value::Float(_) => ["a number with decimals", "小数"],
        Value::Boolean(_) => ["true or false", "布尔值"],
        Value::Date => ["a date or time", "日期或时间"],
        Value::Array(_) => ["a list", "列表"],
        Value::Table(_) => ["a table", "表"],
    })
}
