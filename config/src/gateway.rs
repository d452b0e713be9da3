//! `gateway.toml`: who the gateway is, what its buffer may use, whom it delivers to, where it is watched.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::broker;
use crate::finding::{Finding, Log};
use crate::keys::{self, gateway as described};
use crate::names;
use crate::plan::{BrokerPlan, BufferPlan, GatewayPlan, StatusPlan};
use crate::reader::Reader;
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::tree::Table;

/// What `gateway.toml` asks for, with places that later checks point at.
pub(crate) struct GatewayFile {
    pub(crate) gateway: GatewayPlan,
    pub(crate) buffer: BufferPlan,
    pub(crate) brokers: Vec<BrokerPlan>,
    pub(crate) status: Option<StatusPlan>,
    /// Where `max_size` (or `[buffer]`) stands.
    pub(crate) buffer_place: Place,
    /// Where each broker's `devices` stands.
    pub(crate) globs: Vec<Vec<(String, Place)>>,
}

/// Every key of the file.
pub(crate) const KEYS: [&str; described::FILE_KEYS.len()] = keys::names(described::FILE_KEYS);

/// Every key of `[gateway]`.
pub(crate) const GATEWAY_KEYS: [&str; described::GATEWAY_KEYS.len()] =
    keys::names(described::GATEWAY_KEYS);

/// Every key of `[buffer]`.
pub(crate) const BUFFER_KEYS: [&str; described::BUFFER_KEYS.len()] =
    keys::names(described::BUFFER_KEYS);

/// Every key of `[status]`.
pub(crate) const STATUS_KEYS: [&str; described::STATUS_KEYS.len()] =
    keys::names(described::STATUS_KEYS);

/// `batch_within`: below a millisecond nothing is batched, above ten seconds
/// nobody calls it live (chosen).
pub(crate) const BATCH_WITHIN: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_secs(10));

/// `commit_within`: one flush takes 3–4 ms on eMMC (measured 2026-11), so that
/// below 20 ms the disk does nothing else.
pub(crate) const COMMIT_WITHIN: (Duration, Duration) =
    (Duration::from_millis(20), Duration::from_secs(60));

/// `max_size`: two segments of 8 MiB at least; at most what SQLite can address.
pub(crate) const MAX_SIZE: (u64, u64) = (16 << 20, 64 << 40);

/// `max_age`: a minute (tests) to ten years.
pub(crate) const MAX_AGE: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(3650 * 86_400));

/// `reserve`: room for one group commit at least (chosen).
pub(crate) const RESERVE: (u64, u64) = (1 << 20, 1 << 40);

/// Reads `gateway.toml`. What is wrong is in the log, and stands in as its default.
pub(crate) fn read(log: &Log, root: &Table, top: Place, dir: &Path) -> GatewayFile {
    let reader = Reader::new(log, root, phrase::GATEWAY_FILE, top);
    crate::files::check_schema(&reader);
    for key in ["link", "device", "profile", "override", "tags"] {
        if let Some(entry) = root.get(key) {
            log.report(Finding::new(&texts::WRONG_FILE, entry.key_place).with("key", key));
        }
    }
    reader.only(&[&KEYS[..], &["link", "device", "profile", "override", "tags"]].concat());

    let gateway = match reader.table("gateway") {
        Some(table) => read_gateway(&Reader::new(log, table.value, phrase::GATEWAY, table.place)),
        None => {
            if root.get("gateway").is_none() {
                reader.missing("gateway", "[gateway]\nid = \"pot2-east\"");
            }
            no_gateway()
        }
    };
    let buffer_table = reader.table("buffer");
    let buffer = buffer_table.map_or_else(default_buffer, |table| {
        read_buffer(&Reader::new(log, table.value, phrase::BUFFER, table.place))
    });
    let buffer_place = buffer_table.map_or(top, |table| {
        table.value.get("max_size").map_or(table.place, |entry| entry.node.place)
    });
    let (brokers, globs) = broker::read_all(&reader, &gateway, &buffer, dir);
    let status = reader
        .table("status")
        .and_then(|table| read_status(&Reader::new(log, table.value, phrase::STATUS, table.place)));
    GatewayFile { gateway, buffer, brokers, status, buffer_place, globs }
}

fn no_gateway() -> GatewayPlan {
    GatewayPlan {
        id: String::new(),
        path: String::new(),
        title: Default::default(),
        batch_within: Duration::from_millis(100),
        watch: false,
    }
}

fn read_gateway(reader: &Reader<'_>) -> GatewayPlan {
    reader.only(&GATEWAY_KEYS);
    let mut plan = no_gateway();
    match reader.filled_text("id") {
        Some(id) if names::check(reader.log, names::Kind::Gateway, &id.value, id.place) => {
            plan.id = id.value.into_owned();
        }
        Some(_) => {}
        None if reader.entry("id").is_none() => reader.missing("id", "id = \"pot2-east\""),
        None => {}
    }
    match reader.filled_text("path") {
        Some(path) => {
            let mut levels = path.value.split('/');
            if levels
                .all(|level| names::check(reader.log, names::Kind::PathLevel, level, path.place))
            {
                plan.path = path.value.into_owned();
            }
        }
        None if reader.entry("path").is_none() => {
            reader.missing("path", "path = \"enterprise/site/area/line\"");
        }
        None => {}
    }
    plan.title = reader.bilingual("title").unwrap_or_default();
    if let Some(within) = reader.duration("batch_within", BATCH_WITHIN.0..=BATCH_WITHIN.1) {
        plan.batch_within = within.value;
    }
    plan.watch = reader.boolean("watch").is_some_and(|watch| watch.value);
    plan
}

fn default_buffer() -> BufferPlan {
    BufferPlan {
        commit_within: Duration::from_millis(500),
        max_size: 1 << 30,
        max_age: Duration::from_secs(14 * 86_400),
        reserve: 64 << 20,
    }
}

fn read_buffer(reader: &Reader<'_>) -> BufferPlan {
    reader.only(&BUFFER_KEYS);
    let mut plan = default_buffer();
    if let Some(within) = reader.duration("commit_within", COMMIT_WITHIN.0..=COMMIT_WITHIN.1) {
        plan.commit_within = within.value;
    }
    if let Some(size) = reader.size("max_size", MAX_SIZE.0..=MAX_SIZE.1) {
        plan.max_size = size.value;
    }
    if let Some(age) = reader.duration("max_age", MAX_AGE.0..=MAX_AGE.1) {
        plan.max_age = age.value;
    }
    if let Some(reserve) = reader.size("reserve", RESERVE.0..=RESERVE.1) {
        plan.reserve = reserve.value;
    }
    plan
}

fn read_status(reader: &Reader<'_>) -> Option<StatusPlan> {
    reader.only(&STATUS_KEYS);
    let Some(listen) = reader.filled_text("listen") else {
        if reader.entry("listen").is_none() {
            reader.missing("listen", "listen = \"127.0.0.1:8390\"");
        }
        return None;
    };
    let Ok(address) = listen.value.parse::<SocketAddr>() else {
        let finding = Finding::new(&texts::NOT_A_LISTEN_ADDRESS, listen.place);
        reader.log.report(finding.with("value", &*listen.value));
        return None;
    };
    if !address.ip().is_loopback() {
        let finding = Finding::new(&texts::STATUS_NOT_LOOPBACK, listen.place);
        reader.log.report(finding.with("value", &*listen.value).with("port", address.port()));
        return None;
    }
    Some(StatusPlan { listen: address })
}
