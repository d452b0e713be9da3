//! Publish requests under way: each is the server's chance to speak once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use forehearth_driver::BoxFuture;
use opcua::core::ResponseMessage;
use opcua::types::SubscriptionAcknowledgement;

use crate::fault::Fault;

/// Most publish requests at once, whatever the number of subscriptions.
/// Chosen: more than servers queue is refused and costs a round trip.
pub(crate) const MOST_PUBLISHES: usize = 20;

/// Publish requests that wait at the server, oldest first.
pub(crate) struct Flight {
    pub(crate) waiting: VecDeque<Waiting>,
    /// Grows with each subscription made: an answer to an older request says
    /// nothing of it.
    pub(crate) generation: u64,
    pub(crate) most: usize,
    pub(crate) refusals: u32,
}

pub(crate) struct Waiting {
    pub(crate) generation: u64,
    pub(crate) acks: Vec<SubscriptionAcknowledgement>,
    pub(crate) answer: BoxFuture<'static, Result<ResponseMessage, Fault>>,
}

pub(crate) struct Answer {
    pub(crate) generation: u64,
    pub(crate) acks: Vec<SubscriptionAcknowledgement>,
    pub(crate) result: Result<ResponseMessage, Fault>,
}

impl Default for Flight {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), generation: 0, most: MOST_PUBLISHES, refusals: 0 }
    }
}

impl Flight {
    /// The oldest answer that is there. Answers may overtake each other only
    /// between two looks; the sequence numbers tell then.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Answer {
        poll_fn(|context| {
            for place in 0..self.waiting.len() {
                if let Poll::Ready(result) = self.waiting[place].answer.as_mut().poll(context)
                    && let Some(Waiting { generation, acks, .. }) = self.waiting.remove(place)
                {
                    return Poll::Ready(Answer { generation, acks, result });
                }
            }
            Poll::Pending
        })
        .await
    }
}
