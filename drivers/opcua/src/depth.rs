//! How deep a message nests: read once for that alone, before the library does.
//!
//! The library follows a diagnostic inside a diagnostic, and a value inside a
//! value, as deep as the server likes (docs/library-notes.md). A few kilobytes
//! of that overflow the stack, and that ends the gateway, not the connection.
//! No hook is there to count; but what a message is read from is ours to
//! choose. So each is read here first from a [`Shallow`] source, which gives
//! no more bytes to a reader that stands too deep in its stack.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use opcua::client::transport::SecureChannelState;
use opcua::core::comms::message_chunk::MessageIsFinalType;
use opcua::core::comms::secure_channel::SecureChannel;
use opcua::core::{Message as _, ResponseMessage};
use opcua::types::{BinaryDecodable as _, Error, NodeId};

use crate::session::LARGEST_MESSAGE;

/// How much stack reading a message may take. Chosen: an eighth of the 2 MiB
/// that a worker thread has; honest messages take a tenth of it.
const DEEPEST: usize = 256 << 10;

/// Bytes for a reader that stays near the top of its stack.
struct Shallow<'a> {
    bytes: &'a [u8],
    top: usize,
}

/// Where the stack stands.
#[inline(never)]
fn here() -> usize {
    let mark = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&mark)).addr()
}

impl<'a> Shallow<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, top: here() }
    }
}

impl Read for Shallow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.top.abs_diff(here()) > DEEPEST {
            return Err(io::Error::other("it nests too deep"));
        }
        self.bytes.read(buffer)
    }
}

/// Why a chunk goes no further, nor its connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsound {
    /// The library can't read it either, or nobody should.
    #[error("an answer can't be read: {0}")]
    Unreadable(#[from] Error),
    /// More than one answer may have.
    #[error("unfinished answers hold more than {LARGEST_MESSAGE} bytes")]
    Endless,
    /// What follows an answer in its last chunk would be read by nobody, or,
    /// if its first chunks are not taken, as the answer.
    #[error("an answer is longer than itself")]
    Trailing,
}

/// Looks at every message of a connection before the library does.
pub(crate) struct Sounder {
    channel: Arc<SecureChannelState>,
    /// Of answers that are not complete yet, by the request they answer.
    parts: HashMap<u32, Vec<Bytes>>,
    /// How much all of them hold.
    held: usize,
}

impl Sounder {
    pub(crate) fn new(channel: Arc<SecureChannelState>) -> Self {
        Self { channel, parts: HashMap::new(), held: 0 }
    }

    fn take(&mut self, request: u32) -> Option<Vec<Bytes>> {
        let parts = self.parts.remove(&request)?;
        self.held -= parts.iter().map(Bytes::len).sum::<usize>();
        Some(parts)
    }

    /// Takes one whole chunk, as it came.
    pub(crate) fn sound(&mut self, chunk: Bytes) -> Result<(), Unsound> {
        if !(chunk.starts_with(b"MSG") || chunk.starts_with(b"OPN")) {
            return Ok(()); // nothing in it can nest
        }
        let channel = Arc::clone(&self.channel);
        let channel = channel.secure_channel().read();
        let plain = channel.verify_and_remove_security(chunk)?;
        let info = plain.chunk_info(&channel)?;
        let body = info.body_offset..info.body_offset + info.body_length;
        if body.end > plain.data.len() {
            return Err(Error::decoding("a body longer than its chunk").into());
        }
        let body = plain.data.slice(body);
        let request = info.sequence_header.request_id;
        match info.message_header.is_final {
            MessageIsFinalType::Intermediate => {
                self.held += body.len();
                if self.held > LARGEST_MESSAGE {
                    return Err(Unsound::Endless);
                }
                self.parts.entry(request).or_default().push(body);
            }
            MessageIsFinalType::FinalError => {
                self.take(request);
            }
            MessageIsFinalType::Final => match self.take(request) {
                None => {
                    read(&channel, &body)?;
                }
                Some(mut parts) => {
                    parts.push(body);
                    if read(&channel, &parts.concat())? > 0 {
                        return Err(Unsound::Trailing);
                    }
                }
            },
        }
        Ok(())
    }
}

/// Reads a message for its depth alone; how many bytes it leaves.
fn read(channel: &SecureChannel, message: &[u8]) -> Result<usize, Error> {
    let mut source = Shallow::new(message);
    let context = channel.context();
    let context = context.context();
    let id = NodeId::decode(&mut source, &context)?;
    let id = id.as_object_id().map_err(|_| Error::decoding("no type of a message"))?;
    ResponseMessage::decode_by_object_id(&mut source, id, &context)?;
    Ok(source.bytes.len())
}
