//! A disk below the gateway that forgets what was not flushed and fails on order; see `faultdisk/faultdisk.c`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;
use tempfile::TempDir;

/// What a disk writes whole, or not at all.
const SECTOR: usize = 512;

/// A state directory on a disk of ours.
pub struct Disk {
    dir: TempDir,
}

/// What is left of what was written and not flushed.
#[derive(Clone, Copy, Debug)]
enum Unflushed {
    /// Nothing.
    Gone,
    /// Per file none of it, all of it, or sectors at random.
    Torn,
}

/// Names of folders and files by inode, as they are found after a cut.
type Names = Vec<(u64, String)>;

impl Disk {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    pub fn new() -> Self {
        let disk = Self { dir: TempDir::with_prefix("forehearth-disk-").expect("a directory") };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faultdisk/faultdisk.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(disk.library())
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "cc is missing: run tests/setup/install.sh"
        );
        fs::create_dir(disk.state()).expect("the directory is ours");
        disk.all_is_flushed();
        disk
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("faultdisk.so")
    }

    fn medium(&self) -> PathBuf {
        self.dir.path().join("medium")
    }

    /// The directory on it.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The same command with this disk below it.
    #[must_use]
    pub fn under(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", self.library())
            .env("FAULTDISK_ROOT", self.state())
            .env("FAULTDISK_MEDIUM", self.medium());
        command
    }

    /// From now on it fails like this; the words are in `faultdisk.c`.
    ///
    /// # Panics
    /// When the order can't be written.
    pub fn fails(&self, orders: &str) {
        let next = self.dir.path().join("orders");
        fs::write(&next, orders).expect("the directory is ours");
        fs::rename(next, self.medium().join("orders")).expect("the directory is ours");
    }

    /// It works again.
    pub fn works(&self) {
        let _ = fs::remove_file(self.medium().join("orders"));
    }

    /// An order for one time was carried out.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.medium().join("orders").exists()
    }

    /// The power was cut; whoever wrote to it was killed a moment ago. Leaves
    /// what a disk would hold: what was flushed, and of the rest what chance
    /// wants. Tells what was done.
    ///
    /// # Panics
    /// When the layer's notes can't be read.
    pub fn power_cut(&self, random: &mut Rng) -> String {
        let unflushed = if random.bool() { Unflushed::Gone } else { Unflushed::Torn };
        // A file system's own journal keeps the order of its names.
        let names_too = matches!(unflushed, Unflushed::Torn) && random.bool();
        let mut files = BTreeMap::new();
        find_files(&self.state(), &mut files);
        for entry in fs::read_dir(self.medium()).expect("the medium").flatten() {
            if let Some(inode) = entry.file_name().to_str().and_then(|n| n.strip_prefix('g')) {
                files.insert(inode.parse().expect("an inode"), entry.path());
            }
        }
        let after = self.dir.path().join("after");
        let mut left = Left { disk: self, unflushed, names_too, files, random, dropped: 0 };
        left.folder(inode_of(&self.state()), Some(&self.state()), &after);
        let dropped = left.dropped;
        fs::remove_dir_all(self.state()).expect("the directory is ours");
        fs::rename(&after, self.state()).expect("the directory is ours");
        self.all_is_flushed();
        format!("unflushed {unflushed:?}, names too {names_too}, {dropped} bytes dropped")
    }

    /// Takes what is there as flushed.
    fn all_is_flushed(&self) {
        let medium = self.medium();
        let _ = fs::remove_dir_all(&medium);
        fs::create_dir(&medium).expect("the directory is ours");
        keep(&self.state(), &medium);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds what is left.
struct Left<'a> {
    disk: &'a Disk,
    unflushed: Unflushed,
    names_too: bool,
    /// Where each file's last content is.
    files: BTreeMap<u64, PathBuf>,
    random: &'a mut Rng,
    dropped: u64,
}

impl Left<'_> {
    fn folder(&mut self, inode: u64, now: Option<&Path>, target: &Path) {
        fs::create_dir(target).expect("the directory is ours");
        let flushed = fs::read_to_string(self.disk.medium().join(format!("d{inode}")));
        let names = match now {
            Some(now) if self.names_too => names_in(now),
            _ => listed(&flushed.unwrap_or_default()),
        };
        for (inode, name) in names {
            let target = target.join(&name);
            let now = now.map(|now| now.join(&name)).filter(|now| now.is_dir());
            if now.is_some() || self.disk.medium().join(format!("d{inode}")).exists() {
                self.folder(inode, now.as_deref(), &target);
            } else {
                let bytes = self.file(inode);
                fs::write(target, bytes).expect("the directory is ours");
            }
        }
    }

    fn file(&mut self, inode: u64) -> Vec<u8> {
        let kept = |kind: char| self.disk.medium().join(format!("{kind}{inode}"));
        let flushed = fs::read(kept('f')).unwrap_or_default();
        let now = self.files.get(&inode).and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let bytes = match self.unflushed {
            // What a failed flush lost is in the system's memory alone.
            Unflushed::Torn if !kept('p').exists() => match self.random.u8(0..3) {
                0 => flushed,
                1 => now.clone(),
                _ => self.torn(flushed, &now),
            },
            _ => flushed,
        };
        let differ = bytes.iter().zip(&now).filter(|(a, b)| a != b).count();
        self.dropped += (differ + now.len().abs_diff(bytes.len())) as u64;
        bytes
    }

    fn torn(&mut self, flushed: Vec<u8>, now: &[u8]) -> Vec<u8> {
        let mut bytes = flushed;
        if self.random.bool() {
            bytes.resize(now.len(), 0);
        }
        for (old, new) in bytes.chunks_mut(SECTOR).zip(now.chunks(SECTOR)) {
            if self.random.bool() {
                let len = old.len().min(new.len());
                old[..len].copy_from_slice(&new[..len]);
            }
        }
        bytes
    }
}

fn inode_of(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("it is there").ino()
}

fn names_in(folder: &Path) -> Names {
    let entries = fs::read_dir(folder).expect("a folder of ours").flatten();
    let name = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| (inode_of(&entry.path()), name(&entry))).collect()
}

fn listed(names: &str) -> Names {
    let entry = |line: &str| {
        let (inode, name) = line.split_once(' ')?;
        Some((inode.parse().ok()?, name.to_owned()))
    };
    names.lines().map(|line| entry(line).expect("inode and name")).collect()
}

fn find_files(folder: &Path, files: &mut BTreeMap<u64, PathBuf>) {
    for (inode, name) in names_in(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            find_files(&path, files);
        } else {
            files.insert(inode, path);
        }
    }
}

/// Notes a folder and all in it as flushed, as the layer would.
fn keep(folder: &Path, medium: &Path) {
    let mut list = String::new();
    for (inode, name) in names_in(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            keep(&path, medium);
        } else {
            fs::copy(&path, medium.join(format!("f{inode}"))).expect("the directory is ours");
        }
        list += &format!("{inode} {name}\n");
    }
    let note = medium.join(format!("d{}", inode_of(folder)));
    fs::write(note, list).expect("the directory is ours");
}
