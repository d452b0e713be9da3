//! Memory: what conditioning keeps over a restart, in one small file: totals, run hours, the states of alarms.
//!
//! Tags are named, so that it survives a change of the map. A counter loses
//! nothing by a file that is a minute old, since what it counted meanwhile is
//! in its next sample; an integral and run hours do, and say so by being
//! Uncertain once.
//!
//! ```text
//! "FHMEMORY"  version u32  count u32
//! count × { device: len u16, bytes · tag: len u16, bytes · memory: len u32, bytes }
//! CRC-32C of all before, u32                                  all little-endian
//! ```

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;

use crate::condition::Conditioner;

/// Between two writes. Chosen: a kill loses a minute of run hours at most, and
/// 1,440 small files a day are little for flash.
const EVERY: Duration = Duration::from_secs(60);

/// Largest file that is read: 200,000 tags of some hundred bytes.
const LARGEST: u64 = 64 << 20;

const MAGIC: &[u8; 8] = b"FHMEMORY";
const VERSION: u32 = 1;

/// What is kept of one tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Name of its device.
    pub device: String,
    /// Its name.
    pub tag: String,
    /// What its stages wrote.
    pub bytes: Vec<u8>,
}

/// The file.
#[derive(Clone, Debug)]
pub struct Memory {
    path: PathBuf,
}

impl Memory {
    /// The one within the state directory.
    pub fn of(state: &Path) -> Self {
        Self { path: state.join("conditioning.memory") }
    }

    /// What an earlier run kept. A file that is missing is a first start; one
    /// that can't be used is said, kept aside by its next writing, and totals
    /// begin at 0.
    pub fn read(&self) -> Vec<Remembered> {
        match self.load() {
            Ok(remembered) => remembered,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::info!("no memory of totals, run hours and alarms: they begin anew");
                Vec::new()
            }
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "totals, run hours and alarms begin anew");
                let _ = std::fs::rename(&self.path, self.path.with_extension("damaged"));
                Vec::new()
            }
        }
    }

    fn load(&self) -> io::Result<Vec<Remembered>> {
        if std::fs::metadata(&self.path)?.len() > LARGEST {
            return Err(io::Error::other("the file is larger than any that was written"));
        }
        decode(&std::fs::read(&self.path)?)
            .ok_or_else(|| io::Error::other("the file is damaged or of another version"))
    }

    /// Replaces the file as a whole: after a power cut there is the old one or
    /// the new one.
    fn write(&self, remembered: &[Remembered]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        io::Write::write_all(&mut file, &encode(remembered))?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }

    /// Keeps what `conditioner` has to remember while `work` goes on, and once
    /// more when it has ended.
    pub async fn kept_while<F: Future>(self, conditioner: Arc<Conditioner>, work: F) -> F::Output {
        let mut kept = conditioner.remember();
        let output = {
            let keeping = async {
                let mut clock = interval(EVERY);
                loop {
                    clock.tick().await;
                    self.keep(&conditioner, &mut kept).await;
                }
            };
            tokio::select! {
                output = work => output,
                () = keeping => std::future::pending().await,
            }
        };
        self.keep(&conditioner, &mut kept).await;
        output
    }

    async fn keep(&self, conditioner: &Conditioner, kept: &mut Vec<Remembered>) {
        let remembered = conditioner.remember();
        if remembered == *kept {
            return;
        }
        kept.clone_from(&remembered);
        let memory = self.clone();
        let written = tokio::task::spawn_blocking(move || memory.write(&remembered)).await;
        if let Ok(Err(error)) = written {
            let path = self.path.display();
            tracing::warn!(%path, %error, "totals and alarms are not kept over a restart");
        }
    }
}

fn encode(remembered: &[Remembered]) -> Vec<u8> {
    let fits = |one: &&Remembered| {
        u16::try_from(one.device.len().max(one.tag.len())).is_ok()
            && u32::try_from(one.bytes.len()).is_ok()
    };
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    let count = u32::try_from(remembered.iter().filter(fits).count()).unwrap_or(u32::MAX);
    out.extend(count.to_le_bytes());
    for one in remembered.iter().filter(fits) {
        for name in [&one.device, &one.tag] {
            out.extend(u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
            out.extend(name.as_bytes());
        }
        out.extend(u32::try_from(one.bytes.len()).unwrap_or(0).to_le_bytes());
        out.extend(&one.bytes);
    }
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

/// `None` for anything but what [`encode`] wrote.
fn decode(bytes: &[u8]) -> Option<Vec<Remembered>> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    if u32::from_le_bytes(take(&mut rest)?) != VERSION {
        return None;
    }
    let count = u32::from_le_bytes(take(&mut rest)?);
    let mut remembered = Vec::new();
    for _ in 0..count {
        let (device, tag) = (name(&mut rest)?, name(&mut rest)?);
        let len = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let (bytes, after) = rest.split_at_checked(len)?;
        rest = after;
        remembered.push(Remembered { device, tag, bytes: bytes.to_vec() });
    }
    rest.is_empty().then_some(remembered)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn name(rest: &mut &[u8]) -> Option<String> {
    let len = usize::from(u16::from_le_bytes(take(rest)?));
    let (name, after) = rest.split_at_checked(len)?;
    *rest = after;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::{Memory, Remembered, decode, encode};

    fn some() -> Vec<Remembered> {
        let one = |device: &str, tag: &str, bytes: &[u8]| Remembered {
            device: device.to_owned(),
            tag: tag.to_owned(),
            bytes: bytes.to_vec(),
        };
        vec![one("cell-001", "energy", &[1, 2, 3]), one("槽-2", "电压", &[])]
    }

    #[test]
    fn what_was_written_is_read_back_and_a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::of(dir.path());
        assert_eq!(memory.read(), [], "a first start");
        memory.write(&some()).unwrap();
        assert_eq!(memory.read(), some());
        let mut bytes = encode(&some());
        bytes[20] ^= 1;
        std::fs::write(&memory.path, bytes).unwrap();
        assert_eq!(memory.read(), []);
        assert!(memory.path.with_extension("damaged").exists(), "kept for whoever looks");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let whole = encode(&some());
        assert_eq!(decode(&whole), Some(some()));
        for len in 0..whole.len() {
            assert_eq!(decode(&whole[..len]), None, "{len} bytes");
        }
    }
}
