//! Servers that mean harm, spoken to without a library: raw bytes over TCP.
//!
//! [`Rogue`] is one that never was an OPC UA server. [`Liar`] stands before an
//! honest server and, while it is armed, replaces what that answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What is poured after a header that promised more than anyone may send.
const FLOOD: usize = 256 << 20;

/// How one that never was a server greets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Greeting {
    /// Accepts and says nothing.
    Silence,
    /// Accepts and hangs up.
    Hangup,
    /// Bytes by chance, in place of the acknowledgement.
    Noise,
    /// An acknowledgement of 4 GiB, and what fits of it.
    HugeAcknowledge,
    /// An acknowledgement of no bytes.
    EmptyAcknowledge,
    /// An acknowledgement that leaves no room for any chunk.
    NoRoom,
    /// An error whose reason has 2 GiB.
    LongError,
    /// Right up to the acknowledgement, then noise.
    LateNoise,
    /// Right up to the acknowledgement, then a chunk of 4 GiB, and what fits of it.
    LateFlood,
    /// Right up to the acknowledgement, then half a chunk and silence.
    LateHalf,
    /// Right up to the acknowledgement, then a chunk of its header alone.
    LateEmpty,
}

pub(crate) const GREETINGS: [Greeting; 11] = [
    Greeting::Silence,
    Greeting::Hangup,
    Greeting::Noise,
    Greeting::HugeAcknowledge,
    Greeting::EmptyAcknowledge,
    Greeting::NoRoom,
    Greeting::LongError,
    Greeting::LateNoise,
    Greeting::LateFlood,
    Greeting::LateHalf,
    Greeting::LateEmpty,
];

fn message(kind: &[u8; 4], size: u32, words: &[u32]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend(size.to_le_bytes());
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// Protocol 0, buffers of 64 KiB, no other limits.
fn acknowledge() -> Vec<u8> {
    message(b"ACKF", 28, &[0, 65_536, 65_536, 0, 0])
}

async fn flood(stream: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 20];
    for _ in 0..FLOOD / zeros.len() {
        stream.write_all(&zeros).await?;
    }
    Ok(())
}

async fn greet(mut stream: TcpStream, how: Greeting) -> std::io::Result<()> {
    let mut heard = vec![0; 65_536];
    let _ = stream.read(&mut heard).await?; // Hello
    if matches!(
        how,
        Greeting::LateNoise | Greeting::LateFlood | Greeting::LateHalf | Greeting::LateEmpty
    ) {
        stream.write_all(&acknowledge()).await?;
        let _ = stream.read(&mut heard).await?; // OpenSecureChannel
    }
    match how {
        Greeting::Hangup => return Ok(()),
        Greeting::Silence => {}
        Greeting::Noise | Greeting::LateNoise => {
            let noise: Vec<u8> = (0..65_536).map(|_| fastrand::u8(..)).collect();
            stream.write_all(&noise).await?;
        }
        Greeting::HugeAcknowledge => {
            stream.write_all(&message(b"ACKF", u32::MAX, &[])).await?;
            flood(&mut stream).await?;
        }
        Greeting::EmptyAcknowledge => stream.write_all(&message(b"ACKF", 0, &[0; 5])).await?,
        Greeting::NoRoom => stream.write_all(&message(b"ACKF", 28, &[0; 5])).await?,
        Greeting::LongError => {
            let error = message(b"ERRF", 16, &[0x8080_0000, u32::MAX >> 1]);
            stream.write_all(&error).await?;
        }
        Greeting::LateFlood => {
            stream.write_all(&message(b"OPNF", u32::MAX, &[1])).await?;
            flood(&mut stream).await?;
        }
        Greeting::LateHalf => stream.write_all(&message(b"OPNF", 132, &[1, 2, 3])).await?,
        Greeting::LateEmpty => stream.write_all(&message(b"OPNF", 8, &[0; 2])).await?,
    }
    while stream.read(&mut heard).await? > 0 {}
    Ok(())
}

/// Not a server at all.
pub(crate) struct Rogue {
    pub(crate) port: u16,
    calls: Arc<AtomicUsize>,
}

