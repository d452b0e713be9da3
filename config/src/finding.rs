//! A finding: one thing that is wrong or doubtful in a map, with its place.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::source::{Place, Sources};
use crate::texts::{CodeText, Phrase};

/// The languages of findings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 中文
    Zh,
}

impl Lang {
    /// Position in a pair of texts.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::En => 0,
            Self::Zh => 1,
        }
    }
}

/// Whether a finding keeps the gateway from starting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// No plan is made.
    Error,
    /// The plan is made; someone should look.
    Warning,
}

/// A word of a message: the same in both languages, or one for each.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Word {
    Plain(String),
    Both(String, String),
}

impl Word {
    pub(crate) fn in_lang(&self, lang: Lang) -> &str {
        match (self, lang) {
            (Self::Plain(text), _)
            | (Self::Both(text, _), Lang::En)
            | (Self::Both(_, text), Lang::Zh) => text,
        }
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<[&str; 2]> for Word {
    fn from([en, zh]: [&str; 2]) -> Self {
        Self::Both(en.to_owned(), zh.to_owned())
    }
}

macro_rules! word_from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for Word {
            fn from(number: $number) -> Self {
                Self::Plain(number.to_string())
            }
        }
    )*};
}
word_from_number!(usize, u8, u16, u32, u64, i64, f64);

/// One thing that is wrong or doubtful.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Finding {
    pub(crate) text: &'static CodeText,
    pub(crate) place: Place,
    pub(crate) words: Vec<(&'static str, Word)>,
    /// Replaces the label that the code has by default.
    pub(crate) label: Option<Phrase>,
    /// Replaces the help that the code has by default.
    pub(crate) helps: Vec<Phrase>,
    /// Other places that belong to it.
    pub(crate) related: Vec<(Place, Phrase)>,
    /// The device in whose expansion it was found, when there are several.
    pub(crate) device: Option<Arc<str>>,
    /// How many more times the same was found at the same place.
    pub(crate) repeats: u32,
    /// Its first word makes it another finding at the same place.
    distinct: bool,
}

impl Finding {
    pub(crate) fn new(text: &'static CodeText, place: Place) -> Self {
        Self {
            text,
            place,
            words: Vec::new(),
            label: None,
            helps: Vec::new(),
            related: Vec::new(),
            device: None,
            repeats: 0,
            distinct: false,
        }
    }

    /// Fills `{name}` of the texts.
    pub(crate) fn with(mut self, name: &'static str, word: impl Into<Word>) -> Self {
        self.words.push((name, word.into()));
        self
    }

    /// Keeps it apart from others at the same place whose first word differs:
    /// a table can lack several keys.
    pub(crate) fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    fn key(&self) -> (u16, Place, String) {
        let word = self.words.first().filter(|_| self.distinct);
        (self.text.code, self.place, word.map_or("", |(_, word)| word.in_lang(Lang::En)).to_owned())
    }

    pub(crate) fn label(mut self, label: Phrase) -> Self {
        self.label = Some(label);
        self
    }

    pub(crate) fn help(mut self, help: Phrase) -> Self {
        self.helps.push(help);
        self
    }

    pub(crate) fn related(mut self, place: Place, phrase: Phrase) -> Self {
        self.related.push((place, phrase));
        self
    }

    pub(crate) fn title_in(&self, lang: Lang) -> String {
        self.fill(self.text.title[lang.index()], lang)
    }

    pub(crate) fn label_in(&self, lang: Lang) -> String {
        self.fill(self.label.unwrap_or(self.text.label)[lang.index()], lang)
    }

    /// Helps in order; the code's own when the finding brings none.
    pub(crate) fn helps_in(&self, lang: Lang) -> Vec<String> {
        if self.helps.is_empty() {
            let own = self.fill(self.text.help[lang.index()], lang);
            return if own.is_empty() { Vec::new() } else { vec![own] };
        }
        self.helps.iter().map(|help| self.fill(help[lang.index()], lang)).collect()
    }

