//! Plugins for the tests: the villain in one of its moods, in a directory of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_driver_plugin::{GroupSettings, Origin, PluginSettings, Program, TagSettings};
use forehearth_model::{DeviceId, Stamp, TagId};
use forehearth_plugin_protocol::v1::Type;
use tempfile::TempDir;

/// A mood of the villain.
pub(crate) struct Plant {
    _dir: TempDir,
    pub(crate) settings: PluginSettings,
}

impl Plant {
    pub(crate) fn new(mood: &str) -> Self {
        Self::running(env!("CARGO_BIN_EXE_forehearth-plugin-villain").into(), mood)
    }

    pub(crate) fn running(command: PathBuf, mood: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program {
            command,
            arguments: vec![mood.to_owned()],
            directory: dir.path().join("work"),
            user: None,
            memory: None,
        };
        let settings = PluginSettings {
            name: "villain".to_owned(),
            program,
            given: Vec::new(),
            groups: vec![group(0), group(10)],
            timeout: Duration::from_millis(300),
            restate: Duration::from_millis(200),
        };
        Self { _dir: dir, settings }
    }

    /// Whether its process lives.
    pub(crate) fn lives(&self) -> bool {
        let pid = std::fs::read_to_string(self.work().join("pid")).unwrap_or_default();
        if pid.is_empty() {
            return false;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // pid (name) state …; Z: dead and not yet waited for.
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    pub(crate) fn work(&self) -> &Path {
        &self.settings.program.directory
    }
}

/// Four tags, two of each type.
pub(crate) fn group(first: u32) -> GroupSettings {
    let tag = |n: u32| TagSettings {
        tag: TagId(first + n),
        at: format!("r{n}").into(),
        data_type: if n < 2 { Type::Double } else { Type::Int },
        bits: 64,
        unit: String::new(),
        origin: Some(Origin { file: "devices/a.toml".into(), line: 10 + n, column: 8 }),
    };
    let tags = (0..4).map(tag).collect();
    GroupSettings { device: DeviceId(7), period: Duration::from_secs(1), tags }
}

pub(crate) fn clock() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Stamp(i64::try_from(since.as_micros()).unwrap())
}
