//! A link: the socket or bus that one or more devices are reached over, and its quirks.

use std::time::Duration;

use forehearth_modbus::Framing;

use crate::finding::{Finding, Log};
use crate::keys;
use crate::keys::link::{self as described, BUDGET_KEYS, LINK_KEYS};
use crate::line;
use crate::plan::{LinkPlan, Transport};
use crate::reader::{At, Reader, Text};
use crate::source::Place;
use crate::texts;
use crate::url;
use crate::versions;

/// Keys of a `[[link]]`, quirks aside.
pub(crate) const KEYS: [&str; LINK_KEYS.len()] = keys::names(LINK_KEYS);

/// What a device or link can't do or needs; allowed on links, devices and profiles.
pub(crate) const QUIRKS: [&str; described::QUIRKS.len()] = keys::names(described::QUIRKS);

/// A request needs a round trip at least; above a minute the schedule is meaningless (chosen).
pub(crate) const TIMEOUT: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_secs(60));

/// Pauses of devices seen so far are below 5 s; a minute is a typing mistake (chosen).
pub(crate) const PAUSE: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(60));

/// Most transactions a server should be sent at once (Messaging on TCP/IP
/// Implementation Guide V1.0b, 4.2.1.2 NumberMaxOfServerTransaction: 1 to 16).
pub(crate) const INFLIGHT: i64 = 16;

/// Modbus TCP's port (IANA: mbap).
const PORT: u16 = 502;

/// A link of the map.
#[derive(Clone, Debug)]
pub(crate) struct LinkDraft {
    pub(crate) plan: LinkPlan,
    pub(crate) name_place: Place,
    pub(crate) url_place: Place,
    /// Whether it was written as `[[link]]`, to be shared.
    pub(crate) shared: bool,
    pub(crate) used: bool,
}

/// Quirks as they were given; absent ones are `None`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Quirks {
    max_words: Option<u16>,
    max_bits: Option<u16>,
    one_request_per_tag: bool,
    pause_after_connect: Option<Duration>,
    pub(crate) pause_between: Option<Duration>,
}

impl Quirks {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        for key in keys::refused(described::QUIRKS) {
            if let Some(entry) = reader.entry(key) {
                versions::unsupported(reader.log, entry.key_place, key);
            }
        }
        // The largest answers of functions 3 and 1 (Application Protocol V1.1b3, 6.3 and 6.1).
        let count = |key, most| {
            let count = reader.integer(key, 1..=most)?;
            u16::try_from(count.value).ok()
        };
        let pause = |key| reader.duration(key, PAUSE.0..=PAUSE.1).map(|pause| pause.value);
        Self {
            max_words: count("max_words", 125),
            max_bits: count("max_bits", 2000),
            one_request_per_tag: reader.boolean("one_request_per_tag").is_some_and(|one| one.value),
            pause_after_connect: pause("pause_after_connect"),
            pause_between: pause("pause_between"),
        }
    }

    /// The most careful of both: what one device on a link needs, all get.
    pub(crate) fn apply(self, plan: &mut LinkPlan) {
        plan.max_words = plan.max_words.min(self.max_words.unwrap_or(u16::MAX));
        plan.max_bits = plan.max_bits.min(self.max_bits.unwrap_or(u16::MAX));
        plan.join &= !self.one_request_per_tag;
        let longest =
            |pause: Option<Duration>, given: Duration| given.max(pause.unwrap_or_default());
        plan.pause_after_connect = longest(self.pause_after_connect, plan.pause_after_connect);
        plan.pause_between = longest(self.pause_between, plan.pause_between);
    }
}

/// Reads `url`, `timeout`, `inflight` and quirks of a link or of a device
/// that has one of its own.
pub(crate) fn read(
    reader: &Reader<'_>,
    name: String,
    name_place: Place,
    shared: bool,
) -> Option<LinkDraft> {
    let timeout = reader.duration("timeout", TIMEOUT.0..=TIMEOUT.1);
    let inflight = reader.integer("inflight", 1..=INFLIGHT);
    let quirks = Quirks::read(reader);
    let url = reader.filled_text("url")?;
    let mut transport = transport(reader.log, &url)?;
    line::check_keys(reader, &mut transport);
    let mut plan = LinkPlan {
        name,
        transport,
        timeout: timeout.map_or(Duration::from_secs(1), |timeout| timeout.value),
        inflight: inflight.map_or(1, |inflight| inflight.value as u16),
        max_words: 125,
        max_bits: 2000,
        pause_after_connect: Duration::ZERO,
        pause_between: Duration::ZERO,
        join: true,
        groups: Vec::new(),
    };
    quirks.apply(&mut plan);
    Some(LinkDraft { plan, name_place, url_place: url.place, shared, used: false })
}

