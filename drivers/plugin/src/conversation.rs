//! A conversation: one process of a plugin, from its start to its end.

use std::time::Duration;

use forehearth_plugin_protocol::v1::{
    Batch, Capabilities, ConfigError, Configure, Hello, ToHost, ToPlugin,
};
use forehearth_plugin_protocol::{Breach, Frames, HostEvent, HostSession, frame};
use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::process::{Process, Program, SpawnError};
use crate::settings::PluginSettings;

/// How long a plugin may take to greet. Chosen: an interpreter on a small box
/// starts within 2 s; also in plugin.proto.
const GREETING: Duration = Duration::from_secs(5);

/// How long it may take to look at its settings. Chosen: 10,000 addresses in
/// Python are parsed within 1 s.
const CONFIGURING: Duration = Duration::from_secs(10);

/// How long one message to it may wait in the pipe: a plugin that does not
/// read has hung.
const WRITING: Duration = Duration::from_secs(2);

/// How long it may take to end by itself; also in plugin.proto.
const ENDING: Duration = Duration::from_secs(2);

/// Reports of health in a row, without a reading or an answer in between, that
/// are a flood. Chosen: nothing needs ten.
const FLOOD: u32 = 1000;

/// What a plugin did wrong, or what happened to it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It ended.
    #[error("the plugin ended: {0}")]
    Ended(String),
    /// It did not answer in time.
    #[error("the plugin did not {what} within {} ms", after.as_millis())]
    Hung {
        /// What it should have done.
        what: &'static str,
        /// In which time.
        after: Duration,
    },
    /// It broke the rules.
    #[error("the plugin broke the rules: {0}")]
    Breach(#[from] Breach),
    /// It talks about itself and never comes to the point.
    #[error("the plugin sends reports of its health without end")]
    Flood,
    /// It does not take its settings.
    #[error("the plugin refuses its settings")]
    Refused(Vec<ConfigError>),
    /// It can't do what the map asks.
    #[error("the plugin can't {0}")]
    NotCapable(&'static str),
}

/// What came outside of the handshake.
#[derive(Debug)]
pub(crate) enum News {
    Batch(Batch),
    /// A sign of life; the number of the ping it answers.
    Alive(u64),
}

/// One process and what was said with it. Dropping it kills the process.
#[derive(Debug)]
pub struct Conversation {
    process: Process,
    to: ChildStdin,
    from: ChildStdout,
    frames: Frames,
    session: HostSession,
    idle_talk: u32,
}

impl Conversation {
    /// Starts the process and hears its greeting.
    ///
    /// # Errors
    /// When it does not start or is no plugin. Cancel safe: a dropped future
    /// leaves no process.
    pub async fn greet(name: &str, program: &Program) -> Result<(Self, Hello), Fault> {
        let (process, pipes) = Process::start(name, program)?;
        let mut this = Self {
            process,
            to: pipes.to,
            from: pipes.from,
            frames: Frames::default(),
            session: HostSession::default(),
            idle_talk: 0,
        };
        match within(GREETING, "say Hello", this.event()).await? {
            HostEvent::Hello(hello) => Ok((this, hello)),
            _ => Err(Breach::Empty.into()),
        }
    }

    /// Starts the process, configures it and lets readings flow.
    ///
    /// # Errors
    /// As [`greet`](Self::greet), and when it refuses its settings.
    pub async fn open(settings: &PluginSettings) -> Result<Self, Fault> {
        let (mut this, _) = Self::greet(&settings.name, &settings.program).await?;
        this.configure(settings.configure()).await?;
        Ok(this)
    }

    /// Configures it and lets readings flow.
    pub(crate) async fn configure(&mut self, configure: Configure) -> Result<(), Fault> {
        let configure = self.session.configure(configure);
        self.send(&configure).await?;
        let accepted = async {
            loop {
                match self.event().await? {
                    HostEvent::Accepted => return Ok(()),
                    HostEvent::Refused(errors) => return Err(Fault::Refused(errors)),
                    _ => {}
                }
            }
        };
        within(CONFIGURING, "look at its settings", accepted).await?;
        let start = self.session.start();
        self.send(&start).await
    }

    /// The process.
    pub(crate) const fn pid(&self) -> Option<Pid> {
        self.process.pid()
    }

    /// What the plugin said it can do.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// Asks for a group.
    pub(crate) async fn poll(&mut self, group: u32, deadline: Duration) -> Result<(), Fault> {
        let millis = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        let poll = self.session.poll(group, millis);
        self.send(&poll).await
    }

    /// Gives credit back for what was taken.
    pub(crate) async fn acknowledge(&mut self) -> Result<(), Fault> {
        match self.session.acknowledge() {
            Some(ack) => self.send(&ack).await,
            None => Ok(()),
        }
    }

    /// Asks for a sign of life; its number.
    pub(crate) async fn ping(&mut self) -> Result<u64, Fault> {
        let (number, ping) = self.session.ping();
        self.send(&ping).await?;
        Ok(number)
    }

    /// What comes next. Cancel safe: bytes that were read are kept.
    pub(crate) async fn next(&mut self) -> Result<News, Fault> {
        match self.event().await? {
            HostEvent::Batch(batch) => Ok(News::Batch(batch)),
            HostEvent::Health(health) => Ok(News::Alive(health.ping)),
            _ => Ok(News::Alive(0)),
        }
    }

    /// Asks it to end and waits; what does not end is killed. Whether it ended
    /// by itself.
    pub async fn end(mut self) -> bool {
        let shutdown = self.session.shutdown();
        self.send(&shutdown).await.is_ok() && timeout(ENDING, self.process.ended()).await.is_ok()
    }

    /// Closes its stdin, as when the gateway dies. Whether it ended by itself.
    pub(crate) async fn abandon(self) -> bool {
        let Self { mut process, to, from, .. } = self;
        drop(to);
        let ended = timeout(ENDING, process.ended()).await.is_ok();
        drop(from);
        ended
    }

    async fn send(&mut self, message: &ToPlugin) -> Result<(), Fault> {
        let bytes = frame(message)?;
        let written = async { self.to.write_all(&bytes).await.map_err(|e| e.to_string()) };
        match timeout(WRITING, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(self.gone(reason).await),
            Err(_) => Err(Fault::Hung { what: "read what it is told", after: WRITING }),
        }
    }

    /// The next event. Cancel safe.
    async fn event(&mut self) -> Result<HostEvent, Fault> {
        loop {
            if let Some(message) = self.frames.next::<ToHost>()? {
                let event = self.session.on(message)?;
                let idle = matches!(event, HostEvent::Health(_));
                self.idle_talk = if idle { self.idle_talk + 1 } else { 0 };
                if self.idle_talk > FLOOD {
                    return Err(Fault::Flood);
                }
                return Ok(event);
            }
            match self.from.read_buf(self.frames.buffer()).await {
                Ok(0) => return Err(self.gone("it closed its stdout".to_owned()).await),
                Ok(_) => {}
                Err(error) => return Err(self.gone(error.to_string()).await),
            }
        }
    }

    /// Why the pipe is gone: how the process ended, if it has.
    async fn gone(&mut self, reason: String) -> Fault {
        // Chosen: the exit of a process follows the end of its pipes at once.
        let ended = timeout(Duration::from_millis(200), self.process.ended()).await;
        Fault::Ended(ended.unwrap_or(reason))
    }
}

async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(limit, work).await.unwrap_or(Err(Fault::Hung { what, after: limit }))
}
