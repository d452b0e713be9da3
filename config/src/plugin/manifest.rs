//! The manifest of a plugin, `plugins/NAME/plugin.toml`: what is known of it before it runs.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::grammar::Grammar;
use crate::plan::{PluginMode, SettingKind};
use crate::quantity;

/// Largest manifest. Chosen: a hundred settings with their help fit twice.
const MOST_BYTES: u64 = 64 * 1024;

/// A plugin, as its manifest has it.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) mode: PluginMode,
    pub(crate) memory: Option<u64>,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) address: Grammar,
    pub(crate) address_example: String,
    pub(crate) address_help: String,
}

/// One key of `[device.settings]`.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) kind: SettingKind,
    pub(crate) required: bool,
    example: String,
}

impl Setting {
    /// As it is written in TOML.
    pub(crate) fn example(&self) -> String {
        match self.kind {
            SettingKind::Text => format!("{} = \"{}\"", self.key, self.example),
            _ => format!("{} = {}", self.key, self.example),
        }
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum ManifestError {
    /// No folder of that name.
    Absent,
    /// It is wrong, and how.
    Wrong(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: u32,
    name: String,
    #[serde(rename = "version")]
    _version: String,
    command: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    mode: RawMode,
    memory: Option<String>,
    user: Option<u32>,
    group: Option<u32>,
    address: RawAddress,
    #[serde(default)]
    setting: Vec<RawSetting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawMode {
    Poll,
    Push,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAddress {
    pattern: String,
    example: String,
    #[serde(default)]
    help: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSetting {
    key: String,
    #[serde(rename = "type")]
    kind: RawKind,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    example: String,
    #[serde(default, rename = "help")]
    _help: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Bool,
    Int,
    Uint,
    Double,
    Text,
}

impl Manifest {
    /// Reads the manifest of `name` in the folder of the plugins.
    pub(crate) fn read(plugins: &Path, name: &str) -> Result<Self, ManifestError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(ManifestError::Absent);
        }
        let folder = plugins.join(name);
        let file = folder.join("plugin.toml");
        let wrong = |reason: String| ManifestError::Wrong(reason);
        let size = std::fs::metadata(&file).map_err(|_| ManifestError::Absent)?.len();
        if size > MOST_BYTES {
            return Err(wrong(format!("plugin.toml has more than {MOST_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text, &folder, name).map_err(wrong)
    }

    fn parse(text: &str, folder: &Path, name: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            format!("plugin.toml:{line}: {}", error.message().replace('\n', " "))
        })?;
        if raw.schema != 1 {
            return Err(format!("schema = {} is not 1", raw.schema));
        }
        if raw.name != name {
            return Err(format!("it calls itself `{}`", raw.name));
        }
        let address = Grammar::parse(&raw.address.pattern)?;
        if address.check(&raw.address.example).is_err() {
            return Err(format!("its example `{}` is no address", raw.address.example));
        }
        let memory = match raw.memory {
            Some(text) => Some(
                quantity::size(&text)
                    .ok_or_else(|| format!("memory = \"{text}\" is no size such as 256MiB"))?,
            ),
            None => None,
        };
        let user = match (raw.user, raw.group) {
            (Some(user), Some(group)) => Some((user, group)),
            (None, None) => None,
            _ => return Err("user and group belong together".to_owned()),
        };
        let setting = |raw: RawSetting| Setting {
            key: raw.key,
            kind: match raw.kind {
                RawKind::Bool => SettingKind::Bool,
                RawKind::Int => SettingKind::Int,
                RawKind::Uint => SettingKind::Uint,
                RawKind::Double => SettingKind::Double,
                RawKind::Text => SettingKind::Text,
            },
            required: raw.required,
            example: raw.example,
        };
        Ok(Self {
            name: raw.name,
            command: folder.join(raw.command),
            arguments: raw.arguments,
            mode: match raw.mode {
                RawMode::Poll => PluginMode::Poll,
                RawMode::Push => PluginMode::Push,
            },
            memory,
            user,
            settings: raw.setting.into_iter().map(setting).collect(),
            address,
            address_example: raw.address.example,
            address_help: raw.address.help,
        })
    }
}