/// What a link's `url` says; what is wrong with it is in the log.
pub(crate) fn transport(log: &Log, text: &Text<'_>) -> Option<Transport> {
    let schemes = ["tcp", "rtu+tcp", "ascii+tcp", "serial"];
    if text.value.starts_with("serial://") {
        return line::on_port(log, text);
    }
    let url = url::parse(log, text, &schemes)?;
    match url.scheme {
        "tcp" => {}
        "rtu+tcp" => return line::behind_server(log, text, url, Framing::Rtu),
        "ascii+tcp" => return line::behind_server(log, text, url, Framing::Ascii),
        scheme => {
            versions::unsupported(log, text.place, &format!("{scheme}://"));
            return None;
        }
    }
    if !url.rest.is_empty() {
        log.report(Finding::new(&texts::URL_HAS_MORE, text.place).with("rest", url.rest));
        return None;
    }
    Some(Transport::ModbusTcp { host: url.host.to_owned(), port: url.port.unwrap_or(PORT) })
}

/// `budget = { requests_per_second, timeout, retries }`: what a careful owner
/// of a safety system allows.
pub(crate) struct Budget {
    requests_per_second: Option<At<f64>>,
    timeout: Option<At<Duration>>,
    retries: Option<At<i64>>,
}

/// `requests_per_second`: once in a quarter of an hour to a thousand (chosen).
const BUDGET: (f64, f64) = (0.001, 1000.0);

impl Budget {
    pub(crate) fn read(reader: &Reader<'_>) -> Option<Self> {
        let table = reader.table("budget")?;
        let inner = Reader::new(reader.log, table.value, crate::texts::phrase::BUDGET, table.place);
        inner.only(&keys::names::<{ BUDGET_KEYS.len() }>(BUDGET_KEYS));
        let requests_per_second = inner.number("requests_per_second").filter(|rate| {
            let fits = (BUDGET.0..=BUDGET.1).contains(&rate.value);
            if !fits {
                let finding = Finding::new(&texts::OUT_OF_RANGE, rate.place);
                let finding = finding.with("key", "requests_per_second").with("value", rate.value);
                reader.log.report(finding.with("low", BUDGET.0).with("high", BUDGET.1));
            }
            fits
        });
        Some(Self {
            requests_per_second,
            timeout: inner.duration("timeout", TIMEOUT.0..=TIMEOUT.1),
            retries: inner.integer("retries", 0..=10),
        })
    }

    /// On a link of the device's own the budget is exact: one request at a
    /// time, and a pause between them.
    pub(crate) fn apply(&self, log: &Log, plan: &mut LinkPlan) {
        match &mut plan.transport {
            Transport::ModbusLine(line) => {
                line.retries = self.retries.map_or(0, |retries| retries.value as u8);
            }
            Transport::ModbusTcp { .. }
            | Transport::OpcUa(_)
            | Transport::Plugin(_)
            | Transport::House(_) => {
                self.no_retries(log);
            }
        }
        if let Some(rate) = self.requests_per_second {
            plan.inflight = 1;
            plan.pause_between = plan.pause_between.max(Duration::from_secs_f64(1.0 / rate.value));
        }
        if let Some(timeout) = self.timeout {
            plan.timeout = timeout.value;
        }
    }

    fn no_retries(&self, log: &Log) {
        if let Some(At { value: 1.., place }) = self.retries {
            versions::no_effect(log, place, "retries");
        }
    }

    /// On a shared link it can't be kept yet.
    pub(crate) fn refuse_on_shared(&self, log: &Log) {
        self.no_retries(log);
        let places = [
            ("requests_per_second", self.requests_per_second.map(|rate| rate.place)),
            ("timeout", self.timeout.map(|timeout| timeout.place)),
        ];
        for (key, place) in places {
            if let Some(place) = place {
                log.report(Finding::new(&texts::BUDGET_ON_SHARED_LINK, place).with("key", key));
            }
        }
    }
}
