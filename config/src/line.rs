//! A serial line: how its URL is read, and what on it can't be.
//!
//! `serial:///dev/ttyS2?baud=9600&format=8E1&rs485=auto&mode=rtu` is a port of
//! this machine; `rtu+tcp://host:port` and `ascii+tcp://host:port` are a line
//! behind a serial server, which keeps speed and format to itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use forehearth_modbus::{Echo, Framing};

use crate::finding::{Finding, Log};
use crate::link::LinkDraft;
use crate::nearest::nearest;
use crate::plan::{CarrierPlan, FormatPlan, LinePlan, Rs485Plan, SerialPlan, Transport};
use crate::reader::{Reader, Text};
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::url;

/// What a `serial://` URL may say.
const SETTINGS: [&str; 4] = ["baud", "format", "rs485", "mode"];

/// Slower than any Modbus device seen, to what USB adapters reach (chosen).
const BAUD: (u32, u32) = (300, 4_000_000);

/// Speeds that ports and devices offer.
const USUAL_BAUDS: [u32; 14] = [
    300, 600, 1200, 2400, 4800, 9600, 14_400, 19_200, 38_400, 57_600, 76_800, 115_200, 230_400,
    460_800,
];

/// Above this every speed is special, and none a typing mistake (chosen).
const FASTEST_USUAL: u32 = 460_800;

const FORMATS: &str = "8E1 | 8O1 | 8N1 | 8N2 | 7E1 | 7O1 | 7N2";

const MODES: [(&str, Framing); 2] = [("rtu", Framing::Rtu), ("ascii", Framing::Ascii)];

const RS485: [(&str, Rs485Plan); 3] =
    [("auto", Rs485Plan::Auto), ("kernel", Rs485Plan::Kernel), ("off", Rs485Plan::Off)];

/// Units of a line, the broadcast and what is reserved aside (Serial Line V1.02, 2.2).
const UNITS: (u8, u8) = (1, 247);

const fn line(carrier: CarrierPlan, framing: Framing) -> Transport {
    Transport::ModbusLine(LinePlan { carrier, framing, echo: Echo::Auto, retries: 1 })
}

/// `rtu+tcp://` and `ascii+tcp://`: the port has no default, because serial
/// servers have none in common.
pub(crate) fn behind_server(
    log: &Log,
    text: &Text<'_>,
    url: url::Url<'_>,
    framing: Framing,
) -> Option<Transport> {
    if !url.rest.is_empty() {
        log.report(Finding::new(&texts::SERVER_HAS_MORE, text.place).with("rest", url.rest));
        return None;
    }
    let Some(port) = url.port else {
        let finding = Finding::new(&texts::SERVER_WITHOUT_PORT, text.place);
        log.report(finding.with("scheme", url.scheme).with("host", url.host));
        return None;
    };
    Some(line(CarrierPlan::Tcp { host: url.host.to_owned(), port }, framing))
}

/// `serial://`.
pub(crate) fn on_port(log: &Log, text: &Text<'_>) -> Option<Transport> {
    let rest = text.value.strip_prefix("serial://")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') || path.len() < 2 {
        let finding = Finding::new(&texts::PORT_NOT_ABSOLUTE, text.place);
        log.report(finding.with("path", path).with("right", path.trim_start_matches('/')));
        return None;
    }
    let settings = Settings::read(log, text, query)?;
    let baud = settings.baud(path)?;
    let format = settings.format()?;
    let rs485 = settings.word("rs485", &RS485)?.unwrap_or(Rs485Plan::Auto);
    let framing = settings.word("mode", &MODES)?.unwrap_or(Framing::Rtu);
    if framing == Framing::Rtu && format.data_bits == 7 {
        let finding = Finding::new(&texts::RTU_NEEDS_8_BITS, settings.place("format"));
        log.report(finding.with("format", format.to_string()));
        return None;
    }
    Some(line(CarrierPlan::Serial(SerialPlan { path: path.into(), baud, format, rs485 }), framing))
}

/// One `key=value` of the URL.
struct Setting<'t> {
    key: &'t str,
    value: &'t str,
    place: Place,
}

