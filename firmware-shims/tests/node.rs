//! A node at the end of a pseudo-terminal, asked by a master that no one here wrote (rmodbus).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]
#![allow(clippy::print_stdout, reason = "a figure that is measured here")]

#[path = "../examples/node/host.rs"]
mod host;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use forehearth_shims::{
    COUNTERS, Counter, DESCRIPTION, Description, DescriptionError, DeviceMap, Inquiry, Quality,
    SETTINGS,
};
use host::{HostPort, UNIT};
use rmodbus::client::ModbusRequest;
use rmodbus::{ErrorKind, ModbusProto, guess_response_frame_len};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A node, and the other end of its line.
struct Line {
    end: File,
    goes_on: Arc<AtomicBool>,
    node: Option<JoinHandle<std::io::Result<()>>>,
}

impl Line {
    fn new() -> Self {
        let (port, path) = HostPort::pair().unwrap();
        let end = File::options().read(true).write(true).open(path).unwrap();
        let mut settings = tcgetattr(&end).unwrap();
        settings.make_raw();
        tcsetattr(&end, OptionalActions::Now, &settings).unwrap();
        let goes_on = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&goes_on);
        let node = std::thread::spawn(move || host::serve(port, || seen.load(Ordering::Relaxed)));
        Self { end, goes_on, node: Some(node) }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).unwrap();
    }

    /// What comes until it is a whole frame, as rmodbus reckons its length,
    /// or until nothing came for so long.
    fn hear(&mut self, most: Duration) -> Vec<u8> {
        self.hear_until(most, |heard| {
            let length = guess_response_frame_len(heard, ModbusProto::Rtu);
            heard.len() >= 5 && length.is_ok_and(|length| heard.len() >= usize::from(length))
        })
    }

    fn hear_until(&mut self, most: Duration, is_whole: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut heard = Vec::new();
        let mut buffer = [0; 256];
        let most = Timespec::try_from(most).unwrap();
        while !is_whole(&heard) {
            let mut ends = [PollFd::new(&self.end, PollFlags::IN)];
            if poll(&mut ends, Some(&most)).unwrap() == 0 {
                break;
            }
            let count = self.end.read(&mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..count]);
        }
        heard
    }

    /// Asks what rmodbus does not speak, and wants exactly this answer.
    fn expect(&mut self, request: &[u8], answer: &[u8]) {
        std::thread::sleep(Duration::from_micros(2_000));
        let expected = frame(answer);
        self.send(&frame(request));
        let heard = self.hear_until(Duration::from_secs(5), |heard| heard.len() >= expected.len());
        assert_eq!(heard, expected, "to {request:02x?}");
    }

    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        // The silence that the standard wants between two frames.
        std::thread::sleep(Duration::from_micros(2_000));
        self.send(request);
        let answer = self.hear(Duration::from_secs(5));
        assert!(!answer.is_empty(), "no answer to {request:02x?}");
        answer
    }

    fn holdings(&mut self, start: u16, count: u16) -> Result<Vec<u16>, ErrorKind> {
        let mut master = ModbusRequest::new(UNIT, ModbusProto::Rtu);
        let mut request = Vec::new();
        master.generate_get_holdings(start, count, &mut request).unwrap();
        let answer = self.ask(&request);
        let mut words = Vec::new();
        master.parse_u16(&answer, &mut words).map(|()| words)
    }

    fn inputs(&mut self, start: u16, count: u16) -> Result<Vec<u16>, ErrorKind> {
        let mut master = ModbusRequest::new(UNIT, ModbusProto::Rtu);
        let mut request = Vec::new();
        master.generate_get_inputs(start, count, &mut request).unwrap();
        let answer = self.ask(&request);
        let mut words = Vec::new();
        master.parse_u16(&answer, &mut words).map(|()| words)
    }

    fn set(&mut self, start: u16, words: &[u16]) -> Result<(), ErrorKind> {
        let mut master = ModbusRequest::new(UNIT, ModbusProto::Rtu);
        let mut request = Vec::new();
        match words {
            [word] => master.generate_set_holding(start, *word, &mut request).unwrap(),
            _ => master.generate_set_holdings_bulk(start, words, &mut request).unwrap(),
        }
        let answer = self.ask(&request);
        master.parse_ok(&answer)
    }

    fn counted(&mut self, counter: Counter) -> u32 {
        let words = self.holdings(COUNTERS + counter as u16 * 2, 2).unwrap();
        u32::from(words[0]) << 16 | u32::from(words[1])
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        let node = self.node.take().unwrap().join();
        if !std::thread::panicking() {
            node.unwrap().unwrap();
        }
    }
}

/// A frame of what rmodbus does not speak: functions 23 and 43.
fn frame(pdu: &[u8]) -> Vec<u8> {
    let mut frame = vec![UNIT];
    frame.extend_from_slice(pdu);
    frame.extend_from_slice(&forehearth_modbus::crc16(&frame).to_le_bytes());
    frame
}

