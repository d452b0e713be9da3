//! How long the buffer lasts when no broker can be reached.

use crate::finding::{Finding, Log};
use crate::gateway::GatewayFile;
use crate::load::Field;
use crate::quantity::{show_duration, show_size};
use crate::texts;

/// Bytes on disk for a reading: columnar batches take 1 to 2 (measured
/// 2026-11 on the simulated plant); the upper end.
const BYTES: f64 = 2.0;

/// Part of the samples that change enough to be readings. Chosen: pot cells
/// with deadbands give 5 to 15 in 100.
const CHANGED: f64 = 0.1;

const DAY: f64 = 86_400.0;

/// Warns when the buffer is full before its readings are old.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn check(log: &Log, gateway: &GatewayFile, field: &Field) {
    let mut samples = 0.0;
    let mut sure = 0.0;
    for link in &field.links {
        for group in &link.plan.groups {
            let period = group.period.as_secs_f64();
            samples += group.tags.len() as f64 / period;
            for tag in &group.tags {
                let report = field.tags[tag.index()].report;
                let every = if report.every_sample { period } else { report.max_gap.as_secs_f64() };
                sure += 1.0 / every.max(period);
            }
        }
    }
    if samples <= 0.0 {
        return;
    }
    let days = |readings: f64| gateway.buffer.max_size as f64 / (readings * BYTES * DAY);
    let usual = (samples * CHANGED).max(sure);
    let asked = gateway.buffer.max_age.as_secs_f64() / DAY;
    if days(usual) >= asked {
        return;
    }
    let finding = Finding::new(&texts::BUFFER_TOO_SMALL, gateway.buffer_place)
        .with("size", show_size(gateway.buffer.max_size))
        .with("age", show_duration(gateway.buffer.max_age))
        .with("days", show_days(days(usual)))
        .with("least", show_days(days(samples)))
        .with("samples", format!("{samples:.0}"))
        .with("needed", gibibytes(usual * BYTES * DAY * asked));
    log.report(finding);
}

fn show_days(days: f64) -> String {
    if days < 10.0 { format!("{days:.1}") } else { format!("{days:.0}") }
}

fn gibibytes(bytes: f64) -> String {
    format!("{:.0}GiB", (bytes / f64::from(1 << 30)).ceil())
}
