//! An OPC UA server: how it is reached and trusted, and how tags name its nodes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::expr::Scope;
use crate::finding::{Finding, Log};
use crate::link::{LinkDraft, QUIRKS, TIMEOUT};
use crate::plan::{DiscardPlan, LinkPlan, OpcUaMode, OpcUaPlan, Transport, UserPlan};
use crate::reader::{Reader, Text};
use crate::source::Place;
pub(crate) use crate::tag::RATE;
use crate::texts::{self, phrase};
use crate::tree::Value;
use crate::{broker, browsed, url};

/// OPC UA's port (IANA: opcua-tcp).
const PORT: u16 = 4840;

/// Longest wait for an answer when the map says nothing; as in
/// `drivers/opcua`: a slower server can't keep the 5 s in which data must
/// flow again.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// `queue`: beyond 10,000 values of one item a server runs out of memory
/// before it runs out of patience (chosen).
pub(crate) const QUEUE: (i64, i64) = (1, 10_000);

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
const FOREIGN_KEYS: [&str; 6] = ["link", "unit", "order", "inflight", "budget", "settings"];

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
    scope: &Scope,
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
    for key in ["sampling", "queue", "discard"] {
        if let (OpcUaMode::Poll, Some(entry)) = (mode, reader.entry(key)) {
            let finding = Finding::new(&texts::SAMPLING_OF_POLL, entry.key_place);
            reader.log.report(finding.with("key", key));
        }
    }
    let sampling = reader.duration("sampling", RATE.0..=RATE.1);
    let queue = reader.integer("queue", QUEUE.0..=QUEUE.1);
    let words = [("oldest", DiscardPlan::Oldest), ("newest", DiscardPlan::Newest)];
    let discard = reader.word("discard", &words);
    let browse = browsed::rules(reader, namespaces, scope);
    let urls = read_urls(reader);
    let reverse = read_reverse(reader);
    let security = security?;
    let trusts = trust.as_ref().is_some_and(|trust| !trust.is_empty());
    check_trust(reader, security, trusts, &trust_folder);
    let (urls, url_place) = urls?;
    let server = OpcUaPlan {
        urls,
        reverse,
        security,
        user: user.unwrap_or(UserPlan::Anonymous),
        trust: trust.unwrap_or_default(),
        trust_folder,
        namespaces: namespaces.clone(),
        mode,
        sampling: sampling.map(|sampling| sampling.value),
        queue: queue.map(|queue| queue.value as u32),
        discard: discard.map_or(DiscardPlan::Oldest, |discard| discard.value),
        browse,
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
    let name_place = name.place;
    Some(LinkDraft { plan, name_place, url_place, shared: false, used: false })
}

/// One url, or several servers that stand in for one another.
fn read_urls(reader: &Reader<'_>) -> Option<(Vec<String>, Place)> {
    let Some(entry) = reader.entry("url") else {
        reader.missing("url", "url = \"opc.tcp://dcs-a.plant.example:4840\"");
        return None;
    };
    let texts = if let Value::Array(_) = entry.node.value {
        let texts = reader.texts("url")?;
        if texts.is_empty() {
            reader.log.report(Finding::new(&texts::NO_SERVER, entry.node.place));
        }
        texts
    } else {
        vec![reader.filled_text("url")?]
    };
    let urls: Vec<String> = texts.iter().filter_map(|text| read_url(reader.log, text)).collect();
    let all = urls.len() == texts.len() && !urls.is_empty();
    all.then_some((urls, entry.node.place))
}

/// Where servers call us.
fn read_reverse(reader: &Reader<'_>) -> Option<SocketAddr> {
    let text = reader.filled_text("reverse")?;
    let listen = text.value.parse().ok();
    if listen.is_none() {
        let finding = Finding::new(&texts::NOT_A_LISTENER, text.place);
        reader.log.report(finding.with("value", &*text.value));
    }
    listen
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

/// Nobody, a name with a password, or a certificate with its key.
fn read_user(reader: &Reader<'_>, dir: &Path) -> Option<UserPlan> {
    let password = broker::read_password(reader, dir);
    match (reader.entry("user"), reader.entry("password")) {
        (Some(_), None) => reader.missing("password", "password = { credential = \"dcs-a\" }"),
        (None, Some(_)) => reader.missing("user", "user = \"fh-read\""),
        _ => {}
    }
    for (key, other) in [("user_certificate", "user_key"), ("user_key", "user_certificate")] {
        if let (Some(entry), None) = (reader.entry(key), reader.entry(other)) {
            let finding = Finding::new(&texts::CERT_AND_KEY, entry.key_place);
            reader.log.report(finding.with("key", key).with("other", other));
        }
    }
    if let (Some(certificate), Some(user)) =
        (reader.entry("user_certificate"), reader.entry("user"))
    {
        let finding = Finding::new(&texts::USER_TWICE, certificate.key_place);
        reader.log.report(finding.related(user.key_place, phrase::USER_HERE));
    }
    let file = |key| Some((broker::existing_file(reader.log, dir, &reader.filled_text(key)?), key));
    let (certificate, key) = (file("user_certificate"), file("user_key"));
    if let (Some((path, name)), Some(entry)) = (&key, reader.entry("user_key"))
        && let Some(text) = reader.text_of(name, &entry.node)
    {
        broker::check_mode(reader.log, path, &text);
    }
    if let (Some((certificate, _)), Some((key, _))) = (certificate, key) {
        return Some(UserPlan::Certificate(certificate, key));
    }
    let user = reader.filled_text("user")?;
    Some(UserPlan::Name(user.value.into_owned(), password?))
}

/// `sha256:` and 64 hexadecimal digits, colons between bytes allowed; one or several.
fn read_trust(reader: &Reader<'_>) -> Option<Vec<String>> {
    let entry = reader.entry("trust")?;
    let pins = match entry.node.value {
        Value::Array(_) => reader.texts("trust")?,
        _ => vec![reader.filled_text("trust")?],
    };
    let mut right = Vec::new();
    for pin in pins {
        let digits = pin.value.strip_prefix("sha256:").unwrap_or_default().replace(':', "");
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            right.push(pin.value.into_owned());
        } else {
            let finding = Finding::new(&texts::NOT_A_FINGERPRINT, pin.place);
            reader.log.report(finding.with("value", &*pin.value));
        }
    }
    Some(right)
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

/// Whether a word may name a namespace.
pub(crate) fn is_alias(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