fn float(words: &[u16]) -> f32 {
    f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]))
}

#[test]
fn a_value_comes_with_its_quality_and_age_in_one_read() {
    let mut line = Line::new();
    for words in [line.holdings(0, 24).unwrap(), line.inputs(0, 24).unwrap()] {
        assert!((float(&words) - 5.23).abs() < 1e-6);
        assert_eq!(words[2], u16::from(Quality::Good.code()));
        assert_ne!(words[3], 0, "readings were taken");
        assert_eq!(words[4], 0, "not older than a minute");
        assert_eq!(words[6..8], [0, 523]);
        // The furnace's sensor is open: no number, and a reason.
        assert!(float(&words[8..]).is_nan());
        assert_eq!(words[10], u16::from(Quality::BadSensorFailure.code()));
        assert_eq!(float(&words[16..]), 1.0);
    }
    assert!(line.counted(Counter::BadReadings) > 0);
}

#[test]
fn settings_are_taken_within_their_limits_all_or_none() {
    let mut line = Line::new();
    assert_eq!(line.holdings(SETTINGS, 2), Ok(vec![100, 8]));
    assert_eq!(line.set(SETTINGS, &[250]), Ok(())); // function 6
    assert_eq!(line.set(SETTINGS, &[500, 7]), Ok(())); // function 16
    assert_eq!(line.holdings(SETTINGS, 2), Ok(vec![500, 7]));
    // The second is beyond its limit: the first is not taken either.
    assert_eq!(line.set(SETTINGS, &[600, 11]), Err(ErrorKind::IllegalDataValue));
    assert_eq!(line.set(SETTINGS + 1, &[9, 9]), Err(ErrorKind::IllegalDataAddress));
    assert_eq!(line.set(0, &[1]), Err(ErrorKind::IllegalDataAddress), "a value is no setting");
    assert_eq!(line.holdings(SETTINGS, 2), Ok(vec![500, 7]));
    assert_eq!(line.holdings(24, 1), Err(ErrorKind::IllegalDataAddress));
    assert_eq!(line.counted(Counter::Written), 3);
    assert_eq!(line.counted(Counter::Refused), 4);
}

#[test]
fn functions_23_and_43_answer_as_the_standard_says() {
    let mut line = Line::new();
    // 23: two settings are read from 2000h after one is written to 2001h.
    line.expect(&[23, 0x20, 0, 0, 2, 0x20, 1, 0, 1, 2, 0, 5], &[23, 4, 0, 100, 0, 5]);
    // What can't be read is not written either.
    line.expect(&[23, 0x20, 9, 0, 1, 0x20, 1, 0, 1, 2, 0, 6], &[0x80 | 23, 2]);
    assert_eq!(line.holdings(SETTINGS + 1, 1), Ok(vec![5]));
    // 43/14: the basic objects as a stream, and one alone (6.21).
    let mut stream = vec![43, 14, 1, 0x81, 0, 0, 3, 0, 10];
    stream.extend_from_slice(b"Forehearth\x01\x09Host node\x02\x011");
    line.expect(&[43, 14, 1, 0], &stream);
    line.expect(&[43, 14, 4, 2], b"\x2b\x0e\x04\x81\x00\x00\x01\x02\x011");
    line.expect(&[43, 14, 4, 9], &[0x80 | 43, 2]);
    // 1: a function the node does not have.
    line.expect(&[1, 0, 0, 0, 1], &[0x81, 1]);
}

#[test]
fn noise_costs_nothing_and_damage_is_never_answered() {
    let mut line = Line::new();
    let mut request = Vec::new();
    let mut master = ModbusRequest::new(UNIT, ModbusProto::Rtu);
    master.generate_get_holdings(SETTINGS, 2, &mut request).unwrap();
    // A driver that switches on, and the tail of a neighbour's answer.
    for noise in [&[0xFF][..], &[0x00, 0xFF, 0x07, 0x03], &[9, 3, 2, 0, 1, 0xAA, 0x55]] {
        let answer = line.ask(&[noise, &request].concat());
        let mut words = Vec::new();
        master.parse_u16(&answer, &mut words).unwrap();
        assert_eq!(words, [100, 8]);
    }
    // Every bit of the request flipped once: silence each time, and a right
    // request is answered afterwards.
    for bit in (0..request.len() * 8).step_by(5) {
        let mut damaged = request.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        line.send(&damaged);
        std::thread::sleep(Duration::from_micros(2_500));
        assert!(line.hear(Duration::from_millis(5)).is_empty(), "bit {bit}");
    }
    // Another unit's request, and one cut off.
    line.send(&frame(&[3, 0, 0, 0, 1])[..4]);
    assert!(line.hear(Duration::from_millis(10)).is_empty());
    assert_eq!(line.holdings(SETTINGS, 2), Ok(vec![100, 8]));
    assert_eq!(line.counted(Counter::Noise), 1 + 4 + 7);
    assert!(line.counted(Counter::Unreadable) >= 10);
}

