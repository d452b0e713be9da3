//! Findings as a person reads them: code, place, the line with carets, help.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::finding::{Finding, Findings, Lang, Severity};
use crate::source::{Place, Sources};

/// Longest line that is shown as it is; longer ones (generated files) are cut
/// around the place. In bytes.
const LONGEST_LINE: usize = 400;

/// All findings in one text, ordered by place, with a closing line that
/// counts them. Empty when there are none.
#[must_use]
pub fn render(findings: &Findings, lang: Lang, color: bool) -> String {
    let mut out = String::new();
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    for finding in &findings.list {
        out.push_str(&render_one(&renderer, &findings.sources, finding, lang));
        out.push_str("\n\n");
    }
    if !findings.is_empty() {
        out.push_str(&summary(findings, lang));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`, and what was not shown.
fn summary(findings: &Findings, lang: Lang) -> String {
    let (errors, warnings) = (findings.errors(), findings.warnings());
    let plural = |count: usize, word: &str| {
        if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
    };
    let mut text = match lang {
        Lang::En => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        Lang::Zh => format!("{errors} 个错误，{warnings} 个警告"),
    };
    if findings.dropped > 0 {
        text.push_str(&match lang {
            Lang::En => format!(" ({} of them not shown)", findings.dropped),
            Lang::Zh => format!("（其中 {} 个未显示）", findings.dropped),
        });
    }
    text
}

fn render_one(renderer: &Renderer, sources: &Sources, finding: &Finding, lang: Lang) -> String {
    let level = match finding.text.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let level = match (lang, finding.text.severity) {
        (Lang::En, _) => level,
        (Lang::Zh, Severity::Error) => level.with_name("错误"),
        (Lang::Zh, Severity::Warning) => level.with_name("警告"),
    };
    let title = finding.title_in(lang);
    let label = finding.label_in(lang);
    let related: Vec<(Place, String)> = finding
        .related
        .iter()
        .map(|(place, phrase)| (*place, finding.fill(phrase[lang.index()], lang)))
        .collect();
    let mut helps = finding.helps_in(lang);
    helps.extend(repeats(finding, lang));
    let name = finding.text.name();
    let mut group = Group::with_title(level.primary_title(title).id(name)).element(snippet(
        sources,
        finding.place,
        &label,
        AnnotationKind::Primary,
    ));
    for (place, label) in &related {
        group = group.element(snippet(sources, *place, label, AnnotationKind::Context));
    }
    let help = match lang {
        Lang::En => Level::HELP,
        Lang::Zh => Level::HELP.with_name("帮助"),
    };
    let mut report = vec![group];
    // `secondary_title` takes the text as trusted; what a file holds must not
    // reach the terminal as control characters.
    let helps: Vec<String> = helps.iter().map(|text| clean(text)).collect();
    for text in &helps {
        report.push(Group::with_title(help.clone().secondary_title(text.as_str())));
    }
    renderer.render(&report)
}

/// In which devices else the same was found.
fn repeats(finding: &Finding, lang: Lang) -> Option<String> {
    let device = finding.device.as_deref()?;
    Some(match (finding.repeats, lang) {
        (0, Lang::En) => format!("found in device `{device}`"),
        (0, Lang::Zh) => format!("出现在设备 `{device}` 中"),
        (1, Lang::En) => format!("found in device `{device}` and in 1 more"),
        (more, Lang::En) => format!("found in device `{device}` and in {more} more"),
        (more, Lang::Zh) => format!("出现在设备 `{device}` 以及另外 {more} 个设备中"),
    })
}

/// Control characters other than the tab and line break made visible.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// The line of a place with carets under it.
fn snippet<'a>(
    sources: &'a Sources,
    place: Place,
    label: &str,
    kind: AnnotationKind,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let file = sources.file(place.file);
    let position = file.position(place.start);
    let (line_start, line_end) = file.line_span(position.line);
    let start = file.floor(place.start as usize).clamp(line_start, line_end);
    let end = file.floor(place.end as usize).clamp(start, line_end);
    let (from, to) = if line_end - line_start > LONGEST_LINE {
        let from = file.floor(start.saturating_sub(LONGEST_LINE / 4).max(line_start));
        (from, file.floor((start + LONGEST_LINE / 2).min(line_end)).max(from))
    } else {
        (line_start, line_end)
    };
    let text = &file.text[from..to];
    let span = start - from..end.min(to).max(start) - from;
    let mut annotation = kind.span(span);
    if !label.is_empty() {
        annotation = annotation.label(clean(label));
    }
    Snippet::source(text).line_start(position.line).path(file.name.as_str()).annotation(annotation)
}
