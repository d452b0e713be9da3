//! Orders for one link: what waits to be written, and the answer to each.
//!
//! Only a link that may be written to has such a queue at all.

use std::time::Instant;

use forehearth_driver::{OrderDesk, WriteError, WriteOrder};
use forehearth_model::Value;
use tokio::sync::{mpsc, oneshot};

use crate::poller::now;

/// Orders that wait for one link. Chosen: an operator's hands; more at once is
/// a mistake, and whoever sends one finds the queue full.
pub const WAITING: usize = 8;

/// One order and where its answer goes.
#[derive(Debug)]
pub struct Slip {
    /// What to write.
    pub order: WriteOrder,
    /// It is never sent after that.
    pub until: Instant,
    /// Gets exactly one answer, whatever happens.
    pub reply: oneshot::Sender<Result<Value, WriteError>>,
}

/// The poller's end of the queue.
pub(crate) struct OrderQueue {
    queue: mpsc::Receiver<Slip>,
    /// Given to the driver and not answered yet.
    open: Option<oneshot::Sender<Result<Value, WriteError>>>,
}

impl OrderQueue {
    pub(crate) const fn new(queue: mpsc::Receiver<Slip>) -> Self {
        Self { queue, open: None }
    }

    /// Waits for an order that may still be sent; never ends when nobody can
    /// send any more. Cancel safe.
    pub(crate) async fn wait(&mut self) -> WriteOrder {
        while let Some(slip) = self.queue.recv().await {
            if let Some(order) = self.admit(slip) {
                return order;
            }
        }
        std::future::pending().await
    }

    /// Answers whatever comes that it was not sent. Never ends. Cancel safe.
    pub(crate) async fn refuse(&mut self, reason: &str) {
        while let Some(slip) = self.queue.recv().await {
            let _ = slip.reply.send(Err(not_sent(reason)));
        }
        std::future::pending().await
    }

    /// What was given to the driver and never answered may have been sent.
    pub(crate) fn broken_off(&mut self) {
        if let Some(reply) = self.open.take() {
            let reason = "the write was broken off".to_owned();
            let _ = reply.send(Err(WriteError::Unknown { reason }));
        }
    }

    /// Answers everything that waits, and takes no more.
    pub(crate) fn close(&mut self) {
        self.broken_off();
        self.queue.close();
        while let Ok(slip) = self.queue.try_recv() {
            let _ = slip.reply.send(Err(not_sent("the link is closed")));
        }
    }

    fn admit(&mut self, slip: Slip) -> Option<WriteOrder> {
        if now() >= slip.until {
            let _ = slip.reply.send(Err(not_sent("its time was over before the link was free")));
            return None;
        }
        self.open = Some(slip.reply);
        Some(slip.order)
    }
}

impl OrderDesk for OrderQueue {
    fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    fn take(&mut self) -> Option<WriteOrder> {
        self.broken_off();
        while let Ok(slip) = self.queue.try_recv() {
            if let Some(order) = self.admit(slip) {
                return Some(order);
            }
        }
        None
    }

    fn ended(&mut self, _order: &WriteOrder, end: Result<Value, WriteError>) {
        if let Some(reply) = self.open.take() {
            let _ = reply.send(end);
        }
    }
}

fn not_sent(reason: &str) -> WriteError {
    WriteError::NotSent { reason: reason.to_owned() }
}
