//! `[[broker]]`: a destination with a format, and what it may see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use forehearth_model::Grade;

use crate::finding::{Finding, Log};
use crate::gateway::{MAX_AGE, MAX_SIZE};
use crate::keys::{self, gateway::BROKER_KEYS};
use crate::names;
use crate::plan::{
    BrokerFormat, BrokerPlan, BufferPlan, GatewayPlan, MqttPlan, PasswordSource, ServerPlan,
    TlsPlan,
};
use crate::quantity::show_size;
use crate::reader::{Reader, Text};
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::Value;
use crate::url::{self, Url};

/// Every key of a `[[broker]]`.
pub(crate) const KEYS: [&str; BROKER_KEYS.len()] = keys::names(BROKER_KEYS);

/// MQTT keep-alive is a u16 of seconds (MQTT 5.0, 3.1.2.10); below 5 s a
/// mobile link reconnects for ever (chosen).
pub(crate) const KEEPALIVE: (Duration, Duration) =
    (Duration::from_secs(5), Duration::from_secs(65_535));

/// Versions of MQTT a broker can be spoken to in; there is no 4.
pub(crate) const MQTT: (i64, i64) = (3, 5);

/// Slower than this a backlog never ends (chosen).
const LEAST_BACKLOG: u64 = 1 << 10;

/// The words for grades in a map.
pub(crate) const GRADES: [(&str, Grade); 3] =
    [("general", Grade::General), ("important", Grade::Important), ("core", Grade::Core)];

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Sparkplug,
    Native,
    Json,
}

/// Every `[[broker]]`, and the globs of each with their places.
pub(crate) fn read_all(
    root: &Reader<'_>,
    gateway: &GatewayPlan,
    buffer: &BufferPlan,
    dir: &Path,
) -> (Vec<BrokerPlan>, Vec<Vec<(String, Place)>>) {
    let tables = root.list_of_tables("broker");
    if root.entry("broker").is_none() {
        root.log.report(Finding::new(&texts::NO_BROKER, root.place()));
    }
    let mut brokers: Vec<BrokerPlan> = Vec::new();
    let mut globs = Vec::new();
    let mut places: Vec<(Place, Place)> = Vec::new();
    for table in tables {
        let reader = Reader::new(root.log, table.value, phrase::BROKER, table.place);
        let name_place = reader.entry("name").map_or(table.place, |entry| entry.node.place);
        let topic_place = ["topic", "group", "format"]
            .iter()
            .find_map(|key| reader.entry(key))
            .map_or(table.place, |entry| entry.node.place);
        let Some((broker, broker_globs)) = read(&reader, gateway, dir) else { continue };
        if let (Some(share), Some(entry)) = (broker.max_size, reader.entry("max_size"))
            && share > buffer.max_size
        {
            let finding = Finding::new(&texts::SHARE_TOO_LARGE, entry.node.place);
            root.log.report(finding.with("size", show_size(buffer.max_size)));
        }
        for (other, (other_name, other_topic)) in brokers.iter().zip(&places) {
            if other.name == broker.name {
                let finding = Finding::new(&texts::DUPLICATE_BROKER, name_place);
                let finding = finding.related(*other_name, phrase::FIRST_HERE);
                root.log.report(finding.with("name", broker.name.as_str()));
            } else if publishes_to_the_same(other, &broker) {
                let finding = Finding::new(&texts::SAME_TOPICS, topic_place)
                    .with("name", broker.name.as_str())
                    .with("other", other.name.as_str())
                    .related(*other_topic, phrase::OTHER_BROKER);
                root.log.report(finding);
            }
        }
        places.push((name_place, topic_place));
        brokers.push(broker);
        globs.push(broker_globs);
    }
    (brokers, globs)
}

