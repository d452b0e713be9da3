//! The status page: one look tells an operator what reads, what waits and what is lost.

use std::fmt::Write as _;

use super::snapshot::{Problem, Snapshot};

/// Renders the page. It reloads itself every two seconds and needs no script.
pub fn render(snapshot: &Snapshot) -> String {
    let mut html = String::with_capacity(4096);
    let _ = write!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=2>\
         <title>{gateway} – Forehearth</title><style>\
         body{{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}}\
         table{{border-collapse:collapse;width:100%;margin:.5em 0 1.5em}}\
         th,td{{text-align:right;padding:.25em .6em;border-bottom:1px solid #ddd}}\
         th:first-child,td:first-child{{text-align:left}}\
         .ok{{color:#176b2c}}.bad{{color:#b3261e;font-weight:600}}</style>\
         <h1>{gateway}</h1><p class={class}>{verdict}</p>\
         <p>epoch {epoch} · up {uptime} s · clock {clock} · version {version}</p>",
        gateway = escape(&snapshot.gateway),
        class = if snapshot.healthy { "ok" } else { "bad" },
        verdict = if snapshot.healthy {
            "The books balance. 账目平衡。".to_owned()
        } else {
            escape(&told(&snapshot.problems))
        },
        epoch = snapshot.epoch,
        uptime = snapshot.uptime_seconds,
        clock = snapshot.clock,
        version = snapshot.version,
    );
    table(
        &mut html,
        "Readings 读数",
        &["", "acquired 采集", "suppressed 抑制", "pending 待编号", "batched 已编批"],
        std::iter::once(vec![
            "gateway".to_owned(),
            snapshot.acquired.to_string(),
            snapshot.suppressed.to_string(),
            snapshot.pending.to_string(),
            snapshot.batched.to_string(),
        ]),
    );
    let headings = [
        "broker",
        "state 状态",
        "delivered 已送达",
        "waiting 等待",
        "shed 舍弃",
        "expired 过期",
        "last error 最近错误",
    ];
    table(
        &mut html,
        "Destinations 目的地",
        &headings,
        snapshot.destinations.iter().zip(&snapshot.brokers).map(|(books, broker)| {
            vec![
                escape(&books.name),
                broker.state.clone(),
                books.delivered.to_string(),
                books.waiting.to_string(),
                books.shed.to_string(),
                books.expired.to_string(),
                escape(&broker.last_error),
            ]
        }),
    );
    table(
        &mut html,
        "Links 链路",
        &["link", "state 状态", "polls", "failures", "overruns", "timeouts", "last error 最近错误"],
        snapshot.links.iter().map(|link| {
            vec![
                escape(&link.name),
                link.state.clone(),
                link.polls.to_string(),
                link.failures.to_string(),
                link.overruns.to_string(),
                link.timeouts.to_string(),
                escape(&link.last_error),
            ]
        }),
    );
    let buffer = &snapshot.buffer;
    table(
        &mut html,
        "Buffer 缓存",
        &["storage", "on disk 磁盘", "in memory 内存", "segments", "commits", "gap records 缺口"],
        std::iter::once(vec![
            escape(&buffer.state),
            format!("{} KiB", buffer.disk_bytes / 1024),
            format!("{} KiB", buffer.memory_bytes / 1024),
            buffer.segments.to_string(),
            buffer.commits.to_string(),
            buffer.gaps.to_string(),
        ]),
    );
    html.push_str("<p><a href=/metrics>metrics</a> · <a href=/healthz>healthz</a></p></html>");
    html
}

fn table(
    html: &mut String,
    title: &str,
    headings: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let _ = write!(html, "<h2>{title}</h2><table><tr>");
    for heading in headings {
        let _ = write!(html, "<th>{heading}</th>");
    }
    html.push_str("</tr>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
}

/// Codes and words of all of these.
fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// Text that came from a map or a peer must not become markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::status::snapshot::{Problem, Snapshot};

    #[test]
    fn text_of_a_peer_never_becomes_markup() {
        let snapshot = Snapshot {
            problems: vec![Problem::new("FH9002", "<script>alert(1)</script>")],
            ..Snapshot::default()
        };
        assert!(!render(&snapshot).contains("<script>"));
    }
}