impl Rogue {
    pub(crate) async fn start(how: Greeting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(greet(stream, how));
            }
        });
        Self { port, calls }
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// The type of an answer and what is behind its header.
type MakeBody = fn() -> (u16, Vec<u8>);

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// Its chunk claims 4 GiB, and brings what fits of them.
    HugeChunk,
    /// Its chunk claims this many bytes and has as many as ever.
    Size(u32),
    /// It ends in the middle; nothing comes after it.
    Half,
    /// It ends in the middle, and so does the connection.
    Torn,
    /// It is of a kind that does not exist.
    UnknownKind,
    /// It is never finished: intermediate chunks without end.
    NeverFinal,
    /// Its bytes from this offset on are all different.
    Flipped(usize),
    /// Its body is another one.
    Body(MakeBody),
    /// It answers with this type and nothing behind the header.
    Kind(u16),
    /// A diagnostic in a diagnostic in a diagnostic, in its header.
    Diagnostics,
}

/// Encoding ids of the answers used here (OPC 10000-6, A.3).
const READ_RESPONSE: u16 = 634;
const PUBLISH_RESPONSE: u16 = 829;
const SERVICE_FAULT: u16 = 397;

fn counted(count: i32) -> Vec<u8> {
    count.to_le_bytes().to_vec()
}

/// One value of a read, whose variant is this.
fn value(variant: &[u8]) -> (u16, Vec<u8>) {
    let mut body = counted(1);
    body.push(1); // a value and nothing else
    body.extend(variant);
    (READ_RESPONSE, body)
}

fn many_values() -> (u16, Vec<u8>) {
    (READ_RESPONSE, counted(i32::MAX))
}

fn fewer_than_none() -> (u16, Vec<u8>) {
    (READ_RESPONSE, counted(-5))
}

fn variant_in_variant() -> (u16, Vec<u8>) {
    value(&[0x18; 60_000])
}

fn array_in_array() -> (u16, Vec<u8>) {
    value(&[0x98, 1, 0, 0, 0].repeat(12_000))
}

fn value_in_value() -> (u16, Vec<u8>) {
    value(&[0x17, 1].repeat(30_000))
}

fn many_empty_variants() -> (u16, Vec<u8>) {
    let mut variant = vec![0x98];
    variant.extend(60_000_i32.to_le_bytes());
    variant.resize(60_005, 0);
    value(&variant)
}

fn long_text() -> (u16, Vec<u8>) {
    value(&[0x0c, 0xff, 0xff, 0xff, 0x7f])
}

fn long_bytes() -> (u16, Vec<u8>) {
    value(&[0x0f, 0xff, 0xff, 0xff, 0x7f])
}

/// An array of 32-bit numbers without one, and dimensions whose product
/// overflows.
fn vast_dimensions() -> (u16, Vec<u8>) {
    let mut variant = vec![0xc6];
    variant.extend(0_i32.to_le_bytes());
    variant.extend(3_i32.to_le_bytes());
    variant.extend([i32::MAX; 3].iter().flat_map(|side| side.to_le_bytes()));
    value(&variant)
}

/// A structure that claims to be longer than anything.
fn long_structure() -> (u16, Vec<u8>) {
    value(&[0x16, 1, 0, 0x2b, 3, 1, 0xff, 0xff, 0xff, 0x7f])
}

/// A DataChangeNotification that claims 4 bytes and says 2^31 - 1 items in them.
fn many_items() -> (u16, Vec<u8>) {
    let mut body = 1_u32.to_le_bytes().to_vec(); // subscription
    body.extend(counted(0)); // available sequence numbers
    body.push(0); // no more notifications
    body.extend(1_u32.to_le_bytes()); // sequence number
    body.extend([0; 8]); // published at
    body.extend(counted(1)); // notifications
    body.extend([1, 0, 0x2b, 3, 1]); // DataChangeNotification, as bytes
    body.extend(counted(4));
    body.extend(counted(i32::MAX));
    body.extend([0; 64]);
    (PUBLISH_RESPONSE, body)
}

fn many_sequence_numbers() -> (u16, Vec<u8>) {
    let mut body = 1_u32.to_le_bytes().to_vec();
    body.extend(counted(i32::MAX));
    (PUBLISH_RESPONSE, body)
}

pub(crate) fn lies() -> Vec<Lie> {
    let bodies: [MakeBody; 13] = [
        many_values,
        fewer_than_none,
        variant_in_variant,
        array_in_array,
        value_in_value,
        many_empty_variants,
        long_text,
        long_bytes,
        vast_dimensions,
        long_structure,
        many_items,
        many_sequence_numbers,
        || (READ_RESPONSE, Vec::new()),
    ];
    let mut lies = vec![
        Lie::HugeChunk,
        Lie::Half,
        Lie::Torn,
        Lie::UnknownKind,
        Lie::NeverFinal,
        Lie::Diagnostics,
        Lie::Kind(SERVICE_FAULT),
        Lie::Kind(1), // no such answer
    ];
    lies.extend([0, 7, 8, 11, 12, 23, 65_537].map(Lie::Size));
    // Channel, token, sequence number, request, type of the body, its header.
    lies.extend([8, 12, 16, 20, 24, 28].map(Lie::Flipped));
    lies.extend(bodies.map(Lie::Body));
    lies
}