/// What stands behind the `?`.
struct Settings<'t, 'l> {
    log: &'l Log,
    url: Place,
    list: Vec<Setting<'t>>,
}

impl<'t, 'l> Settings<'t, 'l> {
    /// Takes the query apart; `None` when a key in it can't be.
    fn read(log: &'l Log, text: &'t Text<'_>, query: &'t str) -> Option<Self> {
        let mut settings = Self { log, url: text.place, list: Vec::new() };
        let mut right = true;
        let mut start = text.value.len() - query.len();
        for pair in query.split('&') {
            let place = part(text, start, pair.len());
            start += pair.len() + 1;
            if pair.is_empty() {
                continue;
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            right &= settings.is_right(key, place);
            settings.list.push(Setting { key, value, place });
        }
        right.then_some(settings)
    }

    /// Whether `key` is known and new.
    fn is_right(&self, key: &str, place: Place) -> bool {
        if !SETTINGS.contains(&key) {
            let finding = Finding::new(&texts::UNKNOWN_PORT_SETTING, place).with("key", key);
            let finding = finding.with("known", SETTINGS.join(" "));
            self.log.report(match nearest(key, &SETTINGS) {
                Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
                None => finding,
            });
            return false;
        }
        let twice = self.list.iter().any(|setting| setting.key == key);
        if twice {
            let finding = Finding::new(&texts::PORT_SETTING_TWICE, place);
            self.log.report(finding.with("key", key));
        }
        !twice
    }

    fn get(&self, key: &str) -> Option<&Setting<'t>> {
        self.list.iter().find(|setting| setting.key == key)
    }

    fn place(&self, key: &str) -> Place {
        self.get(key).map_or(self.url, |setting| setting.place)
    }

    /// The speed has no default: a wrong one is a line that is silent.
    fn baud(&self, path: &str) -> Option<u32> {
        let Some(Setting { value, place, .. }) = self.get("baud") else {
            let finding = Finding::new(&texts::BAUD_MISSING, self.url);
            self.log.report(finding.with("path", path));
            return None;
        };
        let baud = value.parse().ok().filter(|baud| (BAUD.0..=BAUD.1).contains(baud));
        let Some(baud) = baud else {
            let finding = Finding::new(&texts::OUT_OF_RANGE, *place).with("key", "baud");
            let finding = finding.with("value", format!("`{value}`"));
            self.log.report(finding.with("low", BAUD.0).with("high", BAUD.1));
            return None;
        };
        if baud <= FASTEST_USUAL && !USUAL_BAUDS.contains(&baud) {
            let near = USUAL_BAUDS.into_iter().min_by_key(|usual| usual.abs_diff(baud));
            let finding = Finding::new(&texts::UNUSUAL_BAUD, *place).with("baud", baud);
            self.log.report(finding.with("near", near.unwrap_or(baud)));
        }
        Some(baud)
    }

    fn format(&self) -> Option<FormatPlan> {
        let Some(setting) = self.get("format") else { return Some(FormatPlan::DEFAULT) };
        let format = FormatPlan::parse(setting.value);
        if format.is_none() {
            self.unknown_word(setting, FORMATS.to_owned(), None);
        }
        format
    }

