//! Why a command was refused, in words for whoever sent it.

use crate::Misfit;

/// Why a command does not reach the device. Each has a stable code for
/// scripts; nothing was sent to the device.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No such tag, or the map does not allow writing it.
    #[error(
        "this tag cannot be written: its device is read-only, or the map has no `write` for it"
    )]
    NotWritable,
    /// No id, or one that is too long.
    #[error("the command needs an id of 1 to 128 bytes")]
    BadId,
    /// Its time is over.
    #[error("the command expired")]
    Expired,
    /// It would stay valid for longer than a command may.
    #[error("the command is valid for more than {0} s; send one that expires sooner")]
    ExpiresTooLate(u64),
    /// The gateway does not know the time, so it can't judge an expiry.
    #[error("the clock of the gateway is not set, so the expiry cannot be judged")]
    ClockUnset,
    /// It was here before.
    #[error("a command with this id was already received")]
    Repeated,
    /// More commands than can be remembered.
    #[error("too many commands; try again when earlier ones have expired")]
    TooMany,
    /// It does not fit the tag.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Outside of `min` and `max`.
    #[error("{value} is outside of {min} to {max}")]
    OutOfBounds {
        /// What would have been written.
        value: f64,
        /// Lowest.
        min: f64,
        /// Highest.
        max: f64,
    },
    /// Too far from what the tag holds.
    #[error("{value} is {step} away from the present value, more than {max_step}")]
    StepTooWide {
        /// What would have been written.
        value: f64,
        /// How far it is.
        step: f64,
        /// How far it may be.
        max_step: f64,
    },
    /// The step can't be judged.
    #[error("the present value is not known for certain, so the step cannot be judged")]
    PresentUnknown,
    /// Too soon after the last one.
    #[error("written less than {every_ms} ms ago")]
    TooSoon {
        /// Shortest time between two orders.
        every_ms: u64,
    },
    /// The order before it is still on its way.
    #[error("another command for this tag is on its way")]
    Busy,
    /// The condition on other tags does not hold.
    #[error("interlock: {0}")]
    Interlock(String),
    /// The audit could not be written.
    #[error("the audit could not be written, so nothing is sent: {0}")]
    NoAudit(String),
}

impl Refusal {
    /// A word for scripts that never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotWritable => "not-writable",
            Self::BadId => "bad-id",
            Self::Expired => "expired",
            Self::ExpiresTooLate(_) => "expires-too-late",
            Self::ClockUnset => "clock-unset",
            Self::Repeated => "repeated",
            Self::TooMany => "too-many",
            Self::Misfit(_) => "misfit",
            Self::OutOfBounds { .. } => "out-of-bounds",
            Self::StepTooWide { .. } => "step-too-wide",
            Self::PresentUnknown => "present-unknown",
            Self::TooSoon { .. } => "too-soon",
            Self::Busy => "busy",
            Self::Interlock(_) => "interlock",
            Self::NoAudit(_) => "no-audit",
        }
    }
}
