//! What ends a request, and with it the connection.

use opcua::types::{Error, StatusCode};

/// Why something was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody is there, or it does not speak OPC UA.
    #[error("no server answers: {0}")]
    Absent(String),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(String),
    /// No answer in time.
    #[error("no answer in time")]
    Silent,
    /// The server answered that it can't or won't.
    #[error("the server says {0}")]
    Service(StatusCode),
    /// The server answered something else.
    #[error("the server's answer to {0} makes no sense")]
    Nonsense(&'static str),
    /// Trying again won't help until somebody changes something.
    #[error("{0}")]
    Refused(String),
    /// A subscription stayed silent even when made anew.
    #[error("the session is alive and its subscription says nothing")]
    Mute,
    /// This server is not well and another one is better.
    #[error("another server is healthier")]
    Better,
    /// The server numbered its namespaces anew.
    #[error("the server changed its namespaces")]
    Renumbered,
}

impl Fault {
    /// The same while the connection was being opened: the server is away.
    pub(crate) fn absent(self) -> Self {
        match self {
            Self::Refused(reason) => Self::Refused(reason),
            Self::Service(code) => Self::Absent(code.to_string()),
            other => Self::Absent(other.to_string()),
        }
    }

    /// Whether the server could not even be reached: its session, if it had
    /// one, may still be there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// The service result, if this is one.
    pub(crate) fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Service(code) => Some(*code),
            _ => None,
        }
    }
}

/// The library reports a Bad service result and a broken connection alike.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = error.status();
        match code {
            StatusCode::BadConnectionClosed
            | StatusCode::BadCommunicationError
            | StatusCode::BadNotConnected
            | StatusCode::BadTcpInternalError => Self::Lost(error.to_string()),
            // Ours: what a server says comes as a service fault.
            StatusCode::BadTimeout => Self::Silent,
            _ => Self::Service(code),
        }
    }
}
