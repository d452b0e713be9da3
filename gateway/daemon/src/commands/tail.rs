//! `forehearth tail`: readings as they leave the pipeline of the running gateway.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::TailArgs;
use crate::control::client::{AskError, Client};
use crate::control::wire::Ask;

use super::{FINDINGS, say_error};

/// Until Ctrl-C, `--count` rows, or the end of the gateway.
pub fn run(args: &TailArgs) -> ExitCode {
    match follow(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

fn follow(args: &TailArgs) -> Result<(), AskError> {
    let mut client = Client::connect(&args.state)?;
    client.follow(Ask::Tail { glob: args.glob.clone() })?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(row) = client.next()? else { return Ok(()) };
        if let Some(missed) = row["missed"].as_u64() {
            say_error(&format!("{missed} readings were too fast to be shown; none is lost"));
            continue;
        }
        left -= 1;
        let text = if args.json { row.to_string() } else { line(&row) };
        if super::say_or_end(&text).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A row for people. Bad is seen at once, in colour on a terminal.
fn line(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let value = match &row["value"] {
        Value::Null => "-".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    let quality = text("quality");
    let quality = match quality.as_str() {
        "good" => String::new(),
        bad if std::io::stdout().is_terminal() => format!("  \x1b[31m{bad}\x1b[0m"),
        bad => format!("  {bad}"),
    };
    format!("{}  {:<32} {:>14} {:<6}{}", text("time"), text("tag"), value, text("unit"), quality)
}

#[cfg(test)]
mod tests {
    use super::line;
    use serde_json::json;

    #[test]
    fn a_bad_reading_shows_no_value_and_says_why() {
        let row = json!({
            "time": "2026-11-24T08:00:00.000Z", "tag": "cell-001/voltage",
            "value": null, "unit": "V", "quality": "bad-no-communication",
        });
        assert_eq!(
            line(&row),
            format!(
                "2026-11-24T08:00:00.000Z  {:<32} {:>14} {:<6}  bad-no-communication",
                "cell-001/voltage", "-", "V"
            )
        );
    }
}
