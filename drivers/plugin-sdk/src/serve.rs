//! Serving: the loop between the gateway's pipe and a [`Plugin`].

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_plugin_protocol::v1::{Health, Section, ToHost, ToPlugin};
use forehearth_plugin_protocol::{
    Breach, Frames, Part, PluginEvent, PluginSession, frame, health, written,
};

use crate::{Columns, Plugin, Reading};

/// How often a plugin that pushes is asked. Chosen: nobody sees 50 ms, and 20
/// calls a second cost nothing.
const PUSH_EVERY: Duration = Duration::from_millis(50);

/// Messages that wait while the plugin reads its device: a poll, an
/// acknowledgement for each batch of it, a ping.
const WAITING: usize = 64;

/// Readings in a batch. Chosen: the gateway acknowledges in between, and a
/// frame stays far below its bound even with long texts.
const IN_A_BATCH: usize = 4096;

/// Why it is over.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The gateway broke the rules.
    #[error("the gateway broke the rules: {0}")]
    Breach(#[from] Breach),
    /// The pipe is broken.
    #[error("the pipe to the gateway: {0}")]
    Pipe(#[from] io::Error),
}

/// Serves a plugin on stdin and stdout until the gateway ends it. The body of `main`.
pub fn run(plugin: &mut dyn Plugin) -> ExitCode {
    match serve(plugin, io::stdin(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            let _ = writeln!(io::stderr(), "{ended}");
            ExitCode::FAILURE
        }
    }
}

/// Serves a plugin on any pair of pipes.
///
/// # Errors
/// When the gateway breaks the rules or the pipe breaks. The end of the input
/// is no error: the gateway is gone.
pub fn serve(
    plugin: &mut dyn Plugin,
    input: impl Read + Send + 'static,
    output: &mut dyn Write,
) -> Result<(), Ended> {
    let (session, hello) = PluginSession::begin(plugin.hello());
    let mut server = Server { session, output, messages: listen(input), pending: None };
    server.send(&hello)?;
    let pushes = plugin.hello().capabilities.is_some_and(|can| can.push);
    let mut started = false;
    loop {
        let every = (pushes && started).then_some(PUSH_EVERY);
        let Some(event) = server.next(every)? else { return Ok(()) };
        match event {
            Heard::Nothing => {
                let readings = plugin.push();
                if !server.readings(readings, None)? {
                    return Ok(());
                }
            }
            Heard::Event(PluginEvent::Configure(configure)) => {
                let errors = plugin.configure(&configure);
                let answer = server.session.configured(errors);
                server.send(&answer)?;
            }
            Heard::Event(PluginEvent::Start) => started = true,
            Heard::Event(PluginEvent::Poll(poll)) => {
                let readings = plugin.poll(poll.group, poll.deadline_ms);
                if !server.readings(readings, Some(()))? {
                    return Ok(());
                }
            }
            Heard::Event(PluginEvent::Ping(ping)) => {
                let answer = Health { ping: ping.number, ..plugin.health() };
                server.send(&health(answer))?;
            }
            Heard::Event(PluginEvent::Write(order)) => {
                let answer = plugin.write(&order);
                server.send(&written(answer))?;
            }
            Heard::Event(PluginEvent::Credit | PluginEvent::Browse(_)) => {}
            Heard::Event(PluginEvent::Shutdown) => return Ok(()),
        }
    }
}

enum Heard {
    Event(PluginEvent),
    Nothing,
}

struct Server<'o> {
    session: PluginSession,
    output: &'o mut dyn Write,
    messages: Receiver<Result<ToPlugin, Ended>>,
    /// What came while credit was awaited.
    pending: Option<PluginEvent>,
}

impl Server<'_> {
    fn send(&mut self, message: &ToHost) -> Result<(), Ended> {
        self.output.write_all(&frame(message)?)?;
        self.output.flush()?;
        Ok(())
    }

    /// The next event; `None`: the gateway is gone.
    fn next(&mut self, every: Option<Duration>) -> Result<Option<Heard>, Ended> {
        if let Some(event) = self.pending.take() {
            return Ok(Some(Heard::Event(event)));
        }
        let message = match every {
            None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(every) => self.messages.recv_timeout(every),
        };
        match message {
            Ok(message) => Ok(Some(Heard::Event(self.session.on(message?)?))),
            Err(RecvTimeoutError::Timeout) => Ok(Some(Heard::Nothing)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    /// Sends readings in batches, waiting for credit in between. False: the
    /// gateway is gone.
    fn readings(&mut self, readings: Vec<Reading>, poll: Option<()>) -> Result<bool, Ended> {
        let mut readings = readings.into_iter().peekable();
        if poll.is_none() && readings.peek().is_none() {
            return Ok(true);
        }
        loop {
            let mut columns = Columns::new(now());
            let most = IN_A_BATCH.min(usize::try_from(self.session.credit()).unwrap_or(IN_A_BATCH));
            if most == 0 && readings.peek().is_some() {
                if !self.await_credit()? {
                    return Ok(false);
                }
                continue;
            }
            for reading in readings.by_ref().take(most) {
                columns.add(reading);
            }
            let end = readings.peek().is_none();
            let part = if end { Part::Last } else { Part::Some };
            let sections: Vec<Section> = columns.sections();
            let batch = match poll {
                Some(()) => self.session.answer(sections, part),
                None => self.session.push(sections),
            };
            if let Some(batch) = batch {
                self.send(&batch)?;
            }
            if end {
                return Ok(true);
            }
        }
    }

    /// Waits for credit; anything else that comes is kept for later. False:
    /// the gateway is gone or ends.
    fn await_credit(&mut self) -> Result<bool, Ended> {
        while self.session.credit() == 0 {
            let Ok(message) = self.messages.recv() else { return Ok(false) };
            match self.session.on(message?)? {
                PluginEvent::Credit => {}
                PluginEvent::Shutdown => return Ok(false),
                event => self.pending = Some(event),
            }
        }
        Ok(true)
    }
}

/// Reads messages in a thread, so that a plugin that pushes can wait for both.
fn listen(mut input: impl Read + Send + 'static) -> Receiver<Result<ToPlugin, Ended>> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    thread::spawn(move || {
        let mut frames = Frames::default();
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let read = match input.read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let _ = sender.send(Err(error.into()));
                    return;
                }
            };
            frames.push(bytes.get(..read).unwrap_or_default());
            loop {
                let message = match frames.next() {
                    Ok(Some(message)) => Ok(message),
                    Ok(None) => break,
                    Err(breach) => Err(breach.into()),
                };
                let ends = message.is_err();
                if sender.send(message).is_err() || ends {
                    return;
                }
            }
        }
    });
    receiver
}

/// UTC microseconds; a clock before 1970 reads as 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
