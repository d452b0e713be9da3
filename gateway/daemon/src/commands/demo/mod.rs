//! `forehearth demo`: a simulated plant, a broker and the real gateway, and what happens when they are hurt.

mod child;
mod ear;
mod health;
mod proof;
mod scene;
mod screen;
mod script;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::DemoArgs;

use super::{FINDINGS, say_error};
use scene::{Scene, SceneError};

/// Length of a headless demo unless told otherwise.
const HEADLESS_FOR: Duration = Duration::from_secs(30);

/// A shorter headless demo has no time for a cut, a kill and a recovery.
const SHORTEST: Duration = Duration::from_secs(10);

/// Runs the demo.
pub fn run(args: &DemoArgs) -> ExitCode {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !args.headless && !terminal {
        say_error("no terminal for the screen and the keys; use --headless");
        return ExitCode::from(super::USAGE);
    }
    let duration = args.duration.or(args.headless.then_some(HEADLESS_FOR));
    if args.headless && duration.is_some_and(|duration| duration < SHORTEST) {
        say_error("a headless demo needs at least --for 10s: a cut, a kill and the recovery");
        return ExitCode::from(super::USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say_error(&format!("cannot start: {error}"));
            return ExitCode::from(FINDINGS);
        }
    };
    match runtime.block_on(play(args, duration)) {
        Ok(verdict) => verdict,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

async fn play(args: &DemoArgs, duration: Option<Duration>) -> Result<ExitCode, SceneError> {
    let mut scene = Scene::set(args.port_base).await?;
    if args.headless {
        script::play(&mut scene, duration.unwrap_or(HEADLESS_FOR)).await?;
    } else {
        screen::play(&mut scene, duration).await?;
    }
    let verdict = scene.close().await;
    super::say(&verdict.line);
    Ok(if verdict.passed { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}
