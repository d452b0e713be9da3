//! The console: one JSON line on standard output when ready, then orders on standard input, one a line.

use std::io::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

/// Orders not yet carried out. They come from a hand or a test that waits for
/// the reply; beyond 16 the reader of standard input waits.
const ORDERS_WAITING: usize = 16;

/// Orders from whoever started this process. Standard input closing is the
/// order to end, so that nothing outlives a starter that died.
pub struct Console {
    orders: mpsc::Receiver<Vec<String>>,
}

/// What is wrong with an order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not a word of this console.
    #[error("unknown order `{0}`")]
    Unknown(String),
    /// No such PLC.
    #[error("no PLC is named `{0}`")]
    NoSuchPlc(String),
    /// Not a time.
    #[error("`{0}` is no time; write 20ms or 2s")]
    Time(String),
    /// The order could not be carried out.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// No such fault here.
    #[error("{0}")]
    Fault(#[from] crate::modbus::faults::FaultError),
}

impl Console {
    /// Says `ready` on standard output and listens.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn open(ready: &impl Serialize) -> io::Result<Self> {
        say(&serde_json::to_string(ready)?)?;
        let (heard, orders) = mpsc::channel(ORDERS_WAITING);
        // A thread, since reading standard input can't be cancelled and must
        // not hold up the end of the process.
        std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                let words = line.split_whitespace().map(str::to_owned).collect();
                if heard.blocking_send(words).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { orders })
    }

    /// The next order as words; `None` when standard input closed.
    /// Cancel safe: no order is lost.
    pub async fn next(&mut self) -> Option<Vec<String>> {
        self.orders.recv().await
    }

    /// Answers an order with what was asked for, in one line of JSON.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn tell(&self, what: &impl Serialize) -> io::Result<()> {
        say(&serde_json::to_string(what)?)
    }

    /// Answers an order with `ok` or `error …`.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn reply(&self, outcome: Result<(), OrderError>) -> io::Result<()> {
        match outcome {
            Ok(()) => say("ok"),
            Err(error) => say(&format!("error {error}")),
        }
    }
}

/// Reads `20ms` or `2s`.
///
/// # Errors
/// When it is neither.
pub fn parse_time(text: &str) -> Result<Duration, OrderError> {
    let wrong = || OrderError::Time(text.to_owned());
    let (digits, unit) = text.split_at(text.find(char::is_alphabetic).ok_or_else(wrong)?);
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(count.into())),
        "s" => Ok(Duration::from_secs(count.into())),
        _ => Err(wrong()),
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::parse_time;
    use std::time::Duration;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        assert_eq!(parse_time("20ms").unwrap(), Duration::from_millis(20));
        assert_eq!(parse_time("2s").unwrap(), Duration::from_secs(2));
        for wrong in ["", "20", "ms", "2h", "-1s"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
