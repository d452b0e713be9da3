//! The snapshot in the Prometheus text format (version 0.0.4).

use std::fmt::Write as _;

use super::snapshot::Snapshot;

/// Content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders all metrics.
pub fn render(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    let none: &[(&str, &str)] = &[];
    page.head("forehearth_info", "gauge", "Version and epoch; always 1.");
    let epoch = snapshot.epoch.to_string();
    page.line(
        "forehearth_info",
        &[
            ("version", snapshot.version),
            ("gateway", snapshot.gateway.as_str()),
            ("epoch", epoch.as_str()),
        ],
        1,
    );
    for (name, help, value) in [
        ("forehearth_acquired_total", "Samples handed over by drivers.", snapshot.acquired),
        (
            "forehearth_commands_done_total",
            "Commands written and read back.",
            snapshot.commands.done,
        ),
        (
            "forehearth_commands_refused_total",
            "Commands of which nothing was sent.",
            snapshot.commands.refused,
        ),
        (
            "forehearth_commands_failed_total",
            "Commands sent and not certain to be in the device.",
            snapshot.commands.failed,
        ),
        ("forehearth_suppressed_total", "Samples not sent on purpose.", snapshot.suppressed),
        ("forehearth_batched_total", "Readings sealed into batches.", snapshot.batched),
        ("forehearth_commits_total", "Group commits of the buffer.", snapshot.buffer.commits),
        (
            "forehearth_written_bytes_total",
            "Bytes handed to storage.",
            snapshot.buffer.written_bytes,
        ),
        ("forehearth_stored_total", "Readings written to storage.", snapshot.buffer.stored),
        ("forehearth_flushes_total", "Flushes to the medium.", snapshot.buffer.flushes),
        (
            "forehearth_late_commits_total",
            "Commits later than commit_within.",
            snapshot.buffer.late_commits,
        ),
        (
            "forehearth_quarantined_total",
            "Segments set aside as damaged.",
            snapshot.buffer.quarantined,
        ),
    ] {
        page.head(name, "counter", help);
        page.line(name, none, value);
    }
    for (name, help, value) in [
        ("forehearth_healthy", "1 when the books balance.", u64::from(snapshot.healthy)),
        ("forehearth_pending", "Readings in an open batch.", snapshot.pending),
        ("forehearth_imbalance", "Readings the books are off by.", snapshot.imbalance),
        ("forehearth_uptime_seconds", "Since start.", snapshot.uptime_seconds),
        ("forehearth_memory_bytes", "Resident memory.", snapshot.memory_bytes),
        (
            "forehearth_buffer_disk_bytes",
            "Buffer on disk, WAL included.",
            snapshot.buffer.disk_bytes,
        ),
        ("forehearth_buffer_memory_bytes", "Batches held in memory.", snapshot.buffer.memory_bytes),
        ("forehearth_gaps_waiting", "Gap records not delivered yet.", snapshot.buffer.gaps),
        ("forehearth_buffer_segments", "Segment files.", snapshot.buffer.segments),
    ] {
        page.head(name, "gauge", help);
        page.line(name, none, value);
    }
    page.family(
        "forehearth_destination_readings",
        "gauge",
        "The books of each destination.",
        "destination",
        snapshot.destinations.iter().map(|d| {
            (
                d.name.as_str(),
                [
                    ("recovered", d.recovered),
                    ("delivered", d.delivered),
                    ("waiting", d.waiting),
                    ("shed", d.shed),
                    ("expired", d.expired),
                    ("filtered", d.filtered),
                ],
            )
        }),
    );
    page.family(
        "forehearth_broker",
        "gauge",
        "Broker links: online is 1 or 0, the rest are totals.",
        "broker",
        snapshot.brokers.iter().map(|b| {
            (
                b.name.as_str(),
                [
                    ("online", u64::from(b.state == "online")),
                    ("connects", b.connects),
                    ("messages", b.messages),
                    ("bytes", b.bytes),
                ],
            )
        }),
    );
    page.family(
        "forehearth_link",
        "gauge",
        "Field links: up is 1 or 0, the rest are totals.",
        "link",
        snapshot.links.iter().map(|l| {
            (
                l.name.as_str(),
                [
                    ("up", u64::from(l.state == "up")),
                    ("polls", l.polls),
                    ("failures", l.failures),
                    ("overruns", l.overruns),
                    ("requests", l.requests),
                    ("timeouts", l.timeouts),
                    ("late", l.late),
                    ("stray", l.stray),
                    ("exceptions", l.exceptions),
                ],
            )
        }),
    );
    units(&mut page, snapshot);
    page.text
}

/// A page of metrics while it is written.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.text.push_str(name);
        if !labels.is_empty() {
            let labels: Vec<String> =
                labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escape(text))).collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// One metric with a label for who and one for what.
    fn family<'a, const N: usize>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        rows: impl Iterator<Item = (&'a str, [(&'static str, u64); N])>,
    ) {
        self.head(name, kind, help);
        for (who, values) in rows {
            for (what, value) in values {
                self.line(name, &[(label, who), ("what", what)], value);
            }
        }
    }
}

/// Modbus units; as many labels as the snapshot has units.
fn units(page: &mut Page, snapshot: &Snapshot) {
    page.head(
        "forehearth_unit",
        "gauge",
        "Modbus units: up is 1 or 0, round trips are microseconds, the rest are totals.",
    );
    for u in &snapshot.units {
        let unit = u.unit.to_string();
        let values = [
            ("up", Some(u64::from(u.up))),
            ("requests", Some(u.requests)),
            ("answers", Some(u.answers)),
            ("timeouts", Some(u.timeouts)),
            ("late", Some(u.late)),
            ("noise", Some(u.noise)),
            ("exceptions", Some(u.exceptions)),
            ("crc_errors", Some(u.crc_errors)),
            ("surprises", Some(u.surprises)),
            ("refuted", Some(u.refuted)),
            ("round_trip_p50", u.round_trip_p50_us),
            ("round_trip_p99", u.round_trip_p99_us),
        ];
        for (what, value) in values {
            let Some(value) = value else { continue };
            let labels = [("link", u.link.as_str()), ("unit", &unit), ("what", what)];
            page.line("forehearth_unit", &labels, value);
        }
    }
    page.head("forehearth_units_hidden", "gauge", "Units that are not shown: there are too many.");
    page.line("forehearth_units_hidden", &[], snapshot.units_hidden);
}

/// Label values escape backslash, quote and newline.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::status::snapshot::{DestinationBooks, Snapshot};

    #[test]
    fn every_sample_line_is_well_formed_and_names_with_quotes_are_escaped() {
        let snapshot = Snapshot {
            acquired: 7,
            destinations: vec![DestinationBooks {
                name: "pl\"ant".to_owned(),
                delivered: 3,
                ..DestinationBooks::default()
            }],
            ..Snapshot::default()
        };
        let text = render(&snapshot);
        assert!(text.contains("\nforehearth_acquired_total 7\n"));
        assert!(text.contains(
            "forehearth_destination_readings{destination=\"pl\\\"ant\",what=\"delivered\"} 3\n"
        ));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit(' ').next().unwrap_or_default();
            assert!(value.parse::<u64>().is_ok(), "no number at the end of {line}");
        }
    }
}
