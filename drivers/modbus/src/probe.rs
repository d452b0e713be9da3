//! Looking at a device without a map: read some points once, find who is there, find the registers of a unit.
//!
//! For the panel and the command line. Nothing is ever asked for that is not
//! a read, and one question is under way at a time. Unlike a driver, which
//! says of each tag how good it is, a look says of each request what the
//! device answered, in words.

mod failure;
mod identity;
mod link;
mod search;

use forehearth_modbus::{
    Exception, Limits, Point, Question, ReadPlan, ReadRequest, ResponseError, Table,
};
use forehearth_model::{GroupId, TagId, Value};

use crate::{BusSettings, SetupError, TcpSettings};

pub use failure::{Failure, Why};
pub use identity::{Identity, identify};
pub use link::{Heard, Looking};
pub use search::{RegisterSearch, SearchStep};

/// A link to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Modbus TCP.
    Tcp(TcpSettings),
    /// A serial line, also behind a serial server.
    Bus(BusSettings),
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// What was asked for cannot be read.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The link.
    #[error(transparent)]
    Link(#[from] forehearth_driver::LinkError),
}

/// Reads `points` of `unit` once, neighbours in one request: for each, in
/// their order, its value or what the device said instead. Requests that are
/// refused are halved, so that one wrong address costs its neighbours nothing.
///
/// # Errors
/// When a point cannot be read at all, or the link is lost.
pub async fn read(
    link: &mut Looking,
    unit: u8,
    points: &[Point],
) -> Result<Vec<Result<Value, Failure>>, ProbeError> {
    let tags: Vec<(TagId, Point)> = (0..).map(TagId).zip(points.iter().copied()).collect();
    let refused = |error| SetupError::Tag { group: GroupId(0), error };
    let mut plan = ReadPlan::new(&tags, link.limits()).map_err(refused)?;
    let mut results: Vec<Option<Result<Value, Failure>>> = vec![None; points.len()];
    let mut place = 0;
    while let Some(span) = plan.spans().get(place).cloned() {
        let request = span.request();
        let why = match link.ask(unit, Question::Read(request)).await? {
            Heard::Answer(pdu) => {
                let mut samples = Vec::with_capacity(span.tags());
                match plan.decode(&span, &pdu, &mut samples) {
                    Ok(()) => {
                        for sample in samples {
                            results[sample.tag.index()] = Some(Ok(sample.value));
                        }
                        place += 1;
                        continue;
                    }
                    Err(error) => Why::Refused(error),
                }
            }
            Heard::Silence => Why::Silence,
            Heard::Damaged => Why::Damaged,
        };
        if may_halve(&why) && plan.bisect(place).is_some() {
            continue;
        }
        for tag in plan.tags(&span) {
            results[tag.index()] = Some(Err(Failure { unit, request, why }));
        }
        place += 1;
    }
    Ok(results.into_iter().flatten().collect())
}

const fn may_halve(why: &Why) -> bool {
    matches!(why, Why::Refused(ResponseError::Exception(code)) if code.refuses_addresses())
}

/// Whether `unit` is there: it answers with data or with a refusal of its
/// own when asked for one holding register.
///
/// # Errors
/// When the link is lost.
pub async fn is_there(link: &mut Looking, unit: u8) -> Result<bool, ProbeError> {
    let Some(request) = ReadRequest::new(Table::HoldingRegisters, 0, 1) else {
        return Ok(false);
    };
    Ok(match link.ask(unit, Question::Read(request)).await? {
        Heard::Answer(pdu) => match request.check(&pdu) {
            // A gateway that answers in place of a unit says that it is not there.
            Err(ResponseError::Exception(
                Exception::GatewayPathUnavailable | Exception::GatewayTargetFailedToRespond,
            )) => false,
            Err(ResponseError::Exception(_)) => true,
            Ok(_) => true,
            Err(_) => false,
        },
        Heard::Silence | Heard::Damaged => false,
    })
}

impl Target {
    fn limits(&self) -> Limits {
        match self {
            Self::Tcp(settings) => settings.limits(),
            Self::Bus(settings) => Limits {
                max_words: settings.max_words,
                max_bits: settings.max_bits,
                ..Limits::default()
            },
        }
    }
}
