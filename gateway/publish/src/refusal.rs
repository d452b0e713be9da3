//! A refusal: why a broker did not take a message, and what to do about it.

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this user may not publish there; change the access rules of the broker")]
    NotAuthorised,
    #[error("a quota of the broker is used up; raise it, or wait")]
    Quota,
    #[error("the broker does not accept the topic; change `topic`")]
    Topic,
    #[error("the broker does not accept the content")]
    Payload,
    #[error("the broker does not say why; its log may")]
    Unexplained,
    #[error("{bytes} bytes are more than the {limit} the broker takes in one packet")]
    TooLarge { bytes: usize, limit: usize },
}

/// What a refusal hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Rules and quotas: somebody changes them, and the same message passes.
    Account,
    /// This message: another one may pass.
    Message,
    /// This message, and the same broker will never take it.
    Hopeless,
}

impl Refusal {
    pub(crate) const fn fault(self) -> Fault {
        match self {
            Self::NotAuthorised | Self::Quota | Self::Topic => Fault::Account,
            Self::Payload | Self::Unexplained => Fault::Message,
            Self::TooLarge { .. } => Fault::Hopeless,
        }
    }
}
