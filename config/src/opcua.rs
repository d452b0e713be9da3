//! An OPC UA server: how it is reached and trusted, and how tags name its nodes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forehearth_model::DataType;

use crate::broker;
use crate::finding::{Finding, Log};
use crate::link::{LinkDraft, QUIRKS, TIMEOUT};
use crate::plan::{LinkPlan, OpcUaMode, OpcUaPlan, Transport};
use crate::reader::{Reader, Text};
use crate::tag::RATE;
use crate::texts::{self, phrase};
use crate::tree::Value;
use crate::{point, url, versions};

/// OPC UA's port (IANA: opcua-tcp).
const PORT: u16 = 4840;

/// Longest wait for an answer when the map says nothing; as in
/// `drivers/opcua`: a slower server can't keep the 5 s in which data must
/// flow again.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest node: string ids end at 4096 characters (OPC 10000-3, 8.2.4).
const LONGEST_NODE: usize = 4096;

/// Every security there is, as the standard spells it (OPC 10000-7); older
/// policies are broken and not offered.
pub(crate) const SECURITIES: [&str; 7] = [
    "None",
    "Basic256Sha256/Sign",
    "Basic256Sha256/SignAndEncrypt",
    "Aes128_Sha256_RsaOaep/Sign",
    "Aes128_Sha256_RsaOaep/SignAndEncrypt",
    "Aes256_Sha256_RsaPss/Sign",
    "Aes256_Sha256_RsaPss/SignAndEncrypt",
];

/// Keys of a device that mean nothing to OPC UA.
const FOREIGN_KEYS: [&str; 5] = ["link", "unit", "order", "inflight", "budget"];

/// The same of a tag.
const FOREIGN_TAG_KEYS: [&str; 3] = ["at", "order", "overlap"];

/// Aliases and URIs of `namespace`, the strongest layer winning.
pub(crate) type Namespaces = Vec<(String, String)>;

/// Reports keys of a device that belong to Modbus.
pub(crate) fn refuse_keys(reader: &Reader<'_>) {
    report_foreign(reader, FOREIGN_KEYS.iter().chain(&QUIRKS));
}

/// Reports keys of a tag that belong to Modbus.
pub(crate) fn refuse_tag_keys(reader: &Reader<'_>) {
    report_foreign(reader, FOREIGN_TAG_KEYS.iter());
}

fn report_foreign<'k>(reader: &Reader<'_>, keys: impl Iterator<Item = &'k &'static str>) {
    for key in keys {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, entry.key_place);
            reader.log.report(finding.with("key", *key).with("driver", "opcua"));
        }
    }
}

/// Reads `namespace`.
pub(crate) fn namespaces(reader: &Reader<'_>) -> Namespaces {
    let mut namespaces = Namespaces::new();
    for table in reader.tables("namespace") {
        for entry in &table.entries {
            if !is_alias(&entry.key) {
                let finding = Finding::new(&texts::NOT_AN_ALIAS, entry.key_place);
                reader.log.report(finding.with("name", entry.key.as_str()));
                continue;
            }
            let Some(uri) = reader.text_of(&entry.key, &entry.node) else { continue };
            if uri.value.trim().is_empty() {
                reader.wrong_type(&entry.key, &entry.node, phrase::A_NAMESPACE);
                continue;
            }
            namespaces.retain(|(known, _)| *known != entry.key);
            namespaces.push((entry.key.clone(), uri.value.into_owned()));
        }
    }
    namespaces
}

