//! Who asks for a reload without a word: SIGHUP, and the directory when a file in it changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use forehearth_config::Lang;
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::order::{Cause, Order};

/// The directory must be quiet for this long. Chosen: editors and `git pull`
/// write several files one after the other within less.
const QUIET: Duration = Duration::from_millis(500);

/// What happened in the directory; more than this at once is one change anyway.
const EVENTS: usize = 16;

fn reload(cause: Cause) -> Order {
    // Findings go to the log, whose language is that of the environment.
    let lang: Lang = crate::cli::Lang::or_environment(None).into();
    Order::Reload { cause, confirm: None, lang, answer: None }
}

/// Orders a reload at each SIGHUP. Ends when nobody takes orders any more.
pub async fn on_hangup(orders: mpsc::Sender<Order>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::error!("SIGHUP can't be heard: {error}"),
    };
    while hangup.recv().await.is_some() {
        if orders.send(reload(Cause::Signal)).await.is_err() {
            return;
        }
    }
}

/// Orders a reload when the directory was changed and is quiet again. The
/// overseer looks whether the map wants that. Watches directories, not files:
/// editors rename. Ends when nobody takes orders any more.
pub async fn on_change(config: PathBuf, orders: mpsc::Sender<Order>) {
    let (heard, mut events) = mpsc::channel(EVENTS);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match &event {
            Ok(event) => !matches!(event.kind, EventKind::Access(_)) && concerns(&event.paths),
            // Too much happened to be told: something surely changed.
            Err(_) => true,
        };
        if matters {
            // A full queue tells of a change already.
            let _ = heard.try_send(());
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        watcher.watch(&config, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    let _watcher = match watched {
        Ok(watcher) => watcher,
        Err(error) => {
            let dir = config.display();
            return tracing::warn!("{dir} can't be watched: {error}; use `forehearth reload`");
        }
    };
    while events.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {}
        if orders.send(reload(Cause::Directory)).await.is_err() {
            return;
        }
    }
}

/// Whether a change of these files can matter: maps and sheets do, an
/// editor's swap file doesn't. A path without an end may be a directory.
fn concerns(paths: &[PathBuf]) -> bool {
    let matters = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        matches!(end, None | Some("toml" | "csv")) && !is_hidden(path)
    };
    paths.is_empty() || paths.iter().any(matters)
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.starts_with('.') || name.ends_with('~') || name == "4913")
}

#[cfg(test)]
mod tests {
    use super::concerns;
    use std::path::PathBuf;

    #[test]
    fn an_editor_s_own_files_are_no_change_of_the_map() {
        for (path, matters) in [
            ("/etc/forehearth/gateway.toml", true),
            ("/etc/forehearth/devices", true),
            ("/etc/forehearth/devices/cells.csv", true),
            ("/etc/forehearth/.gateway.toml.swp", false),
            ("/etc/forehearth/gateway.toml~", false),
            ("/etc/forehearth/4913", false),
        ] {
            assert_eq!(concerns(&[PathBuf::from(path)]), matters, "{path}");
        }
    }
}