/// Two destinations on one broker whose messages can't be told apart.
fn publishes_to_the_same(a: &BrokerPlan, b: &BrokerPlan) -> bool {
    let same_server =
        |a: &ServerPlan, b: &ServerPlan| a.host.eq_ignore_ascii_case(&b.host) && a.port == b.port;
    let same_broker = a.servers.iter().any(|a| b.servers.iter().any(|b| same_server(a, b)));
    let same_format = match (&a.format, &b.format) {
        (BrokerFormat::Sparkplug { group: a, .. }, BrokerFormat::Sparkplug { group: b, .. }) => {
            a == b
        }
        (BrokerFormat::Native { topic: a, .. }, BrokerFormat::Native { topic: b, .. })
        | (BrokerFormat::Json { topic: a, .. }, BrokerFormat::Json { topic: b, .. })
        | (BrokerFormat::Native { topic: a, .. }, BrokerFormat::Json { topic: b, .. })
        | (BrokerFormat::Json { topic: a, .. }, BrokerFormat::Native { topic: b, .. }) => a == b,
        _ => false,
    };
    same_broker && same_format
}

type Globs = Vec<(String, Place)>;

fn read(reader: &Reader<'_>, gateway: &GatewayPlan, dir: &Path) -> Option<(BrokerPlan, Globs)> {
    reader.only(&KEYS);
    let name = required(reader, "name", "name = \"plant\"");
    if let Some(name) = &name {
        names::check(reader.log, names::Kind::Broker, &name.value, name.place);
    }
    let targets = read_urls(reader);
    let format = read_format(reader, gateway);
    let tls = read_tls(reader, dir, targets.as_ref().map(|targets| targets.tls));
    let username = reader.filled_text("username").map(|text| text.value.into_owned());
    let password = read_password(reader, dir);
    if let (Some(entry), None) = (reader.entry("password"), &username)
        && reader.entry("username").is_none()
    {
        reader.log.report(Finding::new(&texts::PASSWORD_WITHOUT_USER, entry.key_place));
    }
    let commands = reader.boolean("commands");
    let globs = read_globs(reader);
    let mqtt = read_mqtt(reader);
    let keepalive = reader.duration("keepalive", KEEPALIVE.0..=KEEPALIVE.1);
    let backlog = reader.size_per_second("backlog", LEAST_BACKLOG).map(|rate| rate.value);
    let max_size = reader.size("max_size", MAX_SIZE.0..=MAX_SIZE.1).map(|size| size.value);
    let max_age = reader.duration("max_age", MAX_AGE.0..=MAX_AGE.1).map(|age| age.value);
    let grades = read_grades(reader);
    let servers = targets?.servers;
    let broker = BrokerPlan {
        name: name?.value.into_owned(),
        servers,
        tls,
        format: format?,
        mqtt,
        backlog,
        max_size,
        max_age,
        keepalive: keepalive.map_or(Duration::from_secs(30), |keepalive| keepalive.value),
        commands: commands.is_some_and(|commands| commands.value),
        username,
        password,
        grades,
        devices: globs.as_ref().map(|globs| globs.iter().map(|(glob, _)| glob.clone()).collect()),
    };
    Some((broker, globs.unwrap_or_default()))
}

fn required<'a>(reader: &Reader<'a>, key: &'static str, example: &'static str) -> Option<Text<'a>> {
    if reader.entry(key).is_none() {
        reader.missing(key, example);
        return None;
    }
    reader.filled_text(key)
}

struct Target {
    server: ServerPlan,
    tls: bool,
}

/// All servers of a broker.
struct Targets {
    servers: Vec<ServerPlan>,
    tls: bool,
}

