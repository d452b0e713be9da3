//! `forehearth run`: the daemon.

use std::process::ExitCode;

use forehearth_config::Plan;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Lang, RunArgs};
use crate::{gateway, logging};

use super::{FINDINGS, say_error};

/// Threads for links, brokers and the pipeline. Chosen: one keeps up with
/// 50,000 readings a second; the second keeps a burst on one side from
/// delaying the other. SQLite has a thread of its own.
const WORKERS: usize = 2;

/// Runs until SIGTERM or SIGINT.
pub fn run(args: &RunArgs) -> ExitCode {
    logging::start(args.log);
    if !super::is_configuration(&args.config) {
        return ExitCode::from(FINDINGS);
    }
    let Some(plan) = load(args) else { return ExitCode::from(FINDINGS) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("forehearth")
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let stop = stop_signal()?;
            gateway::run(plan, &args.config, &args.state, stop).await
        }),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

/// The plan, or every mistake on stderr. The files' texts and trees, many
/// times the plan, are gone when this returns.
fn load(args: &RunArgs) -> Option<Plan> {
    let loaded = forehearth_config::load(&args.config);
    let lang = Lang::or_environment(None).into();
    let report = forehearth_config::render(&loaded.report, lang, false);
    if !report.is_empty() {
        say_error(report.trim_end());
    }
    if loaded.plan.is_none() {
        let dir = args.config.display();
        say_error(&format!(
            "{dir} has mistakes; nothing was started. `forehearth check {dir}` shows them again"
        ));
    }
    loaded.plan
}

/// Turns true at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        // Without a receiver the gateway has ended already.
        let _ = sender.send(true);
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}
