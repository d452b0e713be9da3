//! The gateway's side of the conversation with a plugin: what may come when.

use crate::v1::{
    Ack, Batch, Browse, Browsed, Capabilities, ConfigError, Configure, Health, Hello, Ping, Poll,
    Shutdown, Start, ToHost, ToPlugin, Value, Write, Written, to_host, to_plugin,
};
use crate::{Breach, MAGIC, VERSION, check_section};

/// What a plugin's message means.
#[derive(Clone, PartialEq, Debug)]
pub enum HostEvent {
    /// It is a plugin and speaks our version: configure it.
    Hello(Hello),
    /// It accepts its configuration: start it.
    Accepted,
    /// It refuses its configuration, and why. Nothing else follows.
    Refused(Vec<ConfigError>),
    /// Readings; acknowledge them when they are taken.
    Batch(Batch),
    /// How it is.
    Health(Health),
    /// What it found.
    Browsed(Browsed),
    /// How a write ended.
    Written(Written),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    AwaitsHello,
    Greeted,
    AwaitsConfigured,
    Accepted,
    Running,
    Stopping,
}

impl Mode {
    const fn words(self) -> &'static str {
        match self {
            Self::AwaitsHello => "before Hello",
            Self::Greeted => "before it was configured",
            Self::AwaitsConfigured => "before Configured",
            Self::Accepted => "before it was started",
            Self::Running => "while it runs",
            Self::Stopping => "after Shutdown",
        }
    }
}

/// One conversation; ends with the process.
#[derive(Debug)]
pub struct HostSession {
    mode: Mode,
    capabilities: Capabilities,
    /// Sequence of the batch that is due.
    due: u64,
    /// Readings the plugin may still send.
    credit: u64,
    /// Readings that came and were not acknowledged.
    unacknowledged: u64,
    /// The last poll.
    poll: u64,
    /// Whether its answer is not complete.
    polling: bool,
    /// Number of the last request of browsing or writing, and of the last ping.
    request: u64,
}

impl Default for HostSession {
    fn default() -> Self {
        Self {
            mode: Mode::AwaitsHello,
            capabilities: Capabilities::default(),
            due: 1,
            credit: 0,
            unacknowledged: 0,
            poll: 0,
            polling: false,
            request: 0,
        }
    }
}

impl HostSession {
    /// Takes a message of the plugin.
    ///
    /// # Errors
    /// When it may not say that, or not now; end it.
    pub fn on(&mut self, message: ToHost) -> Result<HostEvent, Breach> {
        match message.kind.ok_or(Breach::Empty)? {
            to_host::Kind::Hello(hello) => self.hello(hello),
            to_host::Kind::Configured(configured) => {
                self.only_in(Mode::AwaitsConfigured, "Configured")?;
                if configured.errors.is_empty() {
                    self.mode = Mode::Accepted;
                    return Ok(HostEvent::Accepted);
                }
                self.mode = Mode::Stopping;
                Ok(HostEvent::Refused(configured.errors))
            }
            to_host::Kind::Batch(batch) => self.batch(batch),
            to_host::Kind::Health(health) => {
                self.not_before_hello("Health")?;
                Ok(HostEvent::Health(health))
            }
            to_host::Kind::Browsed(browsed) => {
                self.answered(self.capabilities.browse, "Browsed")?;
                Ok(HostEvent::Browsed(browsed))
            }
            to_host::Kind::Written(written) => {
                self.answered(self.capabilities.write, "Written")?;
                Ok(HostEvent::Written(written))
            }
        }
    }

    /// Configures it; `version` is filled in.
    pub fn configure(&mut self, configure: Configure) -> ToPlugin {
        self.mode = Mode::AwaitsConfigured;
        self.credit = u64::from(configure.credit);
        told(to_plugin::Kind::Configure(Configure { version: VERSION, ..configure }))
    }

    /// Lets the readings flow.
    pub fn start(&mut self) -> ToPlugin {
        self.mode = Mode::Running;
        told(to_plugin::Kind::Start(Start {}))
    }

    /// Asks for each tag of a group. A poll whose answer is not complete is
    /// given up; what still comes for it is a breach, so end the plugin instead
    /// when its time is over.
    pub fn poll(&mut self, group: u32, deadline_ms: u32) -> ToPlugin {
        self.poll += 1;
        self.polling = true;
        told(to_plugin::Kind::Poll(Poll { poll: self.poll, group, deadline_ms }))
    }

