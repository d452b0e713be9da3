//! What a poller holds its link with: a driver that reads, or one that writes as well.

use forehearth_driver::{
    BoxFuture, Driver, LinkError, OrderDesk, WriteError, WriteOrder, WritingDriver,
};
use forehearth_model::{GroupId, Scan};
use tokio::sync::mpsc;

use crate::orders::{OrderQueue, Slip};

/// A read-only link has no queue for orders and a driver that can't write.
pub(crate) enum Hands {
    /// Nothing can be written.
    Reading(Box<dyn Driver>),
    /// Orders are carried out between requests.
    Writing(Box<dyn WritingDriver>, OrderQueue),
}

impl Hands {
    pub(crate) const fn writing(
        driver: Box<dyn WritingDriver>,
        queue: mpsc::Receiver<Slip>,
    ) -> Self {
        Self::Writing(driver, OrderQueue::new(queue))
    }

    pub(crate) fn driver(&self) -> &dyn Driver {
        match self {
            Self::Reading(driver) => driver.as_ref(),
            Self::Writing(driver, _) => driver.as_ref(),
        }
    }

    /// The driver, and the orders that must be answered while it is busy.
    pub(crate) fn split(&mut self) -> (&mut dyn Driver, Refusing<'_>) {
        match self {
            Self::Reading(driver) => (driver.as_mut(), Refusing(None)),
            Self::Writing(driver, orders) => (driver.as_mut(), Refusing(Some(orders))),
        }
    }

    pub(crate) fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        match self {
            Self::Reading(driver) => driver.scan(group, out),
            Self::Writing(driver, orders) => driver.scan_and_write(group, out, orders),
        }
    }

    /// Waits for an order; never ends on a link that can't be written. Cancel safe.
    pub(crate) async fn order(&mut self) -> WriteOrder {
        match self {
            Self::Reading(_) => std::future::pending().await,
            Self::Writing(_, orders) => orders.wait().await,
        }
    }

    /// Carries out an order and whatever waits behind it.
    ///
    /// # Errors
    /// When the link was lost over it; the order has its answer.
    pub(crate) async fn carry_out(&mut self, order: WriteOrder) -> Result<(), LinkError> {
        let Self::Writing(driver, orders) = self else { return Ok(()) };
        let mut next = Some(order);
        while let Some(order) = next {
            let result = driver.write(&order).await;
            let lost = match &result {
                Err(WriteError::Link(LinkError::Lost { peer, reason })) => {
                    Some(LinkError::Lost { peer: peer.clone(), reason: reason.clone() })
                }
                _ => None,
            };
            orders.ended(&order, result);
            if let Some(lost) = lost {
                return Err(lost);
            }
            next = orders.take();
        }
        Ok(())
    }

    /// Tells whoever waits that an order was broken off.
    pub(crate) fn broken_off(&mut self) {
        if let Self::Writing(_, orders) = self {
            orders.broken_off();
        }
    }

    /// Takes no more orders and answers those that wait.
    pub(crate) fn close(&mut self) {
        if let Self::Writing(_, orders) = self {
            orders.close();
        }
    }
}

/// Orders that come while the link is down: each is told so at once.
pub(crate) struct Refusing<'a>(Option<&'a mut OrderQueue>);

impl Refusing<'_> {
    /// Never ends. Cancel safe.
    pub(crate) async fn run(&mut self) {
        match &mut self.0 {
            Some(orders) => orders.refuse("the link is down").await,
            None => std::future::pending().await,
        }
    }
}