/// Reads how the server of a device is reached: always a link of its own.
pub(crate) fn read(
    reader: &Reader<'_>,
    name: &Text<'_>,
    namespaces: &Namespaces,
    dir: &Path,
) -> Option<LinkDraft> {
    let timeout = reader.duration("timeout", TIMEOUT.0..=TIMEOUT.1);
    let security = read_security(reader);
    let user = read_user(reader, dir);
    let trust = read_trust(reader);
    let trust_folder = reader.filled_text("trust_folder");
    let trust_folder = dir.join(trust_folder.as_ref().map_or("trust", |folder| &*folder.value));
    let mode =
        reader.word("mode", &[("subscribe", OpcUaMode::Subscribe), ("poll", OpcUaMode::Poll)]);
    let mode = mode.map_or(OpcUaMode::Subscribe, |mode| mode.value);
    let sampling = reader.duration("sampling", RATE.0..=RATE.1);
    if let (OpcUaMode::Poll, Some(entry)) = (mode, reader.entry("sampling")) {
        reader.log.report(Finding::new(&texts::SAMPLING_OF_POLL, entry.key_place));
    }
    if reader.entry("url").is_none() {
        reader.missing("url", "url = \"opc.tcp://dcs-a.plant.example:4840\"");
    }
    let url = reader.filled_text("url")?;
    let address = read_url(reader.log, &url)?;
    let security = security?;
    check_trust(reader, security, trust.is_some(), &trust_folder);
    let server = OpcUaPlan {
        url: address,
        security,
        user,
        trust,
        trust_folder,
        namespaces: namespaces.clone(),
        mode,
        sampling: sampling.map(|sampling| sampling.value),
    };
    let plan = LinkPlan {
        name: name.value.clone().into_owned(),
        transport: Transport::OpcUa(Box::new(server)),
        timeout: timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.value),
        inflight: 1,
        max_words: 125,
        max_bits: 2000,
        pause_after_connect: Duration::ZERO,
        pause_between: Duration::ZERO,
        join: true,
        groups: Vec::new(),
    };
    let (name_place, url_place) = (name.place, url.place);
    Some(LinkDraft { plan, name_place, url_place, shared: false, used: false })
}

/// The URL with its port written out.
fn read_url(log: &Log, text: &Text<'_>) -> Option<String> {
    let url = url::parse(log, text, &["opc.tcp"])?;
    let (host, port) = (url.host, url.port.unwrap_or(PORT));
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some(format!("opc.tcp://{host}:{port}{}", url.rest))
}

fn read_security(reader: &Reader<'_>) -> Option<&'static str> {
    if reader.entry("security").is_none() {
        reader.missing("security", "security = \"Basic256Sha256/SignAndEncrypt\"");
        return None;
    }
    let words = SECURITIES.map(|word| (word, word));
    reader.word("security", &words).map(|security| security.value)
}

fn read_user(reader: &Reader<'_>, dir: &Path) -> Option<(String, crate::plan::PasswordSource)> {
    let password = broker::read_password(reader, dir);
    match (reader.entry("user"), reader.entry("password")) {
        (Some(_), None) => reader.missing("password", "password = { credential = \"dcs-a\" }"),
        (None, Some(_)) => reader.missing("user", "user = \"fh-read\""),
        _ => {}
    }
    let user = reader.filled_text("user")?;
    Some((user.value.into_owned(), password?))
}

/// `sha256:` and 64 hexadecimal digits, colons between bytes allowed.
fn read_trust(reader: &Reader<'_>) -> Option<String> {
    let text = reader.filled_text("trust")?;
    let digits = text.value.strip_prefix("sha256:").unwrap_or_default().replace(':', "");
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let finding = Finding::new(&texts::NOT_A_FINGERPRINT, text.place);
        reader.log.report(finding.with("value", &*text.value));
        return None;
    }
    Some(text.value.into_owned())
}

/// With security a certificate must be believed, without it none is looked at.
fn check_trust(reader: &Reader<'_>, security: &str, pinned: bool, folder: &Path) {
    let secured = security != "None";
    for key in ["trust", "trust_folder"] {
        if let (false, Some(entry)) = (secured, reader.entry(key)) {
            let finding = Finding::new(&texts::TRUST_UNUSED, entry.key_place);
            reader.log.report(finding.with("key", key));
        }
    }
    if let (true, false, Some(entry)) = (secured, pinned, reader.entry("security"))
        && reader.entry("trust").is_none()
        && !folder.is_dir()
    {
        reader.log.report(Finding::new(&texts::TRUSTS_NOBODY, entry.node.place));
    }
}

