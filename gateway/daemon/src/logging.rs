//! Logs go to stderr: plain with a time on a terminal, with a journal priority under systemd.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Turns logging on for the rest of the process. A second call does nothing.
///
/// Only our own rooms speak at `level`; libraries speak from WARN up, so that
/// a reconnecting socket can't fill a journal.
pub fn start(level: LevelFilter) {
    let ours = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("forehearth", level);
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Line { under_systemd });
    let _ = tracing_subscriber::registry().with(ours).with(layer).try_init();
}

/// One event, one line.
struct Line {
    under_systemd: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        if self.under_systemd {
            write!(writer, "<{}>", journal_priority(level))?;
        } else {
            write!(writer, "{} {level:5} ", crate::clock::now())?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The syslog priority of a level (RFC 5424, table 2; sd-daemon(3) prefixes).
fn journal_priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
