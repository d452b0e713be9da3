//! Findings as a person reads them: code, place, the line with carets, help.

use std::borrow::Cow;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Renderer, Snippet};

use crate::finding::{Finding, Findings, Lang, Severity};
use crate::mask::mask;
use crate::source::{FileId, Place, SourceFile, Sources};

/// Longest line that is shown as it is; longer ones (generated files) are cut
/// around the place. In bytes.
const LONGEST_LINE: usize = 400;

/// Lines apart that are still shown as one piece of a file.
const NEAR: usize = 40;

/// All findings in one text, ordered by place, with a closing line that
/// counts them. Empty when there are none. Passwords in the lines that are
/// shown are masked.
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
    let (level, note, help) = levels(finding.text.severity, lang);
    let mut marks = vec![Mark {
        place: finding.place,
        label: clean(&finding.label_in(lang)),
        kind: AnnotationKind::Primary,
    }];
    for (place, phrase) in &finding.related {
        let label = clean(&finding.fill(phrase[lang.index()], lang));
        marks.push(Mark { place: *place, label, kind: AnnotationKind::Context });
    }
    let title = level.primary_title(finding.title_in(lang)).id(finding.text.name());
    let mut report = vec![title.elements(snippets(sources, &marks))];
    for text in finding.helps_in(lang) {
        report.push(Group::with_title(help.clone().secondary_title(clean(&text))));
    }
    if let Some(text) = repeats(finding, lang) {
        report.push(Group::with_title(note.secondary_title(clean(&text))));
    }
    renderer.render(&report)
}

fn levels(severity: Severity, lang: Lang) -> (Level<'static>, Level<'static>, Level<'static>) {
    let (level, name) = match severity {
        Severity::Error => (Level::ERROR, "错误"),
        Severity::Warning => (Level::WARNING, "警告"),
    };
    match lang {
        Lang::En => (level, Level::NOTE, Level::HELP),
        Lang::Zh => {
            (level.with_name(name), Level::NOTE.with_name("注"), Level::HELP.with_name("帮助"))
        }
    }
}

/// In which devices else the same was found.
fn repeats(finding: &Finding, lang: Lang) -> Option<String> {
    let device = finding.device.as_deref()?;
    Some(match (finding.repeats, lang) {
        (0, Lang::En) => format!("found in device `{device}`"),
        (0, Lang::Zh) => format!("出现在设备 `{device}` 中"),
        (more, Lang::En) => format!("found in device `{device}` and in {more} more"),
        (more, Lang::Zh) => format!("出现在设备 `{device}` 以及另外 {more} 个设备中"),
    })
}

/// What a file holds must not reach the terminal as control characters.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// A place with carets under it.
struct Mark {
    place: Place,
    label: String,
    kind: AnnotationKind,
}

/// One piece of a file for marks that are near to one another, the first
/// mark's piece first.
fn snippets<'a>(sources: &'a Sources, marks: &[Mark]) -> Vec<Element<'a>> {
    let mut pieces: Vec<(FileId, usize, usize, Vec<&Mark>)> = Vec::new();
    for mark in marks {
        let file = mark.place.file;
        let line = sources.file(file).position(mark.place.start).line;
        let near = pieces.iter_mut().find(|(known, first, last, _)| {
            *known == file && line + NEAR >= *last && line <= *first + NEAR
        });
        match near {
            Some((_, first, last, marks)) => {
                (*first, *last) = ((*first).min(line), (*last).max(line));
                marks.push(mark);
            }
            None => pieces.push((file, line, line, vec![mark])),
        }
    }
    pieces
        .into_iter()
        .map(|(file, first, last, marks)| snippet(sources.file(file), first, last, &marks).into())
        .collect()
}

fn snippet<'a>(
    file: &'a SourceFile,
    first: usize,
    last: usize,
    marks: &[&Mark],
) -> Snippet<'a, Annotation<'a>> {
    let (line_start, _) = file.line_span(first);
    let (_, line_end) = file.line_span(last);
    let at = file.floor(marks[0].place.start as usize).clamp(line_start, line_end);
    let long = (first..=last).any(|line| {
        let (start, end) = file.line_span(line);
        end - start > LONGEST_LINE
    });
    let (from, to, number) = if long {
        let line = file.position(marks[0].place.start).line;
        let (start, end) = file.line_span(line);
        let from = file.floor(at.saturating_sub(LONGEST_LINE / 4).max(start));
        (from, file.floor((at + LONGEST_LINE / 2).min(end)).max(from), line)
    } else {
        (line_start, line_end, first)
    };
    let text = &file.text[from..to];
    let inside = |offset: u32| file.floor(offset as usize).clamp(from, to) - from;
    let annotations = marks.iter().map(|mark| {
        let start = inside(mark.place.start);
        // A caret never runs over the end of its line.
        let line_end = text[start..].find('\n').map_or(text.len(), |len| start + len);
        let end = inside(mark.place.end).clamp(start, line_end);
        let annotation = mark.kind.span(start..end);
        if mark.label.is_empty() { annotation } else { annotation.label(mark.label.clone()) }
    });
    let source: Cow<'a, str> = mask(text);
    Snippet::source(source)
        .line_start(number)
        .path(file.name.as_str())
        .annotations(annotations.collect::<Vec<_>>())
}