/// The node of a tag; the driver parses it again, into what it asks for.
pub(crate) fn node(reader: &Reader<'_>, namespaces: &Namespaces) -> Option<Arc<str>> {
    if reader.entry("node").is_none() {
        reader.missing("node", "node = \"dcs:s=FC201.LT_201.PV\"");
        return None;
    }
    let text = reader.filled_text("node")?;
    let Some(space) = space(&text.value) else {
        let finding = Finding::new(&texts::NOT_A_NODE, text.place);
        reader.log.report(finding.with("value", &*text.value));
        return None;
    };
    match space {
        Space::Alias(alias) if !namespaces.iter().any(|(known, _)| known == alias) => {
            let known: Vec<&str> = namespaces.iter().map(|(known, _)| known.as_str()).collect();
            let finding = Finding::new(&texts::UNKNOWN_ALIAS, text.place).with("name", alias);
            reader.log.report(match crate::nearest::nearest(alias, &known) {
                Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
                None => finding,
            });
            return None;
        }
        Space::Index(index) => {
            let finding = Finding::new(&texts::NODE_BY_INDEX, text.place);
            reader.log.report(finding.with("index", index));
        }
        Space::Alias(_) | Space::Named => {}
    }
    Some((&*text.value).into())
}

/// `type` of a tag: one value; texts need no length.
pub(crate) fn data_type(reader: &Reader<'_>) -> Option<DataType> {
    let Some(entry) = reader.entry("type") else {
        reader.log.report(Finding::new(&texts::TYPE_OF_NODE, reader.place()));
        return None;
    };
    if let Value::Text(text) = &entry.node.value
        && text.trim().eq_ignore_ascii_case("STRING")
    {
        return Some(DataType::String);
    }
    let shape = point::shape(reader)?;
    if shape.count.is_some() {
        versions::unsupported(reader.log, entry.node.place, "an array over OPC UA");
        return None;
    }
    Some(shape.of.data_type)
}

/// How a node's namespace is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Space<'t> {
    /// By the standard or by its own URI.
    Named,
    Alias(&'t str),
    Index(u16),
}

/// `alias:s=…`, `ns=N;i=…`, `nsu=URI;g=…`, or `i=…` of the standard. `None`
/// when it names no node.
fn space(text: &str) -> Option<Space<'_>> {
    if text.len() > LONGEST_NODE {
        return None;
    }
    let (space, id) = if let Some(rest) = text.strip_prefix("ns=") {
        let (index, id) = rest.split_once(';')?;
        let index: u16 = index.parse().ok()?;
        (if index == 0 { Space::Named } else { Space::Index(index) }, id)
    } else if let Some(rest) = text.strip_prefix("nsu=") {
        (Space::Named, rest.split_once(';')?.1)
    } else if is_identifier(text) {
        (Space::Named, text)
    } else {
        let (alias, id) = text.split_once(':')?;
        (Space::Alias(Some(alias).filter(|alias| is_alias(alias))?), id)
    };
    is_identifier(id).then_some(space)
}

fn is_identifier(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    match text.split_at_checked(2) {
        Some(("s=", name)) => !name.is_empty(),
        Some(("i=", number)) => number.parse::<u32>().is_ok(),
        Some(("g=", guid)) => {
            let parts: Vec<&str> = guid.split('-').collect();
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        Some(("b=", bytes)) => {
            !bytes.is_empty() && bytes.len() % 4 == 0 && bytes.chars().all(base64)
        }
        _ => false,
    }
}

/// Whether a word may name a namespace.
fn is_alias(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::{Space, space};

    #[test]
    fn nodes_are_named_by_alias_number_uri_or_standard() {
        for (text, expected) in [
            ("dcs:s=FC201:LT_201.PV", Space::Alias("dcs")),
            ("dcs:i=42", Space::Alias("dcs")),
            ("dcs:g=72962b91-fa75-4ae6-8d28-b404dc7daf63", Space::Alias("dcs")),
            ("dcs:b=M/RbKBsRVkePCePcx24oRA==", Space::Alias("dcs")),
            ("ns=2;s=Drum;1", Space::Index(2)),
            ("ns=0;i=2258", Space::Named),
            ("i=2258", Space::Named),
            ("s=a:b", Space::Named),
            ("nsu=urn:vendor:plant;s=x", Space::Named),
        ] {
            assert_eq!(space(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_node_is_refused() {
        let long = format!("s={}", "x".repeat(5000));
        for text in [
            "",
            "dcs",
            "dcs:FC201",
            "dcs:s=",
            "dcs:i=-1",
            "dcs:i=4294967296",
            "dcs:g=nonsense",
            "dcs:b=???",
            "2dcs:i=1",
            "ns=70000;i=1",
            "ns=2,i=1",
            "nsu=urn:x",
            "é",
            &long,
        ] {
            assert_eq!(space(text), None, "{text}");
        }
    }
}