    /// A template with its `{names}` replaced; unknown names stay as they are.
    pub(crate) fn fill(&self, template: &str, lang: Lang) -> String {
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            rest = &rest[open..];
            let word = rest.find('}').and_then(|close| {
                let name = &rest[1..close];
                let (_, word) = self.words.iter().find(|(known, _)| *known == name)?;
                Some((word.in_lang(lang), close + 1))
            });
            match word {
                Some((word, len)) => {
                    out.push_str(word);
                    rest = &rest[len..];
                }
                None => {
                    out.push('{');
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Distinct findings kept in one run; the rest is only counted. Chosen:
/// nobody reads more, and a 10 MiB file of nonsense must not fill the memory.
const MOST_FINDINGS: usize = 500;

/// Everything that was found in one run.
#[derive(Debug, Default)]
pub struct Findings {
    pub(crate) list: Vec<Finding>,
    pub(crate) dropped: u32,
    dropped_errors: u32,
    pub(crate) sources: Arc<Sources>,
}

impl Findings {
    /// Findings that keep the gateway from starting.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error) + self.dropped_errors as usize
    }

    /// Findings that someone should look at.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning) + (self.dropped - self.dropped_errors) as usize
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The codes that were found, in order of place, each as often as found.
    pub fn codes(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(|finding| finding.text.name())
    }

    fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|finding| finding.text.severity == severity).count()
    }
}

/// Where findings are reported while files are walked.
#[derive(Debug, Default)]
pub(crate) struct Log {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    list: Vec<Finding>,
    /// Positions by code and place: what a profile says wrong is said once,
    /// not once for each of its 300 devices.
    seen: HashMap<(u16, Place, String), usize>,
    /// Stretches that TOML itself could not make sense of.
    damaged: Vec<Place>,
    dropped: u32,
    dropped_errors: u32,
    errors: usize,
    device: Option<Arc<str>>,
    /// What is said once in a run, wherever it stands.
    said: Vec<&'static str>,
}

impl Log {
    pub(crate) fn report(&self, mut finding: Finding) {
        let mut inner = self.inner.borrow_mut();
        let at = finding.place;
        let inside = |d: &Place| d.file == at.file && d.start <= at.start && at.start <= d.end;
        if inner.damaged.iter().any(inside) {
            return;
        }
        let key = finding.key();
        let is_error = finding.text.severity == Severity::Error;
        inner.errors += usize::from(is_error);
        if let Some(position) = inner.seen.get(&key).copied() {
            if inner.list[position].device != inner.device {
                inner.list[position].repeats += 1;
            }
            return;
        }
        if inner.list.len() >= MOST_FINDINGS {
            inner.dropped += 1;
            inner.dropped_errors += u32::from(is_error);
            return;
        }
        finding.device.clone_from(&inner.device);
        let position = inner.list.len();
        inner.seen.insert(key, position);
        inner.list.push(finding);
    }

    /// Whether further findings are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.inner.borrow().list.len() >= MOST_FINDINGS
    }

    /// Whether the same was found at the same place before.
    pub(crate) fn is_known(&self, finding: &Finding) -> bool {
        self.is_full() || self.inner.borrow().seen.contains_key(&finding.key())
    }

    /// Says nothing more about a stretch: what was wrong with it is said, and
    /// what seems wrong in it now is only the echo.
    pub(crate) fn ignore(&self, place: Place) {
        self.inner.borrow_mut().damaged.push(place);
    }

    /// Names the device whose expansion is walked from here on.
    pub(crate) fn set_device(&self, device: Option<Arc<str>>) {
        self.inner.borrow_mut().device = device;
    }

    /// Whether `what` was not said before in this run.
    pub(crate) fn first_time(&self, what: &'static str) -> bool {
        let said = &mut self.inner.borrow_mut().said;
        let first = !said.contains(&what);
        if first {
            said.push(what);
        }
        first
    }

    /// Errors so far, repeats included; grows with each error.
    pub(crate) fn errors(&self) -> usize {
        self.inner.borrow().errors
    }

    /// All findings, by file and place.
    pub(crate) fn into_findings(self, sources: Arc<Sources>) -> Findings {
        let Inner { mut list, dropped, dropped_errors, .. } = self.inner.into_inner();
        list.sort_by_key(|finding| (finding.place, finding.text.code));
        Findings { list, dropped, dropped_errors, sources }
    }
}
