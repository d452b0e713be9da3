//! The files a stranger must not change or read, as they are on this machine.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use forehearth_config::{PasswordSource, Plan, Transport, UserPlan};
use serde::Serialize;

/// Who a file is for.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nobody but its owner and root may write; others may read.
    Configuration,
    /// Nobody but its owner may read.
    Secret,
    /// Readings: nobody outside the group may read.
    State,
}

/// A file with owner and mode.
#[derive(Serialize, Debug)]
pub struct FileEntry {
    /// Where.
    pub path: PathBuf,
    /// For whom.
    pub kind: Kind,
    /// Permission bits in octal; `None`: it isn't there, or this user may not look.
    pub mode: Option<String>,
    /// `user:group`, by name where the machine has one.
    pub owner: Option<String>,
    /// What is wrong with that.
    pub too_open: Option<&'static str>,
}

/// Looks at everything the plan names and at both directories.
pub fn look(plan: &Plan, config: &Path, state: &Path) -> Vec<FileEntry> {
    let mut files = vec![entry(config, Kind::Configuration)];
    for folder in [config.to_owned(), config.join("devices"), config.join("profiles")] {
        let found = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = found.map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        found.sort();
        files.extend(found.iter().map(|path| entry(path, Kind::Configuration)));
    }
    files.push(entry(state, Kind::State));
    files.extend(named(plan).iter().map(|(path, kind)| entry(path, *kind)));
    files
}

/// What the map itself names.
fn named(plan: &Plan) -> Vec<(PathBuf, Kind)> {
    let mut named = Vec::new();
    for broker in &plan.brokers {
        if let Some(PasswordSource::File(path)) = &broker.password {
            named.push((path.clone(), Kind::Secret));
        }
        let Some(tls) = &broker.tls else { continue };
        named.extend(tls.ca.iter().map(|ca| (ca.clone(), Kind::Configuration)));
        if let Some((certificate, key)) = &tls.client {
            named.push((certificate.clone(), Kind::Configuration));
            named.push((key.clone(), Kind::Secret));
        }
    }
    for link in &plan.links {
        if let Transport::OpcUa(server) = &link.transport {
            named.push((server.trust_folder.clone(), Kind::Configuration));
            match &server.user {
                UserPlan::Name(_, PasswordSource::File(path)) => {
                    named.push((path.clone(), Kind::Secret));
                }
                UserPlan::Certificate(certificate, key) => {
                    named.push((certificate.clone(), Kind::Configuration));
                    named.push((key.clone(), Kind::Secret));
                }
                UserPlan::Name(..) | UserPlan::Anonymous => {}
            }
        }
    }
    named.sort();
    named.dedup();
    named
}

fn entry(path: &Path, kind: Kind) -> FileEntry {
    let metadata = fs::metadata(path).ok();
    let mode = metadata.as_ref().map(|metadata| metadata.permissions().mode() & 0o7777);
    FileEntry {
        path: path.to_owned(),
        kind,
        mode: mode.map(|mode| format!("{mode:04o}")),
        owner: metadata.map(|metadata| owner(metadata.uid(), metadata.gid())),
        too_open: mode.and_then(|mode| too_open(kind, mode)),
    }
}

/// What others could do that they must not.
fn too_open(kind: Kind, mode: u32) -> Option<&'static str> {
    match kind {
        Kind::Secret if mode & 0o077 != 0 => Some("others can read it; chmod 0600"),
        Kind::Configuration | Kind::State if mode & 0o022 != 0 => {
            Some("others can change it; chmod go-w")
        }
        Kind::State if mode & 0o007 != 0 => Some("others can read it; chmod o-rwx"),
        _ => None,
    }
}

fn owner(user: u32, group: u32) -> String {
    format!("{}:{}", name_in("/etc/passwd", user), name_in("/etc/group", group))
}

/// The name of an id, from `name:x:id:…` lines; the id itself without one.
fn name_in(file: &str, id: u32) -> String {
    let id = id.to_string();
    let lines = fs::read_to_string(file).unwrap_or_default();
    let named = lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    named.unwrap_or(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Kind, entry, name_in, too_open};

    #[test]
    fn a_secret_is_for_its_owner_alone_and_a_map_may_be_read() {
        assert_eq!(too_open(Kind::Secret, 0o600), None);
        assert!(too_open(Kind::Secret, 0o640).is_some());
        assert_eq!(too_open(Kind::Configuration, 0o644), None);
        assert!(too_open(Kind::Configuration, 0o664).is_some());
        assert_eq!(too_open(Kind::State, 0o750), None);
        assert!(too_open(Kind::State, 0o755).is_some());
    }

    #[test]
    fn an_owner_has_a_name_and_an_absent_file_none() {
        assert_eq!(name_in("/etc/passwd", 0), "root");
        assert_eq!(name_in("/etc/passwd", 4_000_000_000), "4000000000");
        let absent = entry(std::path::Path::new("/nowhere/at/all"), Kind::State);
        assert!(absent.mode.is_none() && absent.owner.is_none() && absent.too_open.is_none());
    }
}
