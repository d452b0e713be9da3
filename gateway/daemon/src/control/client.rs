//! The client of the control socket, for the verbs of the command line.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::place::Place;
use super::wire::{Answer, Ask, LONGEST_LINE, Refusal, Request, VERSION};

/// The gateway answers within this time; a reload is its longest work.
const ANSWERS_WITHIN: Duration = Duration::from_secs(150);

/// Why the gateway can't be asked, for who typed the command.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error(
        "no gateway runs with the state directory {dir}: {reason}\n  start it with `forehearth run`, \
         or name its directory with --state"
    )]
    NobodyThere {
        /// Where it was looked for.
        dir: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Its socket is not for this user.
    #[error(
        "the gateway's socket in {0} is not for this user; become the user it runs as, or join \
         that user's group (sudo -u forehearth …)"
    )]
    NotAllowed(PathBuf),
    /// It says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was there and is not any more, or says what is not understood.
    #[error("the gateway does not answer: {0}")]
    Broken(String),
}

/// A connection to the gateway of a state directory.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When no gateway runs there, or not for this user.
    pub fn connect(state: &Path) -> Result<Self, AskError> {
        let failed = |reason: io::Error| match reason.kind() {
            io::ErrorKind::PermissionDenied => AskError::NotAllowed(state.to_owned()),
            _ => AskError::NobodyThere { dir: state.to_owned(), reason },
        };
        let place = Place::new(state).map_err(failed)?;
        let stream = UnixStream::connect(place.path()).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN)).map_err(failed)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When the gateway refuses or goes away.
    pub fn ask(&mut self, ask: Ask) -> Result<Value, AskError> {
        self.say(ask)?;
        self.next()?.ok_or_else(|| AskError::Broken("it ended".to_owned()))
    }

    /// Asks without waiting, for what has many answers; each may take as long
    /// as it likes.
    ///
    /// # Errors
    /// When the gateway is gone.
    pub fn follow(&mut self, ask: Ask) -> Result<(), AskError> {
        let forever = self.stream.get_ref().set_read_timeout(None);
        forever.map_err(|error| AskError::Broken(error.to_string()))?;
        self.say(ask)
    }

    /// The next answer; `None` when the gateway has ended.
    ///
    /// # Errors
    /// When the gateway refuses or says what is not understood.
    pub fn next(&mut self) -> Result<Option<Value>, AskError> {
        let mut line = String::new();
        let read = (&mut self.stream).take(LONGEST_LINE as u64).read_line(&mut line);
        match read.map_err(|error| AskError::Broken(error.to_string()))? {
            0 => Ok(None),
            _ => match Answer::read(line.trim_end()).map_err(AskError::Broken)? {
                Answer::Ok(value) => Ok(Some(value)),
                Answer::Error(refusal) => Err(refusal.into()),
            },
        }
    }

    fn say(&mut self, ask: Ask) -> Result<(), AskError> {
        let request = Request { v: VERSION, ask };
        let mut line =
            serde_json::to_vec(&request).map_err(|error| AskError::Broken(error.to_string()))?;
        line.push(b'\n');
        let written = self.stream.get_mut().write_all(&line);
        written.map_err(|error| AskError::Broken(error.to_string()))
    }
}