    /// One of a few words; `None` when it is none of them, `Some(None)` when absent.
    fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Option<Option<T>> {
        let Some(setting) = self.get(key) else { return Some(None) };
        if let Some((_, word)) = words.iter().find(|(word, _)| *word == setting.value) {
            return Some(Some(*word));
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.unknown_word(setting, known.join(" | "), nearest(setting.value, &known));
        None
    }

    fn unknown_word(&self, setting: &Setting<'_>, known: String, near: Option<&str>) {
        let finding = Finding::new(&texts::UNKNOWN_WORD, setting.place)
            .with("key", setting.key)
            .with("value", setting.value)
            .with("known", known);
        self.log.report(match near {
            Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
            None => finding,
        });
    }
}

/// A part of a text; the whole where its place isn't known, because it was
/// expanded or holds escapes.
fn part(text: &Text<'_>, start: usize, len: usize) -> Place {
    let verbatim = matches!(text.value, Cow::Borrowed(_))
        && (text.place.end - text.place.start) as usize == text.value.len() + 2;
    if verbatim { text.place.part(start + 1, start + len + 1) } else { text.place }
}

/// `echo` and `inflight` against what the link is; the echo goes into the plan.
pub(crate) fn check_keys(reader: &Reader<'_>, transport: &mut Transport) {
    match transport {
        Transport::ModbusTcp { .. }
        | Transport::OpcUa(_)
        | Transport::Plugin(_)
        | Transport::House(_) => {
            if let Some(echo) = reader.entry("echo") {
                let finding = Finding::new(&texts::KEY_OF_LINE, echo.key_place);
                reader.log.report(finding.with("key", "echo"));
            }
        }
        Transport::ModbusLine(line) => {
            if let Some(echo) = reader.boolean("echo") {
                line.echo = if echo.value { Echo::On } else { Echo::Off };
            }
            if let Some(inflight) = reader.integer("inflight", 1..=crate::link::INFLIGHT)
                && inflight.value > 1
            {
                reader.log.report(Finding::new(&texts::ONE_AT_A_TIME, inflight.place));
            }
        }
    }
}

/// A unit that can't answer on a line.
pub(crate) fn check_unit(log: &Log, unit: u8, place: Place, link: &LinkDraft) {
    if matches!(link.plan.transport, Transport::ModbusLine(_))
        && !(UNITS.0..=UNITS.1).contains(&unit)
    {
        let code = if unit == 0 { &texts::UNIT_IS_BROADCAST } else { &texts::UNIT_IS_RESERVED };
        log.report(Finding::new(code, place).with("unit", unit));
    }
}

/// Two links that speak on one line at once: neither understands its answers.
pub(crate) fn check_ports(log: &Log, links: &[LinkDraft]) {
    let mut seen: HashMap<String, &LinkDraft> = HashMap::new();
    for link in links {
        let Some(port) = port(&link.plan.transport) else { continue };
        if let Some(other) = seen.get(&port) {
            let is_line =
                |link: &LinkDraft| matches!(link.plan.transport, Transport::ModbusLine(_));
            if is_line(link) || is_line(other) {
                let finding = Finding::new(&texts::SAME_LINE, link.url_place)
                    .with("name", link.plan.name.as_str())
                    .with("other", other.plan.name.as_str())
                    .with("port", port);
                log.report(finding.related(other.url_place, phrase::OTHER_LINK));
            }
            continue;
        }
        seen.insert(port, link);
    }
}

/// The port or socket a link occupies.
pub(crate) fn port(transport: &Transport) -> Option<String> {
    match transport {
        Transport::ModbusTcp { host, port }
        | Transport::ModbusLine(LinePlan { carrier: CarrierPlan::Tcp { host, port }, .. }) => {
            Some(format!("{}:{port}", host.to_ascii_lowercase()))
        }
        // Components: `/dev//ttyS2` and `/dev/./ttyS2` are the same.
        Transport::ModbusLine(LinePlan { carrier: CarrierPlan::Serial(serial), .. }) => {
            Some(serial.path.components().collect::<PathBuf>().display().to_string())
        }
        // Its users are told apart by their sessions; whom a plugin asks only it knows.
        Transport::OpcUa(_) | Transport::Plugin(_) | Transport::House(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{FormatPlan, ParityPlan};

    #[test]
    fn a_format_knows_its_bits_and_reads_back() {
        assert_eq!(
            FormatPlan::parse("7o2"),
            Some(FormatPlan { data_bits: 7, parity: ParityPlan::Odd, stop_bits: 2 })
        );
        for (text, bits) in [("8E1", 11), ("8N1", 10), ("8N2", 11), ("7E1", 10)] {
            let format = FormatPlan::parse(text).unwrap();
            assert_eq!((format.to_string().as_str(), format.bits()), (text, bits));
        }
        for wrong in ["", "8E", "9E1", "8X1", "8E3", "8E15", "8É"] {
            assert_eq!(FormatPlan::parse(wrong), None, "{wrong}");
        }
    }
}
