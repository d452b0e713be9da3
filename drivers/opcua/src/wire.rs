//! The TCP stream below a connection: it ends at a chunk larger than agreed, or too deep.
//!
//! The library collects a chunk of any size its header claims, up to 4 GiB
//! (docs/library-notes.md). So the stream is measured before the library sees
//! it: [`Ruler`] is the core, [`Measured`] the reader around it, [`Calling`]
//! and [`Called`] make the connections that are read through it. What a chunk
//! holds is looked at by `depth`.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use opcua::client::transport::{
    Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector, StreamTransport,
    TransportConfiguration, wait_for_reverse_hello,
};
use opcua::core::comms::tcp_codec::TcpCodec;
use opcua::core::comms::url::hostname_port_from_url;
use opcua::types::{DecodingOptions, EndpointDescription, Error, StatusCode};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::FramedRead;

use crate::depth::Sounder;

/// Largest chunk, in bytes: 64 KiB, the usual default of servers. They learn
/// it from our Hello and must keep to it (OPC 10000-6, 7.1.2.3).
pub(crate) const CHUNK: usize = 65_536;

/// Type, final flag and size (OPC 10000-6, 7.1.2.2).
const HEADER: usize = 8;

/// Where in a chunk the stream stands.
#[derive(Default, Debug)]
struct Ruler {
    header: [u8; HEADER],
    /// How much of the header is there.
    seen: usize,
    /// What of the chunk is still to come.
    left: usize,
}

impl Ruler {
    /// How much of the stream belongs together from here on.
    fn wanted(&self) -> usize {
        if self.left > 0 { self.left } else { HEADER - self.seen }
    }

    /// Whether one chunk is over and the next has not begun.
    fn is_between(&self) -> bool {
        self.left == 0 && self.seen == 0
    }

    /// Measures what came; the size of a chunk that none may have is the error.
    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), u32> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (HEADER - self.seen).min(bytes.len());
            self.header[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
            self.seen += taken;
            bytes = &bytes[taken..];
            if self.seen == HEADER {
                let [.., a, b, c, d] = self.header;
                let size = u32::from_le_bytes([a, b, c, d]);
                let whole = usize::try_from(size).unwrap_or(usize::MAX);
                if !(HEADER..=CHUNK).contains(&whole) {
                    return Err(size);
                }
                (self.seen, self.left) = (0, whole - HEADER);
            }
        }
        Ok(())
    }
}

/// A stream that is measured, and whose messages are [sounded](Sounder), as it
/// is read.
pub(crate) struct Measured<R> {
    inner: BufReader<R>,
    ruler: Ruler,
    /// What was handed on of the chunk that is being read.
    chunk: BytesMut,
    sounder: Sounder,
}

impl<R: AsyncRead + Unpin> AsyncRead for Measured<R> {
    /// Hands on one chunk's bytes at most: the next is looked at when this one
    /// has been understood, with the keys that it may have brought.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, ruler, chunk, sounder } = self.get_mut();
        let there = ready!(Pin::new(&mut *inner).poll_fill_buf(context))?;
        let taken = ruler.wanted().min(there.len()).min(buffer.remaining());
        let bytes = &there[..taken];
        ruler.pass(bytes).map_err(|size| {
            io::Error::other(format!("a chunk of {size} bytes; {HEADER} to {CHUNK} are agreed"))
        })?;
        chunk.extend_from_slice(bytes);
        if ruler.is_between() && !chunk.is_empty() {
            sounder.sound(chunk.split().freeze()).map_err(io::Error::other)?;
        }
        buffer.put_slice(bytes);
        Pin::new(inner).consume(taken);
        Poll::Ready(Ok(()))
    }
}

type Reader = Measured<ReadHalf<TcpStream>>;
type Connection = StreamConnection<Reader, WriteHalf<TcpStream>>;
/// What requests and answers travel through.
pub(crate) type Wire = StreamTransport<Reader, WriteHalf<TcpStream>>;

