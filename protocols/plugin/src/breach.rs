//! A breach: the other side said what it may not say, and the conversation is over.

/// What was said against the rules. Always the other side's defect.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Breach {
    /// A frame longer than [`MAX_FRAME`](crate::MAX_FRAME) was announced.
    #[error("a frame of {length} bytes was announced; at most {most} are allowed")]
    TooLong {
        /// What was announced.
        length: u64,
        /// What is allowed.
        most: usize,
    },
    /// The bytes are no frame or no message.
    #[error("the bytes are no message: {reason}")]
    Garbage {
        /// What the decoder said.
        reason: String,
    },
    /// A message without content, or of a kind from the future.
    #[error("an empty message, or one of a later version")]
    Empty,
    /// A message that may not come now.
    #[error("{message} came {when}")]
    OutOfTurn {
        /// Which message.
        message: &'static str,
        /// In which state.
        when: &'static str,
    },
    /// The other side speaks something else.
    #[error("it does not say `forehearth.plugin` but `{magic}`")]
    NotAPlugin {
        /// What it said.
        magic: String,
    },
    /// No common version.
    #[error("it speaks versions {min} to {max}, this side {ours}")]
    NoCommonVersion {
        /// Lowest.
        min: u32,
        /// Highest.
        max: u32,
        /// Ours.
        ours: u32,
    },
    /// Batches are numbered without holes.
    #[error("batch {got} came where {expected} is due")]
    Sequence {
        /// Which came.
        got: u64,
        /// Which was due.
        expected: u64,
    },
    /// More readings than there was credit for.
    #[error("{readings} readings were sent with credit for {credit}")]
    Overdrawn {
        /// Sent.
        readings: u64,
        /// What was left.
        credit: u64,
    },
    /// The answer to a poll nobody made, or to one that is over.
    #[error("a batch answers poll {got}, asked was {asked}")]
    StrayAnswer {
        /// Which it names.
        got: u64,
        /// The last that was asked; 0: none.
        asked: u64,
    },
    /// Columns that don't fit together.
    #[error("a section has {tags} tags and {column} {what}")]
    Ragged {
        /// How many tags.
        tags: usize,
        /// How long the other column is.
        column: usize,
        /// Which.
        what: &'static str,
    },
    /// More than one column of values.
    #[error("a section has values of several types")]
    MixedTypes,
    /// No values, and not every quality is Bad.
    #[error("a section has readings without values that are not Bad")]
    NoValues,
    /// A quality no version has.
    #[error("quality {code} is unknown")]
    UnknownQuality {
        /// As sent.
        code: u32,
    },
    /// Something it said it can't do.
    #[error("{message} without the capability for it")]
    NotCapable {
        /// What was tried.
        message: &'static str,
    },
    /// An acknowledgement of what was never sent.
    #[error("batch {got} is acknowledged, {sent} were sent")]
    AckBeyond {
        /// Which is named.
        got: u64,
        /// Highest sent.
        sent: u64,
    },
}
