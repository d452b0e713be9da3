//! A plugin's side of the conversation with the gateway: what may come when, and how much may be sent.

use crate::v1::{
    Batch, Browse, Browsed, ConfigError, Configure, Configured, Health, Hello, Ping, Poll, Section,
    ToHost, ToPlugin, Write, Written, to_host, to_plugin,
};
use crate::{Breach, MAGIC, VERSION};

/// What the gateway's message means.
#[derive(Clone, PartialEq, Debug)]
pub enum PluginEvent {
    /// The settings and tags: answer with [`PluginSession::configured`].
    Configure(Configure),
    /// Readings may flow.
    Start,
    /// Read a group.
    Poll(Poll),
    /// There is credit again.
    Credit,
    /// Look what lies below an address.
    Browse(Browse),
    /// Write a value.
    Write(Write),
    /// Say how you are.
    Ping(Ping),
    /// Close the device and exit.
    Shutdown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Greeting,
    Configuring,
    Accepted,
    Running,
    Ended,
}

/// One conversation.
#[derive(Debug)]
pub struct PluginSession {
    mode: Mode,
    sent: u64,
    credit: u64,
    poll: u64,
}

impl PluginSession {
    /// The session and what to send first; magic and versions are filled in.
    #[must_use]
    pub fn begin(hello: Hello) -> (Self, ToHost) {
        let magic = MAGIC.to_owned();
        let hello = Hello { magic, version_min: VERSION, version_max: VERSION, ..hello };
        let session = Self { mode: Mode::Greeting, sent: 0, credit: 0, poll: 0 };
        (session, told(to_host::Kind::Hello(hello)))
    }

    /// Takes a message of the gateway.
    ///
    /// # Errors
    /// When it may not say that, or not now; exit.
    pub fn on(&mut self, message: ToPlugin) -> Result<PluginEvent, Breach> {
        match message.kind.ok_or(Breach::Empty)? {
            to_plugin::Kind::Configure(configure) => {
                self.only_in(Mode::Greeting, "Configure")?;
                if configure.version != VERSION {
                    let (min, max) = (configure.version, configure.version);
                    return Err(Breach::NoCommonVersion { min, max, ours: VERSION });
                }
                self.mode = Mode::Configuring;
                self.credit = u64::from(configure.credit);
                Ok(PluginEvent::Configure(configure))
            }
            to_plugin::Kind::Start(_) => {
                self.only_in(Mode::Accepted, "Start")?;
                self.mode = Mode::Running;
                Ok(PluginEvent::Start)
            }
            to_plugin::Kind::Poll(poll) => {
                self.only_in(Mode::Running, "Poll")?;
                self.poll = poll.poll;
                Ok(PluginEvent::Poll(poll))
            }
            to_plugin::Kind::Ack(ack) => {
                if ack.sequence > self.sent {
                    return Err(Breach::AckBeyond { got: ack.sequence, sent: self.sent });
                }
                self.credit += u64::from(ack.credit);
                Ok(PluginEvent::Credit)
            }
            to_plugin::Kind::Browse(browse) => Ok(PluginEvent::Browse(browse)),
            to_plugin::Kind::Write(write) => {
                self.only_in(Mode::Running, "Write")?;
                Ok(PluginEvent::Write(write))
            }
            to_plugin::Kind::Ping(ping) => Ok(PluginEvent::Ping(ping)),
            to_plugin::Kind::Shutdown(_) => {
                self.mode = Mode::Ended;
                Ok(PluginEvent::Shutdown)
            }
        }
    }

    /// Accepts the configuration (no errors) or refuses it.
    pub fn configured(&mut self, errors: Vec<ConfigError>) -> ToHost {
        self.mode = if errors.is_empty() { Mode::Accepted } else { Mode::Ended };
        told(to_host::Kind::Configured(Configured { errors }))
    }

    /// Readings that may be sent now.
    #[must_use]
    pub const fn credit(&self) -> u64 {
        self.credit
    }

    /// The answer to the last poll, or a part of it. `None`: there is no
    /// credit for so many readings; wait for [`PluginEvent::Credit`].
    pub fn answer(&mut self, sections: Vec<Section>, part: Part) -> Option<ToHost> {
        self.batch(self.poll, part == Part::Last, sections)
    }

    /// Readings that nobody asked for. `None`: as [`answer`](Self::answer).
    pub fn push(&mut self, sections: Vec<Section>) -> Option<ToHost> {
        self.batch(0, false, sections)
    }

    fn batch(&mut self, poll: u64, last: bool, sections: Vec<Section>) -> Option<ToHost> {
        let readings = sections.iter().map(|section| section.tags.len() as u64).sum();
        self.credit = self.credit.checked_sub(readings)?;
        self.sent += 1;
        Some(told(to_host::Kind::Batch(Batch { sequence: self.sent, poll, last, sections })))
    }

    fn only_in(&self, mode: Mode, message: &'static str) -> Result<(), Breach> {
        if self.mode == mode {
            return Ok(());
        }
        let when = match self.mode {
            Mode::Greeting => "before Configure",
            Mode::Configuring => "before Configured",
            Mode::Accepted => "before Start",
            Mode::Running => "while it runs",
            Mode::Ended => "after the end",
        };
        Err(Breach::OutOfTurn { message, when })
    }
}

/// Whether more comes for the same poll.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// More comes.
    Some,
    /// This is the last.
    Last,
}

/// Says how the plugin is.
#[must_use]
pub const fn health(health: Health) -> ToHost {
    told(to_host::Kind::Health(health))
}

/// Says what was found.
#[must_use]
pub const fn browsed(browsed: Browsed) -> ToHost {
    told(to_host::Kind::Browsed(browsed))
}

/// Says how a write ended.
#[must_use]
pub const fn written(written: Written) -> ToHost {
    told(to_host::Kind::Written(written))
}

const fn told(kind: to_host::Kind) -> ToHost {
    ToHost { kind: Some(kind) }
}
