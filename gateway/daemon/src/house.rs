//! The house: what the gateway tells of itself, to tags, to `device stat` and to the metrics.

use std::sync::Arc;

use forehearth_config::{LinkPlan, Plan};
use forehearth_driver_house::{
    GatewayFigures, HouseDriver, HouseGroup, HouseSettings, Insight, LinkFigures, Tree,
};
use forehearth_driver_modbus::{ReportReader, UnitReport};
use forehearth_modbus::UnitMeter;
use forehearth_source::LinkState;
use serde_json::{Value, json};

use crate::clock;
use crate::rooms::{Rooms, usage};
use crate::status::UnitState;

/// Most units the metrics show. Chosen: a page of 256 units has 3,000 lines,
/// which a scraper takes; who has more sees how many are left out.
const MOST_UNITS: usize = 256;

/// What the driver of the house is told.
struct Told(Arc<Rooms>);

impl Insight for Told {
    fn gateway(&self) -> GatewayFigures {
        let (memory, cpu_ms) = usage();
        let uptime = self.0.started.elapsed().as_secs();
        GatewayFigures { memory, cpu_ms, uptime, clock: clock::state() }
    }

    fn link(&self, name: &str) -> Option<LinkFigures> {
        let (_, status) = self.0.links.get().into_iter().find(|(known, _)| known == name)?;
        let now = status.snapshot();
        Some(LinkFigures {
            is_up: now.state == LinkState::Up,
            polls: now.polls,
            failures: now.failed_polls + now.missed_polls,
            overruns: now.overruns,
            counters: now.counters,
        })
    }

    fn unit(&self, link: &str, unit: u8) -> Option<(UnitMeter, bool)> {
        let (_, report) = self.0.reports.get().into_iter().find(|(known, _)| known == link)?;
        let of = report.read().units.into_iter().find(|report| report.unit == unit)?;
        Some((of.meter, !of.is_asleep))
    }
}

/// The driver of a link of the map that reads the house.
pub fn driver(
    plan: &Plan,
    link: &LinkPlan,
    root: &std::path::Path,
    state: &std::path::Path,
    rooms: &Arc<Rooms>,
) -> HouseDriver {
    let fact = |tag: &forehearth_model::TagId| match &plan.tags[tag.index()].point {
        forehearth_config::PointPlan::House(fact) => Some((*tag, fact.clone())),
        _ => None,
    };
    let groups = link.groups.iter().map(|group| HouseGroup {
        device: group.device,
        tags: group.tags.iter().filter_map(fact).collect(),
    });
    let settings = HouseSettings {
        name: link.name.clone(),
        tree: Tree::new(root, state),
        groups: groups.collect(),
    };
    HouseDriver::new(settings, Arc::new(Told(Arc::clone(rooms))), clock::now)
}

/// Units of all links for the metrics, and how many were left out.
pub fn units(rooms: &Rooms) -> (Vec<UnitState>, u64) {
    let mut shown = Vec::new();
    let mut hidden = 0;
    for (link, report) in rooms.reports.get() {
        for unit in report.read().units {
            if shown.len() == MOST_UNITS {
                hidden += 1;
            } else {
                shown.push(state(&link, &unit));
            }
        }
    }
    (shown, hidden)
}

fn state(link: &str, unit: &UnitReport) -> UnitState {
    let meter = &unit.meter;
    UnitState {
        link: link.to_owned(),
        unit: unit.unit,
        up: !unit.is_asleep,
        requests: meter.requests,
        answers: meter.answers,
        timeouts: meter.timeouts,
        late: meter.late,
        noise: meter.noise,
        exceptions: meter.exceptions,
        crc_errors: meter.damaged,
        surprises: meter.surprises,
        refuted: meter.refuted,
        round_trip_p50_us: meter.round_trips.quantile(500),
        round_trip_p99_us: meter.round_trips.quantile(990),
    }
}

/// Units of one link and what they have taught, for `device stat`.
pub fn stat(link: &str, report: Option<&ReportReader>) -> (Vec<Value>, Vec<String>) {
    let Some(report) = report.map(ReportReader::read) else { return Default::default() };
    let unit = |unit: &UnitReport| {
        let now = state(link, unit);
        let mut value = json!(now);
        value["text"] = json!(words(&now));
        value
    };
    // The first line is the version of the file.
    let learned = report.learned.to_string();
    (report.units.iter().map(unit).collect(), learned.lines().skip(1).map(str::to_owned).collect())
}

fn words(unit: &UnitState) -> String {
    let up = if unit.up { "answers" } else { "does not answer, is probed" };
    #[expect(clippy::cast_precision_loss, reason = "at most 4 s in microseconds")]
    let time = |micros: Option<u64>| {
        micros.map_or("-".to_owned(), |micros| format!("{:.1} ms", micros as f64 / 1000.0))
    };
    format!(
        "{up}; requests {}, answers {}, no answer in time {}, too late {}, exceptions {}, damaged {}, \
         half within {}, 99 % within {}",
        unit.requests,
        unit.answers,
        unit.timeouts,
        unit.late,
        unit.exceptions,
        unit.crc_errors,
        time(unit.round_trip_p50_us),
        time(unit.round_trip_p99_us),
    )
}
