//! Every text of every finding, in English and Chinese, in one table.
//!
//! `explain`, the rendered findings and the reference page all read from here.
//! Codes are stable: a code is never given another meaning, only retired.

mod calc;
mod files;
mod gateway;
mod house;
mod lines;
mod links;
mod names;
mod opcua;
pub(crate) mod phrase;
mod plugins;
mod points;
mod profiles;
mod tags;
mod trials;
mod versions;

use crate::finding::{Lang, Severity};

/// A short text in English and Chinese.
pub(crate) type Phrase = [&'static str; 2];

/// A kind of finding. `{names}` in its texts are filled by the finding.
#[derive(PartialEq, Debug)]
pub(crate) struct CodeText {
    pub(crate) code: u16,
    pub(crate) severity: Severity,
    pub(crate) title: Phrase,
    /// Stands behind the carets; may be empty.
    pub(crate) label: Phrase,
    /// What to do; may be empty.
    pub(crate) help: Phrase,
    /// For `explain`.
    pub(crate) explain: Phrase,
}

impl CodeText {
    pub(crate) fn name(&self) -> String {
        format!("FH{:04}", self.code)
    }
}

macro_rules! table {
    ($($name:ident = $code:literal $severity:ident {
        title: $title_en:literal / $title_zh:literal,
        label: $label_en:literal / $label_zh:literal,
        help: $help_en:literal / $help_zh:literal,
        explain: $explain_en:literal / $explain_zh:literal $(,)?
    })*) => {
        $(pub(crate) static $name: $crate::texts::CodeText = $crate::texts::CodeText {
            code: $code,
            severity: $crate::finding::Severity::$severity,
            title: [$title_en, $title_zh],
            label: [$label_en, $label_zh],
            help: [$help_en, $help_zh],
            explain: [$explain_en, $explain_zh],
        };)*
        pub(super) static TABLE: &[&$crate::texts::CodeText] = &[$(&$name),*];
    };
}
use table;

pub(crate) use calc::*;
pub(crate) use files::*;
pub(crate) use gateway::*;
pub(crate) use house::*;
pub(crate) use lines::*;
pub(crate) use links::*;
pub(crate) use names::*;
pub(crate) use opcua::*;
pub(crate) use plugins::*;
pub(crate) use points::*;
pub(crate) use profiles::*;
pub(crate) use tags::*;
pub(crate) use trials::*;
pub(crate) use versions::*;

/// Every code there is, in order.
pub(crate) fn all() -> impl Iterator<Item = &'static CodeText> {
    [
        files::TABLE,
        points::TABLE,
        tags::TABLE,
        calc::TABLE,
        links::TABLE,
        lines::TABLE,
        house::TABLE,
        profiles::TABLE,
        gateway::TABLE,
        names::TABLE,
        trials::TABLE,
        opcua::TABLE,
        plugins::TABLE,
        versions::TABLE,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The codes of this version, `FHnnnn`, in order.
pub fn codes() -> impl Iterator<Item = String> {
    all().map(CodeText::name)
}

/// What a code means and what to do, for `forehearth explain`. `code` is
/// `FH1107`, in any case, or `1107`; `None` when there is no such code.
#[must_use]
pub fn explain(code: &str, lang: Lang) -> Option<String> {
    let code = code.trim();
    let digits = match code.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("fh") => &code[2..],
        _ => code,
    };
    let number: u16 = digits.parse().ok()?;
    let text = all().find(|text| text.code == number)?;
    let severity = match (text.severity, lang) {
        (Severity::Error, Lang::En) => "error",
        (Severity::Error, Lang::Zh) => "错误",
        (Severity::Warning, Lang::En) => "warning",
        (Severity::Warning, Lang::Zh) => "警告",
    };
    let title = without_blanks(text.title[lang.index()]);
    let body = text.explain[lang.index()];
    Some(format!("{severity}[{}]: {title}\n\n{body}\n", text.name()))
}

/// A template with `…` for what a finding fills in.
pub(crate) fn without_blanks(template: &str) -> String {
    let mut parts = template.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('…');
        out.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{all, explain};
    use crate::finding::Lang;

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<u16> = all().map(|text| text.code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }

    #[test]
    fn every_code_speaks_both_languages() {
        for text in all() {
            for (kind, pair) in [("title", text.title), ("explain", text.explain)] {
                assert!(!pair[0].is_empty() && !pair[1].is_empty(), "{} {kind}", text.name());
                let chinese = pair[1].chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                assert!(chinese && pair[0].is_ascii(), "{} {kind}", text.name());
            }
            for (kind, pair) in [("label", text.label), ("help", text.help)] {
                assert_eq!(pair[0].is_empty(), pair[1].is_empty(), "{} {kind}", text.name());
            }
            for pair in [text.title, text.label, text.help] {
                assert_eq!(names(pair[0]), names(pair[1]), "{}: same blanks in both", text.name());
            }
        }
    }

    /// The names a finding fills in: lower-case words in braces.
    fn names(template: &str) -> std::collections::BTreeSet<&str> {
        let braced = template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
        braced.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect()
    }

    #[test]
    fn phrases_have_the_same_blanks_in_both_languages() {
        for [en, zh] in super::phrase::ALL {
            assert!(!en.is_empty() && !zh.is_empty(), "{en}");
            assert_eq!(names(en), names(zh), "{en}");
        }
    }

    #[test]
    fn explain_takes_the_code_as_people_type_it() {
        for code in ["FH1107", "fh1107", "1107", " FH1107 "] {
            let text = explain(code, Lang::En).unwrap();
            assert!(text.starts_with("error[FH1107]"), "{text}");
        }
        assert!(explain("FH1107", Lang::Zh).unwrap().starts_with("错误[FH1107]"));
        for wrong in ["", "FH", "FH9999", "é", "FH99999999"] {
            assert_eq!(explain(wrong, Lang::En), None, "{wrong}");
        }
    }
}
