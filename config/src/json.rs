//! Findings for scripts and editors: one JSON document with byte spans.

use serde::Serialize;

use crate::finding::{Finding, Findings, Lang, Severity};
use crate::source::{Place, Sources};

#[derive(Serialize)]
struct Document<'a> {
    /// Version of this shape.
    version: u8,
    errors: usize,
    warnings: usize,
    not_shown: u32,
    findings: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    code: String,
    severity: &'static str,
    message: Pair,
    label: Pair,
    help: Vec<Pair>,
    #[serde(flatten)]
    at: Spot<'a>,
    related: Vec<Related<'a>>,
    /// In whose expansion it was found, when there are several devices.
    device: Option<&'a str>,
    more_devices: u32,
}

#[derive(Serialize)]
struct Related<'a> {
    label: Pair,
    #[serde(flatten)]
    at: Spot<'a>,
}

#[derive(Serialize)]
struct Pair {
    en: String,
    zh: String,
}

#[derive(Serialize)]
struct Spot<'a> {
    file: &'a str,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// Bytes of the file, end excluded.
    span: [u32; 2],
}

/// All findings as JSON, in both languages, ordered by place.
#[must_use]
pub fn to_json(findings: &Findings) -> String {
    let document = Document {
        version: 1,
        errors: findings.errors(),
        warnings: findings.warnings(),
        not_shown: findings.dropped,
        findings: findings.list.iter().map(|finding| item(&findings.sources, finding)).collect(),
    };
    // Strings and numbers only: serialising can't fail.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn item<'a>(sources: &'a Sources, finding: &'a Finding) -> Item<'a> {
    let pair = |text: fn(&Finding, Lang) -> String| Pair {
        en: text(finding, Lang::En),
        zh: text(finding, Lang::Zh),
    };
    let help = finding.helps_in(Lang::En).into_iter().zip(finding.helps_in(Lang::Zh));
    Item {
        code: finding.text.name(),
        severity: match finding.text.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: pair(Finding::title_in),
        label: pair(Finding::label_in),
        help: help.map(|(en, zh)| Pair { en, zh }).collect(),
        at: spot(sources, finding.place),
        related: finding
            .related
            .iter()
            .map(|(place, phrase)| Related {
                label: Pair {
                    en: finding.fill(phrase[0], Lang::En),
                    zh: finding.fill(phrase[1], Lang::Zh),
                },
                at: spot(sources, *place),
            })
            .collect(),
        device: finding.device.as_deref(),
        more_devices: finding.repeats,
    }
}

fn spot(sources: &Sources, place: Place) -> Spot<'_> {
    let file = sources.file(place.file);
    let position = file.position(place.start);
    Spot {
        file: &file.name,
        line: position.line,
        column: position.column,
        span: [place.start, place.end],
    }
}
