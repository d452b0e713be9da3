//! The files of a first configuration, tried before they are written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use forehearth_config::Lang;

use crate::cli::FirstFormat;

use super::answers::Answers;

/// Who may read a configuration: its owner writes, the service's group reads.
const MODE: u32 = 0o640;

/// Why nothing was written, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The answers make no configuration.
    #[error("these answers make no configuration, nothing was written:\n{0}")]
    Mistakes(String),
    /// There is one already.
    #[error("{0} is there already; nothing was written. Edit it, or give another directory")]
    Exists(PathBuf),
    /// The system said no.
    #[error("cannot write {path}: {reason}")]
    Unwritable {
        /// What.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// Writes the files into `dir` and returns their paths.
///
/// # Errors
/// When the answers are wrong or a file is there: then nothing was written.
pub fn write(dir: &Path, answers: &Answers, lang: Lang) -> Result<Vec<PathBuf>, InitError> {
    let files = [("gateway.toml", gateway(answers)), ("devices/first.toml", device(answers))];
    for (name, _) in &files {
        let path = dir.join(name);
        if path.exists() {
            return Err(InitError::Exists(path));
        }
    }
    try_out(&files, lang)?;
    let mut written = Vec::new();
    for (name, text) in &files {
        let path = dir.join(name);
        create(&path, text)
            .map_err(|reason| InitError::Unwritable { path: path.clone(), reason })?;
        written.push(path);
    }
    Ok(written)
}

/// Loads the files from a place of their own, as `check` would.
fn try_out(files: &[(&str, String)], lang: Lang) -> Result<(), InitError> {
    let trial = std::env::temp_dir().join(format!("forehearth-init-{}", std::process::id()));
    let outcome = load(&trial, files, lang);
    // What is left behind is a few hundred bytes in the folder for that.
    let _ = fs::remove_dir_all(&trial);
    outcome
}

fn load(trial: &Path, files: &[(&str, String)], lang: Lang) -> Result<(), InitError> {
    let failed = |reason| InitError::Unwritable { path: trial.to_owned(), reason };
    fs::create_dir(trial).map_err(failed)?;
    for (name, text) in files {
        create(&trial.join(name), text).map_err(failed)?;
    }
    let loaded = forehearth_config::load(trial);
    if loaded.plan.is_some() {
        return Ok(());
    }
    let text = forehearth_config::render(&loaded.report, lang, false);
    // The place is no place of the reader's.
    Err(InitError::Mistakes(text.replace(&format!("{}/", trial.display()), "")))
}

/// A new file that the group of its folder can read, so that what root writes
/// is readable for the service.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let group = fs::metadata(folder)?.gid();
    if file.metadata()?.gid() != group {
        // A user outside that group keeps a file of their own group.
        let _ = chown(path, None, Some(group));
    }
    Ok(())
}

fn gateway(answers: &Answers) -> String {
    let format = match answers.format {
        FirstFormat::Native => "format = \"native\"".to_owned(),
        FirstFormat::Json => "format = \"json\"".to_owned(),
        FirstFormat::Sparkplug => {
            let group = quoted(&answers.path.replace('/', "."));
            format!("format = \"sparkplug\"\ngroup  = {group}")
        }
    };
    format!(
        "# The gateway, its brokers and its buffer. Every key: docs/map-reference.md.\n\
         schema = 1\n\n\
         [gateway]\n\
         id   = {id}\n\
         path = {path}\n\n\
         [[broker]]\n\
         name   = \"plant\"\n\
         url    = {broker}\n\
         {format}\n\
         # username = \"gateway\"\n\
         # password = {{ credential = \"mqtt-plant\" }}   # LoadCredential= of the unit\n\n\
         [status]\n\
         listen = \"127.0.0.1:8390\"\n",
        id = quoted(&answers.id),
        path = quoted(&answers.path),
        broker = quoted(&answers.broker),
    )
}

fn device(answers: &Answers) -> String {
    format!(
        "# The first device. Give it the registers of its manual; `40001` counts from 1 as\n\
         # manuals do, `hr:0` is the same register as the protocol counts.\n\
         schema = 1\n\n\
         [[device]]\n\
         name   = \"first\"\n\
         driver = \"modbus\"\n\
         url    = {url}\n\
         unit   = {unit}\n\
         rate   = \"1s\"\n\
         access = \"read-only\"\n\
         [device.tags]\n\
         word_0 = {{ at = \"hr:0\", type = \"UINT\" }}\n\
         # bath_temp = {{ at = \"40006\", type = \"INT\", unit = \"degC\", scale = 0.1 }}\n\
         # power     = {{ at = \"40011\", type = \"REAL\", order = \"CDAB\", unit = \"kW\" }}\n",
        url = quoted(&answers.device),
        unit = answers.unit,
    )
}

/// A basic string of TOML. What is no legal name is said by the check.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Answers, FirstFormat, InitError, write};
    use forehearth_config::Lang;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn answers() -> Answers {
        Answers {
            id: "pot2-east".to_owned(),
            path: "acme/guangxi/potline-2".to_owned(),
            broker: "mqtts://broker.plant:8883".to_owned(),
            device: "tcp://10.0.0.7:502".to_owned(),
            unit: 3,
            format: FirstFormat::Native,
        }
    }

    #[test]
    fn what_is_written_has_no_mistakes_and_no_warnings_in_any_format() {
        for format in [FirstFormat::Native, FirstFormat::Sparkplug, FirstFormat::Json] {
            for device in ["tcp://[::1]:502", "serial:///dev/ttyS2?baud=9600&format=8E1"] {
                let dir = tempfile::tempdir().unwrap();
                let device = device.to_owned();
                write(dir.path(), &Answers { format, device, ..answers() }, Lang::En).unwrap();
                let loaded = forehearth_config::load(dir.path());
                let findings = forehearth_config::render(&loaded.report, Lang::En, false);
                assert!(loaded.plan.is_some() && findings.is_empty(), "{format:?}: {findings}");
                let mode = fs::metadata(dir.path().join("gateway.toml")).unwrap().permissions();
                assert_eq!(mode.mode() & 0o777, 0o640);
            }
        }
    }

    #[test]
    fn answers_that_make_no_configuration_leave_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in [
            Answers { broker: "http://b".to_owned(), ..answers() },
            Answers { id: "a\"b/+#".to_owned(), ..answers() },
            Answers { device: "10.0.0.7".to_owned(), ..answers() },
        ] {
            let refused = write(dir.path(), &wrong, Lang::En);
            assert!(matches!(refused, Err(InitError::Mistakes(_))), "{refused:?}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_configuration_that_is_there_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("gateway.toml"), "mine").unwrap();
        let refused = write(dir.path(), &answers(), Lang::En);
        assert!(matches!(refused, Err(InitError::Exists(_))), "{refused:?}");
        assert_eq!(fs::read_to_string(dir.path().join("gateway.toml")).unwrap(), "mine");
        assert!(!dir.path().join("devices").exists());
    }
}