/// One url, or several.
fn read_urls(reader: &Reader<'_>) -> Option<Targets> {
    let list = reader.entry("url").filter(|entry| matches!(entry.node.value, Value::Array(_)));
    let urls = match list {
        Some(entry) => {
            let urls = reader.texts("url")?;
            if urls.is_empty() {
                reader.log.report(Finding::new(&texts::NO_SERVER, entry.node.place));
            }
            urls
        }
        None => vec![required(reader, "url", "url = \"mqtt://127.0.0.1:1883\"")?],
    };
    let read = |url: &Text<'_>| read_url(reader.log, url).map(|target| (target, url.place));
    let targets: Vec<_> = urls.iter().filter_map(read).collect();
    let tls = targets.first()?.0.tls;
    if let Some((_, place)) = targets.iter().find(|(target, _)| target.tls != tls) {
        reader.log.report(Finding::new(&texts::SERVERS_MIX_TLS, *place));
        return None;
    }
    let ipv6 = |(target, _): &&(Target, Place)| tls && target.server.host.contains(':');
    if let Some((target, place)) = targets.iter().find(ipv6) {
        let finding = Finding::new(&texts::TLS_TO_IPV6, *place);
        reader.log.report(finding.with("host", target.server.host.as_str()));
        return None;
    }
    let all = targets.len() == urls.len();
    let servers = targets.into_iter().map(|(target, _)| target.server).collect();
    all.then_some(Targets { servers, tls })
}

/// What proves who the broker and the gateway are. `tls` is `None` when the
/// url could not be read.
fn read_tls(reader: &Reader<'_>, dir: &Path, tls: Option<bool>) -> Option<TlsPlan> {
    for key in ["ca", "cert", "key", "server_name"] {
        if let (Some(entry), Some(false)) = (reader.entry(key), tls) {
            let finding = Finding::new(&texts::KEY_WITHOUT_TLS, entry.key_place);
            reader.log.report(finding.with("key", key));
        }
    }
    for (key, other) in [("cert", "key"), ("key", "cert")] {
        if let (Some(entry), None) = (reader.entry(key), reader.entry(other)) {
            let finding = Finding::new(&texts::CERT_AND_KEY, entry.key_place);
            reader.log.report(finding.with("key", key).with("other", other));
        }
    }
    let file = |key| {
        let text = reader.filled_text(key)?;
        let path = existing_file(reader.log, dir, &text);
        Some((path, text))
    };
    let (ca, cert, key) = (file("ca"), file("cert"), file("key"));
    if let Some((path, text)) = &key {
        check_mode(reader.log, path, text);
    }
    let client = cert.zip(key).map(|((cert, _), (key, _))| (cert, key));
    let server_name = reader.filled_text("server_name").map(|name| name.value.into_owned());
    tls?.then_some(TlsPlan { ca: ca.map(|(path, _)| path), client, server_name })
}

/// Ports assigned by IANA: mqtt 1883, secure-mqtt 8883.
fn read_url(log: &Log, text: &Text<'_>) -> Option<Target> {
    let schemes = ["mqtt", "mqtts", "ws", "wss"];
    let Url { scheme, host, port, rest } = url::parse(log, text, &schemes)?;
    let (tls, default_port) = match scheme {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        _ => {
            crate::versions::unsupported(log, text.place, &format!("{scheme}://"));
            return None;
        }
    };
    if !rest.is_empty() {
        log.report(Finding::new(&texts::URL_HAS_MORE, text.place).with("rest", rest));
        return None;
    }
    let server = ServerPlan { host: host.to_owned(), port: port.unwrap_or(default_port) };
    Some(Target { server, tls })
}

