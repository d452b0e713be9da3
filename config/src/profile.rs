//! A profile: a device type, written once and used by many devices.

use std::collections::HashMap;

use crate::finding::{Finding, Log};
use crate::keys::{self, field as described};
use crate::nearest::nearest;
use crate::reader::Reader;
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::{Node, Table};
use crate::{device, files, link};

/// Keys that a profile and a device share; the device's win.
pub(crate) const SHARED_KEYS: [&str; described::SHARED_KEYS.len()] =
    keys::names(described::SHARED_KEYS);

pub(crate) const OWN_KEYS: [&str; described::PROFILE_KEYS.len()] =
    keys::names(described::PROFILE_KEYS);

/// Longest chain of `extends` (chosen: shipped, vendor, company, site, and some).
const MOST_ANCESTORS: usize = 8;

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ParamType {
    /// Starts a tag's `at`.
    Address,
    /// Usable in expressions.
    Integer,
    /// Usable in expressions, as it is.
    Text,
}

/// A parameter that each device gives.
pub(crate) struct Param<'a> {
    pub(crate) name: &'a str,
    pub(crate) param_type: ParamType,
    pub(crate) default: Option<&'a Node>,
    pub(crate) place: Place,
}

/// One profile file.
pub(crate) struct Profile<'a> {
    pub(crate) root: &'a Table,
    pub(crate) place: Place,
    extends: Option<(String, Place)>,
    pub(crate) params: Vec<Param<'a>>,
}

/// All profiles by name; shipped ones as `builtin:name`.
pub(crate) type Profiles<'a> = HashMap<String, Profile<'a>>;

/// Reads the head of a profile; its tags are read with each device.
pub(crate) fn read<'a>(
    log: &'a Log,
    profiles: &mut Profiles<'a>,
    root: &'a Table,
    top: Place,
    builtin: Option<&str>,
) {
    let reader = Reader::new(log, root, phrase::PROFILE, top);
    files::check_schema(&reader);
    let known = [
        &OWN_KEYS[..],
        &SHARED_KEYS,
        &link::QUIRKS,
        &device::OPCUA_SHARED_KEYS,
        &device::PLUGIN_KEYS,
    ]
    .concat();
    reader.only(&known);
    if reader.entry("profile").is_none() {
        reader.missing("profile", "profile = \"potcell-v3\"");
        return;
    }
    let Some(name) = reader.filled_text("profile") else { return };
    let key = builtin.map_or_else(|| name.value.to_string(), |file| format!("builtin:{file}"));
    let extends = reader.filled_text("extends").map(|text| (text.value.into_owned(), text.place));
    let params = reader.table("params").map(|table| read_params(log, table.value, &known));
    reader.bilingual("title");
    let profile = Profile { root, place: name.place, extends, params: params.unwrap_or_default() };
    if let Some(first) = profiles.get(&key) {
        let finding = Finding::new(&texts::DUPLICATE_PROFILE, name.place).with("name", key);
        log.report(finding.related(first.place, phrase::FIRST_HERE));
        return;
    }
    profiles.insert(key, profile);
}

fn read_params<'a>(log: &'a Log, table: &'a Table, taken: &[&str]) -> Vec<Param<'a>> {
    let mut params = Vec::new();
    for entry in &table.entries {
        let legal = entry.key.starts_with(|c: char| c.is_alphabetic())
            && entry.key.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !legal {
            let finding = Finding::new(&texts::NOT_A_VARIABLE, entry.key_place);
            log.report(finding.with("name", entry.key.as_str()));
            continue;
        }
        let key = entry.key.as_str();
        if taken.contains(&key)
            || crate::device::OWN_KEYS.contains(&key)
            || link::KEYS.contains(&key)
        {
            let finding = Finding::new(&texts::PARAM_IS_A_KEY, entry.key_place);
            log.report(finding.with("name", entry.key.as_str()));
            continue;
        }
        let crate::tree::Value::Table(inner) = &entry.node.value else {
            let reader = Reader::new(log, table, phrase::PARAMS, entry.key_place);
            reader.wrong_type(&entry.key, &entry.node, phrase::A_PARAM);
            continue;
        };
        let reader = Reader::new(log, inner, phrase::A_PARAM, entry.key_place);
        reader.only(&keys::names::<{ described::PARAM_KEYS.len() }>(described::PARAM_KEYS));
        reader.bilingual("doc");
        if reader.entry("type").is_none() {
            reader.missing("type", "type = \"address\"");
        }
        let words = [
            ("address", ParamType::Address),
            ("integer", ParamType::Integer),
            ("text", ParamType::Text),
        ];
        let Some(param_type) = reader.word("type", &words) else { continue };
        params.push(Param {
            name: &entry.key,
            param_type: param_type.value,
            default: reader.entry("default").map(|entry| &entry.node),
            place: entry.key_place,
        });
    }
    params
}

/// The chain of profiles behind a name, from the weakest (shipped) to the one
/// that is named. `None` when a link of the chain is missing.
pub(crate) fn chain<'p, 'a>(
    log: &Log,
    profiles: &'p Profiles<'a>,
    name: &str,
    place: Place,
) -> Option<Vec<&'p Profile<'a>>> {
    let mut chain: Vec<&Profile<'_>> = Vec::new();
    let mut next = Some((name.to_owned(), place));
    while let Some((name, place)) = next.take() {
        let Some(profile) = profiles.get(&name) else {
            unknown(log, profiles, &name, place);
            return None;
        };
        if chain.len() >= MOST_ANCESTORS || chain.iter().any(|known| std::ptr::eq(*known, profile))
        {
            log.report(Finding::new(&texts::PROFILE_CIRCLE, place).with("name", name));
            return None;
        }
        chain.push(profile);
        next.clone_from(&profile.extends);
    }
    chain.reverse();
    Some(chain)
}

fn unknown(log: &Log, profiles: &Profiles<'_>, name: &str, place: Place) {
    let shipped = crate::builtin::names().map(|name| format!("builtin:{name}"));
    let mut known: Vec<String> = profiles.keys().cloned().chain(shipped).collect();
    known.sort_unstable();
    known.dedup();
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    let finding = Finding::new(&texts::UNKNOWN_PROFILE, place).with("name", name);
    log.report(match nearest(name, &words) {
        Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
        None => finding.with("known", known.join(", ")).help(phrase::PROFILES_ARE),
    });
}