fn framed(
    stream: TcpStream,
    channel: Arc<SecureChannelState>,
    decoding: DecodingOptions,
) -> (FramedRead<Reader, TcpCodec>, WriteHalf<TcpStream>) {
    let (inner, writer) = tokio::io::split(stream);
    let reader = Measured {
        inner: BufReader::with_capacity(CHUNK, inner),
        ruler: Ruler::default(),
        chunk: BytesMut::new(),
        sounder: Sounder::new(channel),
    };
    (FramedRead::new(reader, TcpCodec::new(decoding)), writer)
}

fn unreachable(reason: &io::Error) -> Error {
    Error::new(StatusCode::BadCommunicationError, reason.to_string())
}

/// We call the server at this URL.
pub(crate) struct Calling {
    pub(crate) url: String,
}

async fn call(
    url: String,
    channel: Arc<SecureChannelState>,
    decoding: DecodingOptions,
) -> Result<Connection, Error> {
    let port = opcua::core::constants::DEFAULT_OPC_UA_SERVER_PORT;
    let (host, port) = hostname_port_from_url(&url, port)
        .map_err(|code| Error::new(code, format!("{url} names no host and port")))?;
    let stream = TcpStream::connect(format!("{host}:{port}")).await;
    let (reader, writer) =
        framed(stream.map_err(|reason| unreachable(&reason))?, channel, decoding);
    Ok(StreamConnection::new(reader, writer, url))
}

impl Connector for Calling {
    type Transport = Wire;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<Wire, Error> {
        let sounded = Arc::clone(&channel);
        let call = move |url, decoding| call(url, Arc::clone(&sounded), decoding);
        StreamConnector::new(call, self.url.clone()).connect(channel, outgoing, config).await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        EndpointDescription::from(self.url.as_str())
    }
}

/// The server calls us, here, and says that it has the endpoint.
pub(crate) struct Called {
    pub(crate) listen: SocketAddr,
    pub(crate) endpoint: EndpointDescription,
}

async fn wait(
    listen: SocketAddr,
    expected: String,
    channel: Arc<SecureChannelState>,
    decoding: DecodingOptions,
) -> Result<Connection, Error> {
    let listener = TcpListener::bind(listen).await.map_err(|reason| unreachable(&reason))?;
    let (stream, _) = listener.accept().await.map_err(|reason| unreachable(&reason))?;
    let (mut reader, writer) = framed(stream, channel, decoding);
    let hello = wait_for_reverse_hello(&mut reader).await?;
    let said = hello.endpoint_url.to_string();
    if said.trim_end_matches('/') != expected.trim_end_matches('/') {
        let reason = format!("{said} called; {expected} is expected");
        return Err(Error::new(StatusCode::BadTcpEndpointUrlInvalid, reason));
    }
    Ok(StreamConnection::new(reader, writer, said))
}

impl Connector for Called {
    type Transport = Wire;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<Wire, Error> {
        let listen = self.listen;
        let sounded = Arc::clone(&channel);
        let wait = move |expected, decoding| wait(listen, expected, Arc::clone(&sounded), decoding);
        let url = self.endpoint.endpoint_url.to_string();
        StreamConnector::new(wait, url).connect(channel, outgoing, config).await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        self.endpoint.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Ruler};

    fn chunk(size: u32, sent: usize) -> Vec<u8> {
        let mut bytes = b"MSGF".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.resize(sent, 0xff);
        bytes
    }

    #[test]
    fn chunks_pass_however_they_are_cut() {
        let stream: Vec<u8> =
            [8, 9, 300, CHUNK].iter().flat_map(|n| chunk(u32::try_from(*n).unwrap(), *n)).collect();
        for piece in [1, 3, 7, 8, 64, stream.len()] {
            let mut ruler = Ruler::default();
            for bytes in stream.chunks(piece) {
                assert_eq!(ruler.pass(bytes), Ok(()), "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_chunk_smaller_than_its_header_or_larger_than_agreed_is_refused_at_its_header() {
        for size in [0, 7, 65_537, u32::MAX] {
            let mut ruler = Ruler::default();
            assert_eq!(ruler.pass(&chunk(100, 100)), Ok(()));
            assert_eq!(ruler.pass(&chunk(size, 8)), Err(size));
        }
    }
}
