//! What links have taught, kept over restarts: a small text file for each link in the state directory.
//!
//! Holes, limits and answering times of devices. It is all learned anew where
//! a file is absent, damaged or of another version, so nothing here stops a
//! start and nothing is written more often than once a minute.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forehearth_driver_modbus::ReportReader;
use forehearth_modbus::Learned;
use tokio::time::interval;

/// The folder within the state directory.
const FOLDER: &str = "learned";

/// Between two looks at what is new. Chosen: a restart may lose a minute of
/// learning, and flash lives.
const EVERY: Duration = Duration::from_secs(60);

/// Largest file that is read. A link of 247 units with 64 holes each, the most
/// that is kept, has half of it.
const LARGEST: u64 = 1 << 20;

/// What is kept of one link.
#[derive(Clone, Debug)]
pub struct Lessons {
    path: PathBuf,
}

impl Lessons {
    /// Of the link of this name, under the state directory `state`.
    pub fn of(state: &Path, link: &str) -> Self {
        Self { path: state.join(FOLDER).join(file_name(link)) }
    }

    /// What an earlier run has learned; nothing where there is nothing usable.
    pub fn read(&self) -> Learned {
        match self.load() {
            Ok(learned) => learned,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Learned::default(),
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "what was learned is learned anew");
                Learned::default()
            }
        }
    }

    fn load(&self) -> io::Result<Learned> {
        if std::fs::metadata(&self.path)?.len() > LARGEST {
            return Err(io::Error::other("the file is larger than any that was written"));
        }
        std::fs::read_to_string(&self.path)?.parse().map_err(io::Error::other)
    }

    /// Replaces the file as a whole: after a power cut there is the old one or
    /// the new one.
    fn write(&self, learned: &Learned) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let new = self.path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        io::Write::write_all(&mut file, learned.to_string().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }

    /// Keeps what `report` says has been learned while `work` goes on, and
    /// once more when it has ended.
    pub async fn kept_while<F: Future>(self, report: ReportReader, work: F) -> F::Output {
        let mut kept = report.read().learned;
        let output = {
            let keeping = async {
                let mut clock = interval(EVERY);
                loop {
                    clock.tick().await;
                    self.keep(&report, &mut kept).await;
                }
            };
            tokio::select! {
                output = work => output,
                () = keeping => std::future::pending().await,
            }
        };
        self.keep(&report, &mut kept).await;
        output
    }

    async fn keep(&self, report: &ReportReader, kept: &mut Learned) {
        let learned = report.read().learned;
        if !learned.differs_from(kept) {
            return;
        }
        kept.clone_from(&learned);
        let lessons = self.clone();
        let written = tokio::task::spawn_blocking(move || lessons.write(&learned)).await;
        if let Ok(Err(error)) = written {
            let path = self.path.display();
            tracing::warn!(%path, %error, "what was learned is not kept over a restart");
        }
    }
}

/// Letters, digits, `-` and `_` stay; each other byte becomes `%` and its
/// number, so that no two links share a file and none leaves the folder.
fn file_name(link: &str) -> String {
    let mut name = String::new();
    for byte in link.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name + ".txt"
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use forehearth_modbus::{Learned, Table};

    use super::{Lessons, file_name};

    fn some() -> Learned {
        let mut learned = Learned::default();
        learned.unit_mut(3).bar(Table::HoldingRegisters, 100, 2);
        learned.unit_mut(3).takes = Some(8_000);
        learned
    }

    #[test]
    fn what_was_learned_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let lessons = Lessons::of(folder.path(), "pc-01");
        assert_eq!(lessons.read(), Learned::default());
        lessons.write(&some()).unwrap();
        lessons.write(&some()).unwrap();
        assert_eq!(Lessons::of(folder.path(), "pc-01").read(), some());
        assert_eq!(Lessons::of(folder.path(), "pc-02").read(), Learned::default());
    }

    #[test]
    fn a_damaged_file_or_one_of_another_version_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let lessons = Lessons::of(folder.path(), "pc-01");
        lessons.write(&some()).unwrap();
        for text in ["", "forehearth-modbus-learned 9\n", "\u{1}\u{2}", &"x".repeat(2 << 20)] {
            std::fs::write(&lessons.path, text).unwrap();
            assert_eq!(lessons.read(), Learned::default());
            lessons.write(&some()).unwrap();
            assert_eq!(lessons.read(), some());
        }
    }

    #[test]
    fn no_name_of_a_link_leaves_the_folder() {
        assert_eq!(file_name("pc-01"), "pc-01.txt");
        assert_eq!(file_name("../a b"), "%2E%2E%2Fa%20b.txt");
        assert_ne!(file_name("槽"), file_name("炉"));
    }
}
