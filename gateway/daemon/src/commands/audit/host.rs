//! The program and the machine it runs on, as far as they can be asked.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Where packages put the list of what the program was made from.
const SBOM: &str = "/usr/share/doc/forehearth/sbom.cdx.json";

/// The unit, as packages install it.
const UNITS: [&str; 2] =
    ["/lib/systemd/system/forehearth.service", "/usr/lib/systemd/system/forehearth.service"];

/// Chosen: scoring takes a tenth of a second; a machine that needs longer than
/// this has other troubles than its score.
const SCORES_WITHIN: Duration = Duration::from_secs(10);

/// The program and the machine.
#[derive(Serialize, Debug)]
pub struct Host {
    /// Version of the program.
    pub version: &'static str,
    /// Its file.
    pub program: Option<PathBuf>,
    /// SHA-256 of that file.
    pub program_sha256: Option<String>,
    /// SHA-256 of the SBOM that came with the package.
    pub sbom_sha256: Option<String>,
    /// Who runs this command.
    pub user: u32,
    /// Score of the unit, 0 best, 10 worst.
    pub sandbox: Result<String, &'static str>,
}

impl Host {
    /// Asks the machine.
    pub fn look() -> Self {
        let program = std::env::current_exe().ok();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            program_sha256: program.as_deref().and_then(sha256),
            program,
            sbom_sha256: sha256(Path::new(SBOM)),
            user: rustix::process::geteuid().as_raw(),
            sandbox: sandbox(),
        }
    }
}

fn sha256(path: &Path) -> Option<String> {
    let digest = Sha256::digest(fs::read(path).ok()?);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What `systemd-analyze security` says of the unit on this machine.
fn sandbox() -> Result<String, &'static str> {
    let unit = UNITS.iter().find(|unit| Path::new(unit).exists());
    let unit = unit.ok_or("the unit is not installed")?;
    let mut child = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", unit])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| "systemd-analyze is not installed")?;
    let mut stdout = child.stdout.take().ok_or("systemd-analyze said nothing")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        // Half a text has no last line, which is said below.
        let _ = stdout.read_to_string(&mut text);
        text
    });
    let until = Instant::now() + SCORES_WITHIN;
    while !reader.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !reader.is_finished() {
        // Ended or not, it is no longer waited for.
        let _ = child.kill();
    }
    let _ = child.wait();
    score(&reader.join().unwrap_or_default()).ok_or("systemd-analyze gave no score")
}

/// The figure in `→ Overall exposure level for forehearth.service: 1.3 OK`.
fn score(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("Overall exposure level"))?;
    let figure = line.rsplit_once(": ")?.1.split_whitespace().next()?;
    figure.parse::<f64>().ok()?;
    Some(figure.to_owned())
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn the_score_is_the_figure_of_the_last_line() {
        let text =
            "✗ PrivateNetwork= …  0.5\n\n→ Overall exposure level for x.service: 1.3 OK 🙂\n";
        assert_eq!(score(text).as_deref(), Some("1.3"));
        assert_eq!(score("Failed to load"), None);
    }
}
