//! A refusal: what a plugin has against its settings, under the line of the map that is meant.

use std::fmt::Write;

use forehearth_plugin_protocol::v1::ConfigError;

use crate::settings::{Origin, PluginSettings};

/// Most mistakes that are told at once; the rest is counted.
const MOST: usize = 20;

/// Longest sentence of a plugin that is repeated, in characters.
const LONGEST: usize = 200;

/// The mistakes, one a line: `devices/a.toml:12:8: at "x#1": what is wrong (hint)`.
#[must_use]
pub fn refusal(settings: &PluginSettings, errors: &[ConfigError]) -> String {
    let mut text = String::from("the plugin refuses its settings");
    for error in errors.iter().take(MOST) {
        let (origin, value) = meant(settings, error);
        text.push_str("; ");
        if let Some(origin) = origin {
            let column = origin.column + columns_before(&value, error.offset);
            let _ = write!(text, "{}:{}:{column}: ", origin.file, origin.line);
        }
        if !error.key.is_empty() {
            let _ = write!(text, "{}", cut(&error.key));
            if !value.is_empty() {
                let _ = write!(text, " = \"{value}\"");
            }
            text.push_str(": ");
        }
        text.push_str(&cut(&error.message));
        if !error.hint.is_empty() {
            let _ = write!(text, " ({})", cut(&error.hint));
        }
    }
    if errors.len() > MOST {
        let _ = write!(text, "; and {} more", errors.len() - MOST);
    }
    text
}

/// Where it was written, and the text there, if it is one.
fn meant(settings: &PluginSettings, error: &ConfigError) -> (Option<Origin>, String) {
    if let Some(tag) = error.tag {
        let tag = settings.tags().nth(tag as usize);
        return tag
            .map_or((None, String::new()), |(.., tag)| (tag.origin.clone(), tag.at.to_string()));
    }
    let given = settings.given.iter().find(|(given, _)| given.key == error.key);
    given.map_or((None, String::new()), |(_, origin)| (origin.clone(), String::new()))
}

/// Columns count characters, the plugin counts bytes; an offset within a
/// character or beyond the end is the beginning.
fn columns_before(value: &str, offset: u32) -> u32 {
    let before = value.get(..offset as usize).unwrap_or_default();
    u32::try_from(before.chars().count()).unwrap_or(0)
}

/// One line, no control characters, bounded: it goes into the gateway's log.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
