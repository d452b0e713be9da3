//! The node of the example: three channels, a serial port of this machine and its clock.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use embedded_io::{ErrorType, Read, ReadReady, Write};
use forehearth_shims::{
    ChannelSpec, Clock, Correction, Facts, NoDirection, Node, Quality, Range, Reading, RegisterMap,
    RtuPort, Scale, Setting,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Which unit it answers as.
pub(crate) const UNIT: u8 = 7;
/// The speed that its silence is reckoned from; a pseudo-terminal has none.
pub(crate) const BAUD: u32 = 115_200;

/// What the node holds.
pub(crate) static MAP: RegisterMap<3, 2, 320> = RegisterMap::new(
    "Forehearth",
    "Host node",
    "1",
    [
        ChannelSpec { name: "pressure", unit: "bar", low: 0.0, high: 10.0 },
        ChannelSpec { name: "furnace", unit: "degC", low: -200.0, high: 1300.0 },
        ChannelSpec { name: "door", unit: "", low: 0.0, high: 1.0 },
    ],
    [
        Setting { name: "sample_ms", low: 10, high: 60_000, default: 100 },
        Setting { name: "alarm_bar", low: 0, high: 10, default: 8 },
    ],
);

fn linear(unit: &'static str, per_count: f32, low: f32, high: f32) -> Facts {
    let scale = Scale::Linear { per_count, offset: 0.0 };
    Facts { unit, scale, range: Range { low, high }, namur: None }
}

/// Microseconds since the program started.
#[derive(Clone, Copy)]
pub(crate) struct HostClock(Instant);

impl Clock for HostClock {
    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A serial port of this machine.
pub(crate) struct HostPort(File);

impl HostPort {
    #[allow(dead_code, reason = "the test has a pseudo-terminal")]
    /// A port that exists, with the speed and format it has.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        Ok(Self(file))
    }

    /// One end of a new pseudo-terminal, and the path of the other.
    pub(crate) fn pair() -> io::Result<(Self, String)> {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&end)?;
        unlockpt(&end)?;
        let path = ptsname(&end, Vec::new())?.into_string().map_err(io::Error::other)?;
        let mut settings = tcgetattr(&end)?;
        settings.make_raw();
        tcsetattr(&end, OptionalActions::Now, &settings)?;
        Ok((Self(File::from(end)), path))
    }

    /// Waits for a byte, at most so long.
    pub(crate) fn wait(&self, most: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(most).map_err(io::Error::other)?;
        let mut ends = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut ends, Some(&timeout)) {
            Ok(_) => Ok(ends[0].revents().contains(PollFlags::IN)),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl ErrorType for HostPort {
    type Error = io::Error;
}

impl Read for HostPort {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, buffer)
    }
}

impl Write for HostPort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.0, bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ReadReady for HostPort {
    fn read_ready(&mut self) -> io::Result<bool> {
        self.wait(Duration::ZERO)
    }
}

/// Serves while `goes_on` says so.
pub(crate) fn serve(port: HostPort, goes_on: impl Fn() -> bool) -> io::Result<()> {
    let clock = HostClock(Instant::now());
    let facts = [
        linear("bar", 0.01, 0.0, 10.0),
        linear("degC", 0.25, -200.0, 1300.0),
        linear("", 1.0, 0.0, 1.0),
    ];
    let mut node = Node::new(&MAP);
    let mut port = RtuPort::new(port, NoDirection, clock, UNIT, BAUD);
    while goes_on() {
        let tick = clock.now();
        // The furnace's thermocouple is open.
        let readings = [(523, Quality::Good), (0, Quality::BadSensorFailure), (1, Quality::Good)];
        for (at, (raw, quality)) in readings.into_iter().enumerate() {
            let reading = Reading { raw, quality, tick };
            node.put(at, &facts[at], reading, Correction::NotNeeded);
        }
        port.poll(&mut node)?;
        let most = match port.due() {
            Some(due) => Duration::from_micros(due.saturating_sub(clock.now())),
            None => Duration::from_millis(20),
        };
        port.io().wait(most)?;
    }
    Ok(())
}
