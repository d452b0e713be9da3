//! The place of the control socket: `control.sock` in the state directory, however long its path is.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// Its name.
const NAME: &str = "control.sock";

/// Most bytes of a socket's path, its final NUL included (`sun_path`, unix(7)).
const LONGEST: usize = 108;

/// A path to the socket that is short enough. It holds as long as this lives.
pub struct Place {
    path: PathBuf,
    /// The directory behind a path under /proc.
    _dir: Option<File>,
}

impl Place {
    /// In this state directory.
    ///
    /// # Errors
    /// When the directory can't be opened, where its path is too long to be used.
    pub fn new(state: &Path) -> io::Result<Self> {
        let path = state.join(NAME);
        if path.as_os_str().len() < LONGEST {
            return Ok(Self { path, _dir: None });
        }
        let dir = File::open(state)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()));
        Ok(Self { path, _dir: Some(dir) })
    }

    /// To bind or connect.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_state_directory_with_a_long_path_has_a_socket_too() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(60)).join("y".repeat(60));
        std::fs::create_dir_all(&deep).unwrap();
        let place = Place::new(&deep).unwrap();
        let _listener = UnixListener::bind(place.path()).unwrap();
        assert!(deep.join("control.sock").exists());
        UnixStream::connect(Place::new(&deep).unwrap().path()).unwrap();
    }
}