/// Where the type of the body and its header are in a chunk, and where the
/// header's diagnostics (OPC 10000-6, 6.7.2; 10000-4, 7.33).
const TYPE: usize = 24;
const DIAGNOSTICS: usize = TYPE + 4 + 8 + 4 + 4;
const BODY: usize = DIAGNOSTICS + 1 + 4 + 3;

async fn tell(client: &mut OwnedWriteHalf, lie: Lie, chunk: &[u8]) -> std::io::Result<()> {
    let sized = |mut chunk: Vec<u8>| {
        let size = u32::try_from(chunk.len()).unwrap();
        chunk[4..8].copy_from_slice(&size.to_le_bytes());
        chunk
    };
    let typed = |kind: u16, body: &[u8]| {
        let mut chunk = chunk[..BODY.min(chunk.len())].to_vec();
        chunk[TYPE..TYPE + 2].copy_from_slice(&[1, 0]);
        chunk[TYPE + 2..TYPE + 4].copy_from_slice(&kind.to_le_bytes());
        chunk.extend(body);
        sized(chunk)
    };
    let mut told = chunk.to_vec();
    match lie {
        Lie::HugeChunk => {
            told[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
            client.write_all(&told).await?;
            return flood(client).await;
        }
        Lie::Size(size) => told[4..8].copy_from_slice(&size.to_le_bytes()),
        Lie::Half | Lie::Torn => {
            client.write_all(&told[..told.len() / 2]).await?;
            if matches!(lie, Lie::Torn) {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            return std::future::pending().await;
        }
        Lie::UnknownKind => told[..4].copy_from_slice(b"XYZF"),
        Lie::NeverFinal => {
            told[3] = b'C';
            told.resize(65_000, 0);
            let mut told = sized(told);
            let first = u32::from_le_bytes(told[16..20].try_into().unwrap());
            for sequence in (first..).take(FLOOD / told.len()) {
                told[16..20].copy_from_slice(&sequence.to_le_bytes());
                client.write_all(&told).await?;
            }
            return std::future::pending().await;
        }
        Lie::Flipped(from) => told[from..].iter_mut().for_each(|byte| *byte ^= 0xa5),
        Lie::Body(body) => {
            let (kind, body) = body();
            told = typed(kind, &body);
        }
        Lie::Kind(kind) => told = typed(kind, &[]),
        Lie::Diagnostics => {
            told.truncate(DIAGNOSTICS);
            told.resize(DIAGNOSTICS + 60_000, 0x40);
            told = sized(told);
        }
    }
    client.write_all(&told).await
}

/// An honest server behind one that lies while it is armed.
pub(crate) struct Liar {
    pub(crate) lie: Lie,
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
}

impl Liar {
    pub(crate) async fn before(server: u16, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (armed, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, counted) = (Arc::clone(&armed), Arc::clone(&calls));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    tokio::spawn(carry(client, server, lie, Arc::clone(&told)));
                }
            }
        });
        Self { lie, port, armed, calls }
    }

    /// From now on it lies, or no longer.
    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::Relaxed);
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

async fn carry(client: TcpStream, server: TcpStream, lie: Lie, armed: Arc<AtomicBool>) {
    let (mut server_in, mut server_out) = server.into_split();
    let (mut client_in, client_out) = client.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut client_in, &mut server_out) => {}
        _ = answer(&mut server_in, client_out, lie, armed) => {}
    }
}

async fn answer(
    server: &mut OwnedReadHalf,
    mut client: OwnedWriteHalf,
    lie: Lie,
    armed: Arc<AtomicBool>,
) -> std::io::Result<()> {
    loop {
        let mut chunk = vec![0; 8];
        server.read_exact(&mut chunk).await?;
        let size = u32::from_le_bytes(chunk[4..8].try_into().unwrap());
        chunk.resize(usize::try_from(size).unwrap(), 0);
        server.read_exact(&mut chunk[8..]).await?;
        if chunk.starts_with(b"MSG") && armed.load(Ordering::Relaxed) {
            tell(&mut client, lie, &chunk).await?;
        } else {
            client.write_all(&chunk).await?;
        }
    }
}
