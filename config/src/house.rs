//! The gateway's own values: tags that tell of the box, of the links and of the units behind them.

use std::path::PathBuf;
use std::time::Duration;

use forehearth_house::{Fact, NoFact};
use forehearth_model::{DataType, TagKind};

use crate::finding::{Finding, Log};
use crate::link::{LinkDraft, QUIRKS};
use crate::load::Field;
use crate::nearest::nearest;
use crate::plan::{LinkPlan, PointPlan, Transport};
use crate::reader::{Reader, Text};
use crate::source::Place;
use crate::texts::{self, phrase};
use crate::{device, node};

/// Before the folder that stands for `/`.
const SCHEME: &str = "file://";

/// Keys of a device that mean nothing here.
const FOREIGN_KEYS: [&str; 6] = ["link", "unit", "order", "timeout", "inflight", "budget"];

/// The same of a tag. A fact has a type of its own.
const FOREIGN_TAG_KEYS: [&str; 4] = ["type", "order", "codec", "overlap"];

/// Reports keys of a device that belong to other drivers.
pub(crate) fn refuse_keys(reader: &Reader<'_>, others: &[&[&'static str]]) {
    let others = others.iter().copied().flatten();
    report_foreign(reader, FOREIGN_KEYS.iter().chain(&QUIRKS).chain(others));
}

fn report_foreign<'k>(reader: &Reader<'_>, keys: impl Iterator<Item = &'k &'static str>) {
    for key in keys {
        if let Some(entry) = reader.entry(key) {
            let finding = Finding::new(&texts::KEY_OF_OTHER_DRIVER, entry.key_place);
            reader.log.report(finding.with("key", *key).with("driver", "gateway"));
        }
    }
}

/// Where the kernel's files are: always a link of its own. `url` is only for
/// trees that are somewhere else, as in a container or a test.
pub(crate) fn read(reader: &Reader<'_>, name: &Text<'_>) -> Option<LinkDraft> {
    let (root, url_place) = match reader.entry("url") {
        None => (PathBuf::from("/"), name.place),
        Some(_) => {
            let url = reader.filled_text("url")?;
            let Some(path) = url.value.strip_prefix(SCHEME).filter(|path| path.starts_with('/'))
            else {
                reader
                    .log
                    .report(Finding::new(&texts::NOT_A_TREE, url.place).with("value", &*url.value));
                return None;
            };
            (PathBuf::from(path), url.place)
        }
    };
    let plan = LinkPlan {
        name: name.value.clone().into_owned(),
        transport: Transport::House(root),
        timeout: Duration::from_secs(2),
        inflight: 1,
        max_words: 125,
        max_bits: 2000,
        pause_after_connect: Duration::ZERO,
        pause_between: Duration::ZERO,
        join: true,
        groups: Vec::new(),
    };
    Some(LinkDraft { plan, name_place: name.place, url_place, shared: false, used: false })
}

/// A tag as far as its table could be understood, and what the fact says of it.
#[derive(Default)]
pub(crate) struct HouseSpot {
    pub(crate) data_type: Option<DataType>,
    pub(crate) points: Option<(Place, Vec<PointPlan>)>,
    /// When the map says nothing.
    pub(crate) unit: &'static str,
    /// When the map says nothing.
    pub(crate) kind: Option<TagKind>,
}

/// `at` of a tag.
pub(crate) fn read_tag(reader: &Reader<'_>) -> HouseSpot {
    report_foreign(reader, FOREIGN_TAG_KEYS.iter().chain(&node::KEYS));
    if reader.entry("at").is_none() {
        reader.missing("at", "at = \"cpu_temp\"");
        return HouseSpot::default();
    }
    let Some(at) = reader.filled_text("at") else { return HouseSpot::default() };
    match at.value.parse::<Fact>() {
        Ok(fact) => HouseSpot {
            data_type: Some(fact.data_type()),
            unit: fact.unit(),
            kind: Some(fact.kind()),
            points: Some((at.place, vec![PointPlan::House(fact)])),
        },
        Err(error) => {
            reader.log.report(no_fact(&at, &error));
            HouseSpot::default()
        }
    }
}

fn no_fact(at: &Text<'_>, error: &NoFact) -> Finding {
    let finding = Finding::new(&texts::NOT_A_FACT, at.place).with("value", &*at.value);
    let near = match error {
        NoFact::Word { word, known } => nearest(word, known),
        NoFact::Shape | NoFact::Unit(_) => None,
    };
    match near {
        Some(near) => finding.with("near", near).help(phrase::DID_YOU_MEAN),
        None => finding,
    }
}

/// Links and units that tags tell of, once all of them are known.
pub(crate) fn check(log: &Log, field: &Field) {
    for (tag, place) in &field.house {
        let PointPlan::House(fact) = &field.tags[tag.index()].point else { continue };
        let Some(name) = fact.link() else { continue };
        let Some(link) = field.links.iter().position(|link| link.plan.name == name) else {
            let known: Vec<&str> = field.links.iter().map(|link| link.plan.name.as_str()).collect();
            device::unknown_link(log, name, *place, &known);
            continue;
        };
        let Fact::Unit(_, unit, _) = fact else { continue };
        let mut devices = field.devices.iter().filter(|device| device.link.index() == link);
        let is_modbus = matches!(
            field.links[link].plan.transport,
            Transport::ModbusTcp { .. } | Transport::ModbusLine(_)
        );
        if !is_modbus || !devices.any(|device| device.unit == *unit) {
            let finding = Finding::new(&texts::UNIT_NOT_ON_LINK, *place);
            log.report(finding.with("unit", u32::from(*unit)).with("link", name));
        }
    }
}