fn read_format(reader: &Reader<'_>, gateway: &GatewayPlan) -> Option<BrokerFormat> {
    if reader.entry("format").is_none() {
        reader.missing("format", "format = \"sparkplug\"   # sparkplug | native | json");
        return None;
    }
    let words =
        [("sparkplug", Format::Sparkplug), ("native", Format::Native), ("json", Format::Json)];
    let format = reader.word("format", &words)?.value;
    let foreign: &[&str] = match format {
        Format::Sparkplug => &["topic", "per_tag", "retain", "baseline", "mqtt"],
        Format::Native => &["group", "primary_host", "per_tag", "retain"],
        Format::Json => &["group", "primary_host", "baseline"],
    };
    for key in foreign {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::KEY_OF_OTHER_FORMAT, entry.key_place);
            let name = words.iter().find(|(_, f)| *f == format).map_or("", |(n, _)| n);
            reader.log.report(finding.with("key", *key).with("format", name));
        }
    }
    match format {
        Format::Sparkplug => read_sparkplug(reader),
        Format::Native => {
            let topic = read_topic(reader, gateway, "fh/v1/{path}/{gateway}", &[])?;
            let baseline = reader.boolean("baseline").is_some_and(|baseline| baseline.value);
            Some(BrokerFormat::Native { topic, baseline })
        }
        Format::Json => {
            let per_tag = reader.boolean("per_tag").is_some_and(|per_tag| per_tag.value);
            let (default, blanks): (_, &[&str]) = if per_tag {
                ("fh/v1/{path}/{device}/{tag}", &["device", "tag"])
            } else {
                ("fh/v1/{path}/{device}", &["device"])
            };
            let topic = read_topic(reader, gateway, default, blanks)?;
            let retain = reader.boolean("retain").is_some_and(|retain| retain.value);
            Some(BrokerFormat::Json { topic, per_tag, retain })
        }
    }
}

/// Without the key 5 is tried first.
fn read_mqtt(reader: &Reader<'_>) -> MqttPlan {
    let Some(version) = reader.integer("mqtt", MQTT.0..=MQTT.1) else { return MqttPlan::Newest };
    match version.value {
        3 => MqttPlan::Three,
        5 => MqttPlan::Five,
        other => {
            let finding = Finding::new(&texts::UNKNOWN_WORD, version.place)
                .with("key", "mqtt")
                .with("value", other.to_string())
                .with("known", "3 | 5");
            reader.log.report(finding);
            MqttPlan::Newest
        }
    }
}

fn read_sparkplug(reader: &Reader<'_>) -> Option<BrokerFormat> {
    let group = required(reader, "group", "group = \"acme.guangxi\"");
    let host = reader.filled_text("primary_host");
    for (kind, text) in [(names::Kind::Group, &group), (names::Kind::Host, &host)] {
        if let Some(text) = text {
            names::check(reader.log, kind, &text.value, text.place);
        }
    }
    Some(BrokerFormat::Sparkplug {
        group: group?.value.into_owned(),
        primary_host: host.map(|host| host.value.into_owned()),
    })
}

/// A topic with `{path}` and `{gateway}` filled in; `open` stay open and must
/// all be there, since without them messages of several tags share a topic.
fn read_topic(
    reader: &Reader<'_>,
    gateway: &GatewayPlan,
    default: &'static str,
    open: &[&str],
) -> Option<String> {
    let text = if reader.entry("topic").is_some() {
        reader.filled_text("topic")?
    } else {
        Text { value: default.into(), place: reader.place() }
    };
    let mut blanks = text.value.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or(""));
    let unknown =
        blanks.find(|blank| !["path", "gateway"].contains(blank) && !open.contains(blank));
    if let Some(blank) = unknown {
        let known = ["path", "gateway"].iter().chain(open).map(|blank| format!("{{{blank}}}"));
        let finding = Finding::new(&texts::TOPIC_BLANK, text.place)
            .with("blank", format!("{{{blank}}}"))
            .with("known", known.collect::<Vec<_>>().join(" "));
        reader.log.report(finding);
        return None;
    }
    if let Some(blank) = open.iter().find(|blank| !text.value.contains(&format!("{{{blank}}}"))) {
        let finding = Finding::new(&texts::TOPIC_SHARED, text.place);
        reader.log.report(finding.with("blank", format!("{{{blank}}}")));
        return None;
    }
    let topic = text.value.replace("{path}", &gateway.path).replace("{gateway}", &gateway.id);
    let illegal = topic.contains(['+', '#', '\0'])
        || topic.starts_with(['/', '$'])
        || topic.split('/').any(str::is_empty);
    if illegal && !gateway.id.is_empty() && !gateway.path.is_empty() {
        reader
            .log
            .report(Finding::new(&texts::TOPIC_ILLEGAL, text.place).with("topic", topic.as_str()));
        return None;
    }
    Some(topic)
}

