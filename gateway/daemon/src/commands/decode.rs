//! `forehearth decode`: what a broker carries, as rows a person or a script can read.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use forehearth_model::Value;
use forehearth_publish::listen::Listener;
use forehearth_telemetry::prove::Proof;
use forehearth_telemetry::render::{Line, Renderer, Row};
use serde_json::json;

use crate::cli::DecodeArgs;

use super::{FINDINGS, USAGE, say_error};

/// Topics of the formats we publish, with the default prefix.
const DEFAULT_FILTERS: [&str; 2] = ["fh/v1/#", "spBv1.0/#"];

/// MQTT's registered port.
const DEFAULT_PORT: u16 = 1883;

/// Pause before connecting again after the broker went away.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Prints until `--count` rows are out or the process is stopped.
pub fn run(args: &DecodeArgs) -> ExitCode {
    let Some((host, port)) = address(&args.broker) else {
        say_error(&format!(
            "`{}` is no broker; write mqtt://HOST or mqtt://HOST:PORT",
            args.broker
        ));
        return ExitCode::from(USAGE);
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say_error(&format!("cannot start: {error}"));
            return ExitCode::from(FINDINGS);
        }
    };
    runtime.block_on(listen(args, host, port))
}

async fn listen(args: &DecodeArgs, host: &str, port: u16) -> ExitCode {
    let filters = if args.topic.is_empty() {
        DEFAULT_FILTERS.map(str::to_owned).to_vec()
    } else {
        args.topic.clone()
    };
    let client_id = format!("forehearth-decode-{}", std::process::id());
    let mut listener = Listener::new(&client_id, host, port, filters);
    let mut printer = Printer { json: args.json, left: args.count, out: std::io::stdout() };
    let mut ear = Ear { renderer: Renderer::new(), proof: args.prove.then(Proof::new) };
    let mut connected = false;
    loop {
        let heard = tokio::select! {
            heard = listener.next() => heard,
            // Without a signal handler Ctrl-C ends the process, which is as good.
            Ok(()) = tokio::signal::ctrl_c() => return ear.judge(),
        };
        match heard {
            Ok(heard) => {
                connected = true;
                let lines = ear.hear(&heard.topic, &heard.payload);
                if printer.print(&lines).is_err() || printer.left == Some(0) {
                    return ear.judge();
                }
            }
            Err(error) if connected => {
                say_error(&format!("{error}; trying again"));
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Err(error) => {
                say_error(&format!("{error}; is the broker there?"));
                return ExitCode::from(FINDINGS);
            }
        }
    }
}

/// Understands messages and, when asked to, keeps account of them.
struct Ear {
    renderer: Renderer,
    proof: Option<Proof>,
}

impl Ear {
    fn hear(&mut self, topic: &str, payload: &[u8]) -> Vec<Line> {
        if let Some(proof) = &mut self.proof {
            // What can't be read is said once, below.
            let _ = proof.hear(topic, payload);
        }
        self.renderer.message(topic, payload).unwrap_or_else(|error| {
            say_error(&format!("{topic}: {error}"));
            Vec::new()
        })
    }

    /// The account on stderr, beside the rows; a failure when it shows a hole.
    fn judge(&self) -> ExitCode {
        let Some(proof) = &self.proof else { return ExitCode::SUCCESS };
        let report = proof.report();
        say_error(&format!("what was heard\n{report}"));
        if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
    }
}

/// Writes rows as columns or as JSON lines.
pub(super) struct Printer {
    pub(super) json: bool,
    /// Rows still to print; `None` for all.
    pub(super) left: Option<u64>,
    pub(super) out: std::io::Stdout,
}

impl Printer {
    /// # Errors
    /// When the reader of the output is gone.
    pub(super) fn print(&mut self, lines: &[Line]) -> std::io::Result<()> {
        for line in lines {
            if self.left == Some(0) {
                break;
            }
            let text = match line {
                Line::Row(row) if self.json => json_row(row),
                Line::Row(row) => plain_row(row),
                Line::Event { time, text } if self.json => {
                    json!({ "time": time.map(|time| time.to_string()), "event": text }).to_string()
                }
                Line::Event { time: Some(time), text } => format!("{time}  # {text}"),
                Line::Event { time: None, text } => format!("# {text}"),
            };
            writeln!(self.out, "{text}")?;
            if let (Line::Row(_), Some(left)) = (line, &mut self.left) {
                *left -= 1;
            }
        }
        Ok(())
    }
}

fn plain_row(row: &Row) -> String {
    let when = match row.historical {
        Some(true) => "historical",
        Some(false) => "live",
        None => "",
    };
    format!(
        "{}  {:<16} {:<20} {:>16} {:<6} {:<28} {when:<10} {}",
        row.time,
        row.device,
        row.tag,
        row.value.to_string(),
        row.unit,
        row.quality,
        row.batch
    )
}

fn json_row(row: &Row) -> String {
    json!({
        "time": row.time.to_string(),
        "device": row.device,
        "tag": row.tag,
        "value": json_value(&row.value),
        "unit": row.unit,
        "quality": row.quality,
        "historical": row.historical,
        "batch": row.batch,
    })
    .to_string()
}

/// JSON has no NaN and no infinity: they become null, as their quality says.
fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(bit) => json!(bit),
        Value::Int(int) => json!(int),
        Value::UInt(int) => json!(int),
        Value::F32(real) => json!(real),
        Value::F64(real) => json!(real),
        Value::Text(text) => json!(&**text),
    }
}

/// Host and port of `mqtt://HOST[:PORT]`.
fn address(url: &str) -> Option<(&str, u16)> {
    let rest = url.strip_prefix("mqtt://")?.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !rest.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, DEFAULT_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty() && !host.contains('/')).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_broker_is_a_host_with_or_without_a_port() {
        assert_eq!(address("mqtt://plant"), Some(("plant", 1883)));
        assert_eq!(address("mqtt://127.0.0.1:1884/"), Some(("127.0.0.1", 1884)));
        assert_eq!(address("mqtt://[::1]:1884"), Some(("::1", 1884)));
        assert_eq!(address("mqtt://[::1]"), Some(("::1", 1883)));
        for wrong in ["plant", "mqtt://", "http://plant", "mqtt://plant:port", "mqtts://plant"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