    /// Everything that came is taken: its credit goes back. `None`: nothing came.
    pub fn acknowledge(&mut self) -> Option<ToPlugin> {
        let credit = std::mem::take(&mut self.unacknowledged);
        if credit == 0 {
            return None;
        }
        self.credit += credit;
        let credit = u32::try_from(credit).unwrap_or(u32::MAX);
        Some(told(to_plugin::Kind::Ack(Ack { sequence: self.due - 1, credit })))
    }

    /// Asks what lies below an address.
    pub fn browse(&mut self, under: &str) -> ToPlugin {
        self.request += 1;
        told(to_plugin::Kind::Browse(Browse { request: self.request, under: under.to_owned() }))
    }

    /// Orders one value for one tag. The number of the request is in the answer.
    pub fn write(&mut self, tag: u32, value: Value, deadline_ms: u32) -> (u64, ToPlugin) {
        self.request += 1;
        let request = self.request;
        let write = Write { request, tag, value: Some(value), deadline_ms };
        (request, told(to_plugin::Kind::Write(write)))
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) -> (u64, ToPlugin) {
        self.request += 1;
        (self.request, told(to_plugin::Kind::Ping(Ping { number: self.request })))
    }

    /// Asks it to end.
    pub fn shutdown(&mut self) -> ToPlugin {
        self.mode = Mode::Stopping;
        told(to_plugin::Kind::Shutdown(Shutdown {}))
    }

    /// What the plugin said it can do.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn hello(&mut self, hello: Hello) -> Result<HostEvent, Breach> {
        self.only_in(Mode::AwaitsHello, "Hello")?;
        if hello.magic != MAGIC {
            let magic = hello.magic.chars().take(40).collect();
            return Err(Breach::NotAPlugin { magic });
        }
        let (min, max) = (hello.version_min, hello.version_max);
        if !(min..=max).contains(&VERSION) {
            return Err(Breach::NoCommonVersion { min, max, ours: VERSION });
        }
        self.capabilities = hello.capabilities.unwrap_or_default();
        self.mode = Mode::Greeted;
        Ok(HostEvent::Hello(hello))
    }

    fn batch(&mut self, batch: Batch) -> Result<HostEvent, Breach> {
        if self.mode != Mode::Stopping {
            self.only_in(Mode::Running, "Batch")?;
        }
        if batch.sequence != self.due {
            return Err(Breach::Sequence { got: batch.sequence, expected: self.due });
        }
        match batch.poll {
            0 if !self.capabilities.push => {
                return Err(Breach::NotCapable { message: "a pushed batch" });
            }
            0 => {}
            poll if poll == self.poll && self.polling => self.polling = !batch.last,
            got => return Err(Breach::StrayAnswer { got, asked: self.poll }),
        }
        for section in &batch.sections {
            check_section(section)?;
        }
        let readings = batch.sections.iter().map(|section| section.tags.len() as u64).sum();
        if readings > self.credit {
            return Err(Breach::Overdrawn { readings, credit: self.credit });
        }
        self.credit -= readings;
        self.unacknowledged += readings;
        self.due += 1;
        Ok(HostEvent::Batch(batch))
    }

    fn answered(&self, capable: bool, message: &'static str) -> Result<(), Breach> {
        if !capable {
            return Err(Breach::NotCapable { message });
        }
        if self.request == 0 {
            return Err(Breach::OutOfTurn { message, when: "though nobody asked" });
        }
        Ok(())
    }

    fn only_in(&self, mode: Mode, message: &'static str) -> Result<(), Breach> {
        if self.mode == mode {
            return Ok(());
        }
        Err(Breach::OutOfTurn { message, when: self.mode.words() })
    }

    fn not_before_hello(&self, message: &'static str) -> Result<(), Breach> {
        if self.mode != Mode::AwaitsHello {
            return Ok(());
        }
        Err(Breach::OutOfTurn { message, when: self.mode.words() })
    }
}

const fn told(kind: to_plugin::Kind) -> ToPlugin {
    ToPlugin { kind: Some(kind) }
}
