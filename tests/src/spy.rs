//! A spy between the gateway and a Modbus TCP device: it forwards every byte and notes each function code that is asked for.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards to one device for the rest of the test's process.
pub struct Spy {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// One request as it left the gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Its function code.
    pub function: u8,
    /// Its PDU, function code included.
    pub pdu: Vec<u8>,
}

/// Function codes that write (Application Protocol V1.1b3, 6): coils and
/// registers, one and many, masked, and read with write.
const WRITES: [u8; 6] = [5, 6, 15, 16, 22, 23];

impl Spy {
    /// A spy in front of the device on this loopback port.
    ///
    /// # Panics
    /// When it can't listen.
    #[must_use]
    pub fn before(device: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for gateway in listener.incoming().flatten() {
                let Ok(device) = TcpStream::connect((Ipv4Addr::LOCALHOST, device)) else {
                    continue;
                };
                forward(&gateway, &device, &heard);
            }
        });
        Self { port, asked }
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Every request so far.
    ///
    /// # Panics
    /// When the spy panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic while spying").clone()
    }

    /// The requests that write.
    #[must_use]
    pub fn writes(&self) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| WRITES.contains(&asked.function) || asked.function > 24);
        asked
    }
}

/// Both ways, each on a thread of its own.
fn forward(gateway: &TcpStream, device: &TcpStream, heard: &Arc<Mutex<Vec<Asked>>>) {
    let pair = (gateway.try_clone().expect("a handle"), device.try_clone().expect("a handle"));
    let heard = Arc::clone(heard);
    thread::spawn(move || {
        copy(pair.0, pair.1, |bytes, frames: &mut Vec<u8>| {
            frames.extend_from_slice(bytes);
            note(frames, &heard);
        })
    });
    let pair = (device.try_clone().expect("a handle"), gateway.try_clone().expect("a handle"));
    thread::spawn(move || copy(pair.0, pair.1, |_, _| {}));
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8], &mut Vec<u8>)) {
    let (mut buffer, mut kept) = ([0; 4096], Vec::new());
    while let Ok(read) = from.read(&mut buffer) {
        see(&buffer[..read], &mut kept);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Takes whole frames off the front: 7 bytes of header, whose bytes 4 and 5
/// say how many follow byte 5.
fn note(frames: &mut Vec<u8>, heard: &Mutex<Vec<Asked>>) {
    while frames.len() > 7 {
        let end = 6 + usize::from(u16::from_be_bytes([frames[4], frames[5]]));
        if frames.len() < end {
            return;
        }
        let frame: Vec<u8> = frames.drain(..end).collect();
        let pdu = frame[7..].to_vec();
        heard.lock().expect("no panic while spying").push(Asked { function: pdu[0], pdu });
    }
}
