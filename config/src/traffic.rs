//! How much a link is asked for, against what it can answer.
//!
//! The model for TCP: a request costs its answer time, divided by what is in
//! flight, and the pause the map asks for. The answer time is not known
//! offline, so two are tried: one that no device beats, for the error, and
//! one that most devices need, for the warning.

use std::time::Duration;

use forehearth_modbus::{Join, Limits, Point, ReadPlan};
use forehearth_model::TagId;

use crate::finding::{Finding, Log};
use crate::load::Field;
use crate::plan::{GroupPlan, LinkPlan};
use crate::quantity::show_duration;
use crate::source::Place;
use crate::texts::{self, CodeText};

/// No Modbus device answers faster than its network and its stack allow.
/// Chosen: 1 ms.
const BEST: f64 = 0.001;

/// A PLC answers once in a program cycle, 5 to 20 ms. Chosen: 10 ms.
const USUAL: f64 = 0.010;

/// A link asked for exactly what it can answer is not refused: a budget of two
/// requests a second is meant for two requests a second. Chosen: 1 in 100.
const FULL: f64 = 1.01;

/// What one group asks for.
struct Share {
    requests: usize,
    period: Duration,
    place: Place,
}

/// Reports links that are asked for more than they can answer.
pub(crate) fn check(log: &Log, field: &Field) {
    for (link, places) in field.links.iter().zip(&field.rate_places) {
        let shares: Vec<Share> = link
            .plan
            .groups
            .iter()
            .zip(places)
            .map(|(group, place)| share(field, &link.plan, group, *place))
            .collect();
        let pause = link.plan.pause_between.as_secs_f64();
        let cost = |answer: f64| answer / f64::from(link.plan.inflight) + pause;
        if !report(log, &texts::RATE_UNREACHABLE, &link.plan, &shares, cost(BEST), BEST) {
            report(log, &texts::LINK_BUSY, &link.plan, &shares, cost(USUAL), USUAL);
        }
    }
}

fn share(field: &Field, link: &LinkPlan, group: &GroupPlan, place: Place) -> Share {
    let points: Vec<(TagId, Point)> =
        group.tags.iter().map(|tag| (*tag, field.tags[tag.index()].point)).collect();
    let join = if link.join { Join::DEFAULT } else { Join::Never };
    let limits = Limits { max_words: link.max_words, max_bits: link.max_bits, join };
    // A point that fits no request is reported by `widths`; here it counts as one.
    let requests = ReadPlan::new(&points, limits).map_or(points.len(), |plan| plan.spans().len());
    Share { requests, period: group.period, place }
}

/// Whether the link is asked for more than it can answer at `cost` seconds a
/// request; the finding points at the rate that asks for most.
#[expect(clippy::cast_precision_loss, reason = "a count of requests")]
fn report(
    log: &Log,
    code: &'static CodeText,
    link: &LinkPlan,
    shares: &[Share],
    cost: f64,
    answer: f64,
) -> bool {
    let load_of = |share: &Share| share.requests as f64 * cost / share.period.as_secs_f64();
    let load: f64 = shares.iter().map(load_of).sum();
    if load <= FULL {
        return false;
    }
    let period_load = |period: Duration| -> f64 {
        shares.iter().filter(|share| share.period == period).map(load_of).sum()
    };
    let heaviest =
        shares.iter().max_by(|a, b| period_load(a.period).total_cmp(&period_load(b.period)));
    let Some(heaviest) = heaviest else { return false };
    let requests: usize = shares.iter().map(|share| share.requests).sum();
    let needed = Duration::from_secs_f64((load * heaviest.period.as_secs_f64()).min(1e6));
    let finding = Finding::new(code, heaviest.place)
        .with("link", link.name.as_str())
        .with("rate", show_duration(heaviest.period))
        .with("needed", show_seconds(needed))
        .with("requests", requests)
        .with("load", format!("{:.0}%", load * 100.0))
        .with("answer", format!("{} ms", answer * 1000.0))
        .with("pause", show_duration(link.pause_between));
    log.report(finding);
    true
}

/// The digits that matter: `5.6 s`, `1.02 s`, `230 ms`.
fn show_seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 2.0 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}
