//! The door: the control socket, with room for a few clients, none of whom can hold the gateway up.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::clerk::{Counter, Reply};
use super::place::Place;
use super::wire::{Answer, LONGEST_QUESTION, Refusal, Request};

/// Clients at once. Chosen: as the tap's watchers, and some that only ask.
const CLIENTS: usize = 16;

/// A client says what it wants within this time.
const ASKS_WITHIN: Duration = Duration::from_secs(30);

/// A client takes what it is given within this time.
const TAKES_WITHIN: Duration = Duration::from_secs(10);

/// Who may connect: the daemon's user and its group. Who can read it can
/// reload, so others can't.
const MODE: u32 = 0o660;

/// Serves until `stop` turns true. A socket that can't be made is logged and
/// costs nothing else.
pub async fn serve(state: PathBuf, counter: Arc<Counter>, mut stop: watch::Receiver<bool>) {
    let (place, listener) = match open(&state) {
        Ok(opened) => opened,
        Err(error) => {
            let dir = state.display();
            return tracing::error!(
                "no control socket in {dir}: {error}; `forehearth reload` and `tail` can't reach \
                 this gateway, SIGHUP can"
            );
        }
    };
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        while clients.try_join_next().is_some() {}
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, _)), Ok(seat)) => {
                let counter = Arc::clone(&counter);
                clients.spawn(async move {
                    let _seat = seat;
                    // A client that goes away is its own affair.
                    let _ = attend(stream, &counter).await;
                });
            }
            (Ok((stream, _)), Err(_)) => {
                let text = format!("{CLIENTS} clients are here already; close one");
                let busy = Answer::Error(Refusal::new("busy", text));
                clients.spawn(async move {
                    let mut stream = stream;
                    let _ = give(&mut stream, busy).await;
                });
            }
            // No descriptors, or the client was gone at once.
            (Err(_), _) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    clients.shutdown().await;
    let _ = fs::remove_file(place.path());
}

/// The directory is ours alone, by the buffer's lock: a socket that lies there
/// is one that a killed daemon left.
fn open(state: &Path) -> io::Result<(Place, UnixListener)> {
    let place = Place::new(state)?;
    match fs::remove_file(place.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place.path())?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(MODE))?;
    Ok((place, listener))
}

/// One client: a question a line, until it goes.
async fn attend(stream: UnixStream, counter: &Counter) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut lines).take(LONGEST_QUESTION as u64);
        let asked = limited.read_until(b'\n', &mut line);
        let Ok(read) = tokio::time::timeout(ASKS_WITHIN, asked).await else { return Ok(()) };
        if read? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            let text =
                format!("a question has at most {LONGEST_QUESTION} bytes and ends with a line end");
            return give(&mut write, Answer::Error(Refusal::new("too-long", text))).await;
        }
        let reply = match Request::read(&String::from_utf8_lossy(&line)) {
            Ok(request) => counter.answer(request.ask).await,
            Err(refusal) => Reply::Once(Answer::Error(refusal)),
        };
        match reply {
            Reply::Once(answer) => give(&mut write, answer).await?,
            Reply::Tail(mut tail) => {
                // The client ends a tail by going, or by saying anything.
                let mut rest = [0; 1];
                loop {
                    tokio::select! {
                        _ = lines.read(&mut rest) => return Ok(()),
                        next = tail.next() => match next {
                            Some(answers) => for answer in answers {
                                give(&mut write, answer).await?;
                            },
                            None => return Ok(()),
                        },
                    }
                }
            }
        }
    }
}

/// Writes an answer; a client that does not take it in time is left.
async fn give(to: &mut (impl tokio::io::AsyncWrite + Unpin), answer: Answer) -> io::Result<()> {
    let line = answer.line();
    tokio::time::timeout(TAKES_WITHIN, to.write_all(&line))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
