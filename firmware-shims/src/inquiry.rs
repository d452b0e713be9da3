//! An inquiry: the reads that bring a node's description. A core: answers go in, the next read comes out.

use forehearth_modbus::MAX_READ_WORDS;

use crate::description::{Description, DescriptionError, Head};
use crate::register_map::{DESCRIPTION, HEAD_WORDS};

/// The next read, of holding registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// First register.
    pub start: u16,
    /// How many, 1 to 125.
    pub count: u16,
}

/// Reads a description into a buffer. A description that is larger is refused
/// before it is read; 4 KiB hold 100 channels.
#[derive(Debug)]
pub struct Inquiry<'b> {
    buffer: &'b mut [u8],
    head: Option<Head>,
    filled: usize,
}

impl<'b> Inquiry<'b> {
    /// Nothing is known yet.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, head: None, filled: 0 }
    }

    /// What to read next; `None` when all is there.
    #[must_use]
    pub fn next(&self) -> Option<Ask> {
        let Some(head) = self.head else {
            return Some(Ask { start: DESCRIPTION, count: HEAD_WORDS });
        };
        let left = head.length.div_ceil(2) - (self.filled / 2) as u16;
        let start = DESCRIPTION + HEAD_WORDS + (self.filled / 2) as u16;
        (left > 0).then_some(Ask { start, count: left.min(MAX_READ_WORDS) })
    }

    /// The registers that [`next`](Self::next) asked for, as they came.
    ///
    /// # Errors
    /// The device is no node, of another layout, or its description is
    /// larger than the buffer.
    pub fn tell(&mut self, words: &[u8]) -> Result<(), DescriptionError> {
        if self.head.is_none() {
            let head = Head::parse(words)?;
            if usize::from(head.length).next_multiple_of(2) > self.buffer.len()
                || head.length > u16::MAX - DESCRIPTION - HEAD_WORDS
            {
                return Err(DescriptionError::Malformed(0));
            }
            self.head = Some(head);
            return Ok(());
        }
        let end = self.filled + words.len();
        let place = self.buffer.get_mut(self.filled..end);
        place.ok_or(DescriptionError::Malformed(self.filled))?.copy_from_slice(words);
        self.filled = end;
        Ok(())
    }

    /// The description, once all is there.
    ///
    /// # Errors
    /// It is damaged or malformed, or not all of it was read.
    pub fn finish(self) -> Result<Description<'b>, DescriptionError> {
        let head = self.head.ok_or(DescriptionError::NotANode)?;
        let Self { buffer, filled, .. } = self;
        if filled < usize::from(head.length) {
            return Err(DescriptionError::Malformed(filled));
        }
        Description::parse(&buffer[..usize::from(head.length)], head.crc)
    }
}
