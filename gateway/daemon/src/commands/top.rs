//! `forehearth top`: links, brokers, buffer and rates of the running gateway at one look.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use crossterm::{cursor, execute, terminal};
use serde_json::Value;

use crate::cli::TopArgs;
use crate::control::client::{AskError, Client};
use crate::control::wire::Ask;

use super::{FINDINGS, say, say_error};

/// How often the screen is drawn. Chosen: rates per second are read off it.
const EVERY: Duration = Duration::from_secs(1);

/// Once when piped or asked to, else until `q`.
pub fn run(args: &TopArgs) -> ExitCode {
    let once = args.json || args.once || !std::io::stdout().is_terminal();
    let shown = if once { show_once(args) } else { watch(args) };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

fn show_once(args: &TopArgs) -> Result<(), AskError> {
    let status = Client::connect(&args.state)?.ask(Ask::Status)?;
    say(if args.json { format!("{status:#}") } else { screen(&status, None) }.trim_end());
    Ok(())
}

fn watch(args: &TopArgs) -> Result<(), AskError> {
    let mut client = Client::connect(&args.state)?;
    let _screen = Screen::open();
    let mut before: Option<(Value, Instant)> = None;
    loop {
        let status = client.ask(Ask::Status)?;
        let now = Instant::now();
        let past = before.as_ref().map(|(past, at)| (past, now - *at));
        draw(&screen(&status, past));
        before = Some((status, now));
        if is_over(now + EVERY) {
            return Ok(());
        }
    }
}

/// Waits; whether somebody wants to leave.
fn is_over(until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match poll(left) {
            Ok(false) => return false,
            Ok(true) => match read() {
                Ok(Event::Key(key)) => {
                    let control_c = key.modifiers.contains(KeyModifiers::CONTROL)
                        && key.code == KeyCode::Char('c');
                    if control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                        return true;
                    }
                }
                Ok(_) => {}
                Err(_) => return true,
            },
            Err(_) => return true,
        }
    }
}

/// The other screen of the terminal, as long as this lives.
struct Screen;

impl Screen {
    fn open() -> Self {
        // A terminal that can't is used as it is.
        let _ = terminal::enable_raw_mode();
        let _ = execute!(std::io::stdout(), terminal::EnterAlternateScreen, cursor::Hide);
        Self
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(std::io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

fn draw(text: &str) {
    let rows = terminal::size().map_or(50, |(_, rows)| usize::from(rows));
    let mut out = std::io::stdout();
    let _ = execute!(out, cursor::MoveTo(0, 0), terminal::Clear(terminal::ClearType::All));
    for line in text.lines().take(rows.saturating_sub(1)) {
        let _ = write!(out, "{line}\r\n");
    }
    let _ = out.flush();
}

/// The page. Rates need a status of before.
fn screen(status: &Value, past: Option<(&Value, Duration)>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rate = |now: &Value, before: Option<&Value>| -> String {
        let (Some((_, time)), Some(before)) = (past, before) else { return "-".to_owned() };
        let grown = now.as_u64().unwrap_or(0).saturating_sub(before.as_u64().unwrap_or(0));
        #[expect(clippy::cast_precision_loss, reason = "a rate on a screen")]
        let rate = grown as f64 / time.as_secs_f64().max(0.001);
        format!("{rate:.0}/s")
    };
    let whole = |key: &str| rate(&status[key], past.map(|(past, _)| &past[key]));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}  {}  up {} s  epoch {}  clock {}  {} MiB",
        text(&status["gateway"]),
        if status["healthy"] == true { "healthy" } else { "NOT HEALTHY" },
        status["uptime_seconds"],
        status["epoch"],
        text(&status["clock"]),
        status["memory_bytes"].as_u64().unwrap_or(0) >> 20,
    );
    for (key, mark) in [("problems", "!!"), ("warnings", " !")] {
        for problem in list(&status[key]) {
            let _ = writeln!(out, "{mark} {} {}", text(&problem["code"]), text(&problem["text"]));
        }
    }
    let _ = writeln!(
        out,
        "read {} ({})   suppressed {}   batched {} ({})   buffer {} KiB on disk, {} KiB in memory: {}",
        status["acquired"],
        whole("acquired"),
        status["suppressed"],
        status["batched"],
        whole("batched"),
        status["buffer"]["disk_bytes"].as_u64().unwrap_or(0) >> 10,
        status["buffer"]["memory_bytes"].as_u64().unwrap_or(0) >> 10,
        text(&status["buffer"]["state"]),
    );
    let _ = writeln!(
        out,
        "\n{:<20} {:<10} {:>10} {:>12} {:>10} {:>9} {:>9}  last error",
        "BROKER", "state", "delivered", "", "waiting", "shed", "expired"
    );
    for broker in list(&status["brokers"]) {
        let named = |value: &&Value| value["name"] == broker["name"];
        let books = list(&status["destinations"]).iter().find(named).unwrap_or(&Value::Null);
        let before = past.and_then(|(past, _)| {
            list(&past["destinations"]).iter().find(named).map(|books| &books["delivered"])
        });
        let _ = writeln!(
            out,
            "{:<20} {:<10} {:>10} {:>12} {:>10} {:>9} {:>9}  {}",
            text(&broker["name"]),
            text(&broker["state"]),
            books["delivered"].to_string(),
            rate(&books["delivered"], before),
            books["waiting"].to_string(),
            books["shed"].to_string(),
            books["expired"].to_string(),
            short(&text(&broker["last_error"])),
        );
    }
    let _ = writeln!(
        out,
        "\n{:<20} {:<10} {:>10} {:>12} {:>10} {:>9} {:>9}  last error",
        "LINK", "state", "polls", "requests", "failures", "overruns", "timeouts"
    );
    let mut links: Vec<&Value> = list(&status["links"]).iter().collect();
    // What needs a look comes first.
    links.sort_by_key(|link| link["state"] == "up");
    for link in links {
        let named = |value: &&Value| value["name"] == link["name"];
        let before = past.and_then(|(past, _)| {
            list(&past["links"]).iter().find(named).map(|link| &link["requests"])
        });
        let _ = writeln!(
            out,
            "{:<20} {:<10} {:>10} {:>12} {:>10} {:>9} {:>9}  {}",
            text(&link["name"]),
            text(&link["state"]),
            link["polls"].to_string(),
            rate(&link["requests"], before),
            link["failures"].to_string(),
            link["overruns"].to_string(),
            link["timeouts"].to_string(),
            short(&text(&link["last_error"])),
        );
    }
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::screen;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn what_is_wrong_comes_first_and_rates_are_per_second() {
        let status = |acquired: u64| {
            json!({
                "gateway": "pot2", "healthy": true, "acquired": acquired, "problems": [],
                "warnings": [{"code": "FH9003", "text": "the files were not taken up"}],
                "links": [
                    {"name": "b-up", "state": "up", "requests": 5},
                    {"name": "a-down", "state": "down", "requests": 1},
                ],
                "brokers": [], "buffer": {"state": "ok"},
            })
        };
        let before = status(1000);
        let text = screen(&status(3000), Some((&before, Duration::from_secs(2))));
        assert!(text.contains("read 3000 (1000/s)"), "{text}");
        assert!(text.contains(" ! FH9003 the files were not taken up"), "{text}");
        assert!(text.find("a-down").unwrap() < text.find("b-up").unwrap(), "{text}");
    }
}