/// `{ credential = "…" }` or `{ file = "…" }`; a literal is refused.
pub(crate) fn read_password(reader: &Reader<'_>, dir: &Path) -> Option<PasswordSource> {
    let entry = reader.entry("password")?;
    let table = match &entry.node.value {
        Value::Table(table) => table,
        Value::Text(_) => {
            reader.log.report(Finding::new(&texts::SECRET_IN_FILE, entry.node.place));
            return None;
        }
        _ => {
            reader.wrong_type("password", &entry.node, phrase::A_SECRET);
            return None;
        }
    };
    let inner = Reader::new(reader.log, table, phrase::PASSWORD, entry.key_place);
    inner.only(&["credential", "file"]);
    match (inner.filled_text("credential"), inner.filled_text("file")) {
        (Some(name), None) => {
            // A credential is a file of this name in a directory (systemd.exec, CREDENTIALS_DIRECTORY).
            if name.value.contains('/') || name.value.starts_with('.') {
                let finding = Finding::new(&texts::NOT_A_CREDENTIAL, name.place);
                reader.log.report(finding.with("name", &*name.value));
                return None;
            }
            Some(PasswordSource::Credential(name.value.into_owned()))
        }
        (None, Some(file)) => {
            let path = existing_file(reader.log, dir, &file);
            check_mode(reader.log, &path, &file);
            Some(PasswordSource::File(path))
        }
        (Some(_), Some(file)) => {
            reader.log.report(Finding::new(&texts::SECRET_TWICE, file.place));
            None
        }
        (None, None) => {
            if table.entries.is_empty() {
                reader.wrong_type("password", &entry.node, phrase::A_SECRET);
            }
            None
        }
    }
}

/// A path of the map, relative to its directory; a finding when nothing is there.
pub(crate) fn existing_file(log: &Log, dir: &Path, text: &Text<'_>) -> PathBuf {
    let path = dir.join(&*text.value);
    if !path.is_file() {
        log.report(Finding::new(&texts::NO_SUCH_FILE, text.place).with("path", &*text.value));
    }
    path
}

#[cfg(unix)]
pub(crate) fn check_mode(log: &Log, path: &Path, text: &Text<'_>) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let finding = Finding::new(&texts::SECRET_FILE_OPEN, text.place);
        log.report(finding.with("path", &*text.value).with("mode", format!("{mode:04o}")));
    }
}

#[cfg(not(unix))]
pub(crate) fn check_mode(_log: &Log, _path: &Path, _text: &Text<'_>) {}

fn read_grades(reader: &Reader<'_>) -> Option<Vec<Grade>> {
    let texts = reader.texts("grades")?;
    if texts.is_empty()
        && let Some(entry) = reader.entry("grades")
    {
        reader
            .log
            .report(Finding::new(&texts::NOTHING_ALLOWED, entry.node.place).with("key", "grades"));
    }
    Some(
        texts
            .iter()
            .filter_map(|text| reader.one_of("grades", text, &GRADES))
            .map(|g| g.value)
            .collect(),
    )
}

fn read_globs(reader: &Reader<'_>) -> Option<Globs> {
    let texts = reader.texts("devices")?;
    if texts.is_empty()
        && let Some(entry) = reader.entry("devices")
    {
        reader
            .log
            .report(Finding::new(&texts::NOTHING_ALLOWED, entry.node.place).with("key", "devices"));
    }
    let globs = texts.into_iter().filter(|text| match globset::Glob::new(&text.value) {
        Ok(_) => true,
        Err(error) => {
            let finding = Finding::new(&texts::NOT_A_GLOB, text.place);
            let reason = error.kind().to_string();
            reader.log.report(finding.with("value", &*text.value).with("reason", reason));
            false
        }
    });
    Some(globs.map(|text| (text.value.into_owned(), text.place)).collect())
}
