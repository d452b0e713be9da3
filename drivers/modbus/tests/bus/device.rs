//! Devices on a line, written by hand: they know the bytes of a request and answer as a script says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use forehearth_driver_modbus::Carrier;
use forehearth_modbus::{Framing, ascii, rtu};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::end::{Came, End};

/// A request, as its bytes say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) unit: u8,
    pub(crate) function: u8,
    pub(crate) start: u16,
    pub(crate) count: u16,
    /// 0, 1, 2, …
    pub(crate) nth: usize,
    framing: Framing,
}

impl Request {
    /// The correct answer: register `n` holds `256 n + unit`.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let mut pdu = vec![self.function];
        if self.function <= 2 {
            let bytes = usize::from(self.count).div_ceil(8);
            pdu.push(bytes as u8);
            pdu.extend(std::iter::repeat_n(0, bytes));
        } else {
            pdu.push((self.count * 2) as u8);
            let held = |n: u16| n << 8 | u16::from(self.unit);
            pdu.extend((self.start..self.start + self.count).flat_map(|n| held(n).to_be_bytes()));
        }
        self.frame(&pdu)
    }

    pub(crate) fn exception(&self, code: u8) -> Vec<u8> {
        self.frame(&[self.function | 0x80, code])
    }

    fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        match self.framing {
            Framing::Rtu => rtu::encode(self.unit, pdu, &mut frame),
            Framing::Ascii => ascii::encode(self.unit, pdu, &mut frame),
        }
        frame
    }
}

/// What a device does with a request.
pub(crate) enum Act {
    Send(Vec<u8>),
    Close,
}

/// Devices on one end of a line; gone when dropped.
pub(crate) struct Devices {
    pub(crate) carrier: Carrier,
    open: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Devices {
    pub(crate) fn start(
        mut end: End,
        framing: Framing,
        mut script: impl FnMut(Request) -> Vec<Act> + Send + 'static,
    ) -> Self {
        let carrier = end.carrier();
        let open = Arc::new(AtomicUsize::new(0));
        let told = open.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut request = Vec::new();
            let mut nth = 0;
            loop {
                // Silence within a request ends it, as on a line.
                let patience = Duration::from_millis(if request.is_empty() { 60_000 } else { 50 });
                match timeout(patience, end.read()).await {
                    Err(_) => request.clear(),
                    Ok(Came::Closed) => {
                        told.store(0, Ordering::SeqCst);
                        request.clear();
                    }
                    Ok(Came::Bytes(bytes)) => {
                        told.store(1, Ordering::SeqCst);
                        request.extend(bytes);
                    }
                }
                let Some(parsed) = parse(&request, framing, nth) else { continue };
                request.clear();
                nth += 1;
                for act in script(parsed) {
                    match act {
                        Act::Send(bytes) => end.write(&bytes).await,
                        Act::Close => {
                            end.close();
                            told.store(0, Ordering::SeqCst);
                        }
                    }
                }
            }
        });
        Self { carrier, open, _task: task }
    }

    pub(crate) fn open_links(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// A request is 8 bytes, or a line of 17 characters.
fn parse(bytes: &[u8], framing: Framing, nth: usize) -> Option<Request> {
    let decoded: Vec<u8> = match framing {
        Framing::Rtu => rtu::decode(bytes).map(|(unit, pdu)| [&[unit], pdu].concat())?,
        Framing::Ascii => {
            let digits = bytes.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
            let text = std::str::from_utf8(digits).ok()?;
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len() / 2 - 1).map(|n| byte(n * 2)).collect()
        }
    };
    let &[unit, function, a, b, c, d] = decoded.as_slice() else {
        panic!("a read has six bytes: {decoded:?}");
    };
    assert!((1..=4).contains(&function), "only reads ever leave: function {function}");
    let (start, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some(Request { unit, function, start, count, nth, framing })
}