/// Reads the description as `scan node` does.
fn describe<'b>(
    line: &mut Line,
    buffer: &'b mut [u8],
) -> Result<Description<'b>, DescriptionError> {
    let mut inquiry = Inquiry::new(buffer);
    while let Some(ask) = inquiry.next() {
        let words = line.holdings(ask.start, ask.count).unwrap();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        inquiry.tell(&bytes)?;
    }
    inquiry.finish()
}

#[test]
fn what_a_node_says_of_itself_is_a_map_that_passes_the_check() {
    let mut line = Line::new();
    let mut buffer = [0; 4096];
    let node = describe(&mut line, &mut buffer).unwrap();
    assert_eq!(node.identity, ["Forehearth", "Host node", "1"]);
    assert_eq!(
        node.channels().map(|c| c.name).collect::<Vec<_>>(),
        ["pressure", "furnace", "door"]
    );
    let url = "serial:///dev/ttyUSB0?baud=115200";
    let map = DeviceMap { node, name: "node-7", url, unit: UNIT }.to_string();
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("devices")).unwrap();
    std::fs::write(directory.path().join("devices/node-7.toml"), &map).unwrap();
    let gateway = "schema = 1\n[gateway]\nid = \"edge-1\"\npath = \"acme/site/area/line\"\n\
        [[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1\"\nformat = \"native\"\n";
    std::fs::write(directory.path().join("gateway.toml"), gateway).unwrap();
    let loaded = forehearth_config::load(directory.path());
    let told = forehearth_config::render(&loaded.report, forehearth_config::Lang::En, false);
    assert!(loaded.plan.is_some(), "{told}\n{map}");
    // A version that does not use `enum` yet says so.
    let warnings = told.lines().filter(|line| line.starts_with("warning["));
    assert!(warnings.clone().all(|line| line.contains("FH1902")), "{told}\n{map}");
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.catalogue.tags.len(), 3 * 3 + Counter::ALL.len() + 2);
}

#[test]
fn what_is_no_node_is_told_apart_from_a_damaged_one() {
    let mut buffer = [0; 64];
    let mut inquiry = Inquiry::new(&mut buffer);
    assert_eq!(inquiry.next().unwrap().start, DESCRIPTION);
    assert_eq!(inquiry.tell(&[0; 8]), Err(DescriptionError::NotANode));
    let layout = Inquiry::new(&mut [0; 64]).tell(&[0x46, 0x48, 0, 9, 0, 0, 0, 0]);
    assert_eq!(layout, Err(DescriptionError::OtherLayout(9)));
    let mut inquiry = Inquiry::new(&mut buffer);
    inquiry.tell(&[0x46, 0x48, 0, 1, 0, 4, 0xAB, 0xCD]).unwrap();
    inquiry.tell(&[0, 0, 0, 0]).unwrap();
    assert_eq!(inquiry.next(), None);
    assert_eq!(inquiry.finish(), Err(DescriptionError::Checksum));
    let too_large = Inquiry::new(&mut [0; 64]).tell(&[0x46, 0x48, 0, 1, 0xFF, 0xFF, 0, 0]);
    assert!(too_large.is_err());
}

/// Not a promise but a figure, printed: `cargo test -- --nocapture`.
#[test]
fn how_long_an_answer_takes_is_printed() {
    let mut line = Line::new();
    let mut request = Vec::new();
    ModbusRequest::new(UNIT, ModbusProto::Rtu).generate_get_holdings(0, 24, &mut request).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            std::thread::sleep(Duration::from_micros(2_000));
            let start = Instant::now();
            line.send(&request);
            assert_eq!(line.hear(Duration::from_secs(5)).len(), 5 + 48);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let micros = |at: usize| times[at].as_micros();
    println!(
        "an answer of 24 registers on a pty: median {} us, 90 % within {} us, best {} us; \
         1750 us of it are the silence of 3.5 characters",
        micros(100),
        micros(180),
        micros(0),
    );
}

mod hostile {
    use super::{Description, Inquiry};
    use proptest::prelude::*;

    fn parse(body: &[u8]) -> bool {
        let [c1, c2] = forehearth_modbus::crc16(body).to_be_bytes();
        let [l1, l2] = (body.len() as u16).to_be_bytes();
        let mut buffer = [0; 2048];
        let mut inquiry = Inquiry::new(&mut buffer);
        inquiry.tell(&[0x46, 0x48, 0, 1, l1, l2, c1, c2]).unwrap();
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(2), 0);
        inquiry.tell(&padded).unwrap();
        inquiry.finish().is_ok_and(|node: Description<'_>| {
            node.channels().count() + node.counters().count() + node.settings().count() < 800
        })
    }

    proptest! {
        #[test]
        fn no_description_makes_the_reader_fail(body in prop::collection::vec(any::<u8>(), 0..600)) {
            let _either = parse(&body);
            let texts = [&[0, 0, 0][..], &body].concat();
            let _either = parse(&texts);
        }
    }
}
