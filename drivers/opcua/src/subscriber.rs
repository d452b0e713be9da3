//! The task of one server that speaks up by itself: subscriptions, doubted.
//!
//! A mode machine: connect, live, down. Connecting first takes up the session
//! that the server may still keep, with everything it kept in it; only when
//! that fails is a new one made, and its predecessor's subscriptions are
//! transferred if the server can.

mod connecting;
mod items;
mod listening;

use std::collections::BTreeSet;
use std::time::Instant;

use forehearth_driver::{
    BoxFuture, LinkCounters, LinkError, LinkNews, NobodyListens, PushDriver, Sink, WriteError,
};
use forehearth_model::{Quality, Stamp};
use opcua::types::{NodeId, SubscriptionAcknowledgement};
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::board::{Board, Now, Pile, Tally};
use crate::fault::Fault;
use crate::flight::Flight;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::servers::Servers;
use crate::services::Limits;
use crate::session::{Session, Ticket};
use crate::settings::Settings;
use crate::supervision::{Action, Supervision};
use crate::write::{self, Order, Writer};

/// One server, subscribed.
pub struct OpcUaSubscriber {
    settings: Settings,
    clock: fn() -> Stamp,
    board: Board,
    core: Supervision,
    servers: Servers,
    /// What the other servers say of themselves, being asked.
    looking: Option<BoxFuture<'static, Vec<(usize, u8)>>>,
    resolver: Resolver,
    table: NamespaceTable,
    /// Parallel to the board's items; `None`: not there today.
    nodes: Vec<Option<NodeId>>,
    limits: Limits,
    session: Option<Session>,
    ticket: Option<Ticket>,
    /// Times the ticket did not help although the server was there.
    resumes_failed: u32,
    /// What is to be done first on a new connection.
    pending: Vec<Action>,
    flight: Flight,
    acks: Vec<SubscriptionAcknowledgement>,
    /// Per group: the server's clock in its last message.
    server_times: Vec<Option<Stamp>>,
    /// Items that the server refused, or whose path led nowhere.
    refused: Vec<usize>,
    retry_at: Instant,
    /// Places of which it was said that their node is not there.
    missing: BTreeSet<usize>,
    backoff: Backoff,
    counters: LinkCounters,
    last_reason: String,
    /// `None`: nothing is ever written.
    orders: Option<mpsc::Receiver<Order>>,
}

/// Why the live mode ended.
enum End {
    Fault(Fault),
    Nobody(NobodyListens),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NobodyListens> for End {
    fn from(nobody: NobodyListens) -> Self {
        Self::Nobody(nobody)
    }
}

impl OpcUaSubscriber {
    /// A link that is not connected yet. `clock` tells gateway time.
    #[must_use]
    pub fn new(settings: Settings, clock: fn() -> Stamp) -> Self {
        let now = instant();
        let board = Board::new(settings.device, &settings.groups, settings.restate, now);
        Self {
            servers: Servers::new(&settings.urls),
            looking: None,
            resolver: Resolver::new(&settings.namespaces),
            nodes: vec![None; board.items().len()],
            server_times: vec![None; board.groups()],
            clock,
            board,
            settings,
            core: Supervision::default(),
            table: NamespaceTable::default(),
            limits: Limits::default(),
            session: None,
            ticket: None,
            resumes_failed: 0,
            pending: Vec::new(),
            flight: Flight::default(),
            acks: Vec::new(),
            refused: Vec::new(),
            retry_at: now,
            missing: BTreeSet::new(),
            backoff: Backoff::default(),
            counters: LinkCounters::default(),
            last_reason: String::new(),
            orders: None,
        }
    }

    /// The same of a device that may be written to, and who gives its orders.
    #[must_use]
    pub fn writing(settings: Settings, clock: fn() -> Stamp) -> (Self, Writer) {
        let (writer, orders) = write::channel(&settings.name);
        let subscriber = Self { orders: Some(orders), ..Self::new(settings, clock) };
        (subscriber, writer)
    }

    /// What did not go as it should.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.board.tally
    }

    async fn work(&mut self, sink: &mut dyn Sink) -> NobodyListens {
        loop {
            let fault = match self.connect().await {
                Ok(()) => {
                    self.counters.connects += 1;
                    tracing::info!(
                        link = self.settings.name,
                        url = self.servers.current(),
                        "connected"
                    );
                    self.last_reason.clear();
                    sink.link(LinkNews::Opened, &self.counters);
                    match self.live(sink).await {
                        End::Fault(fault) => fault,
                        End::Nobody(nobody) => return nobody,
                    }
                }
                Err(fault) => fault,
            };
            if let Err(nobody) = self.down(sink, &fault).await {
                return nobody;
            }
        }
    }

    /// Every tag is Bad; waits before the next attempt.
    async fn down(&mut self, sink: &mut dyn Sink, fault: &Fault) -> Result<(), NobodyListens> {
        let opened = self.session.take();
        match fault {
            Fault::Absent(_) | Fault::Lost(_) | Fault::Silent => {}
            // What the server has of us is not to be trusted.
            _ => {
                self.ticket = None;
                self.core = Supervision::default();
                if let Some(session) = opened {
                    session.close().await;
                }
            }
        }
        if matches!(fault, Fault::Silent) {
            self.counters.timeouts += 1;
        }
        let reason = fault.to_string();
        if reason != self.last_reason {
            tracing::warn!(link = self.settings.name, reason, "no data");
            self.last_reason.clone_from(&reason);
        }
        let peer = self.servers.current().to_owned();
        let error = match fault {
            Fault::Absent(_) | Fault::Refused(_) => LinkError::Connect { peer, reason },
            _ => LinkError::Lost { peer, reason },
        };
        sink.link(LinkNews::Down(&error), &self.counters);
        let mut pile = Pile::default();
        let now = self.now();
        for group in 0..self.board.groups() {
            self.board.declare(group, Quality::BadNoCommunication, now, &mut pile);
        }
        deliver(sink, pile).await?;
        let until = match fault {
            Fault::Better => instant(), // it waits for us
            _ => instant() + self.backoff.after_failure(),
        };
        self.wait(sink, until).await
    }

    async fn wait(&mut self, sink: &mut dyn Sink, until: Instant) -> Result<(), NobodyListens> {
        loop {
            let wake = until.min(self.board.next_restate());
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                order = next_order(&mut self.orders) => {
                    refuse_order(order, self.servers.current());
                    continue;
                }
            }
            let now = self.now();
            if self.board.next_restate() <= now.instant {
                let mut pile = Pile::default();
                self.board.repeat(now, |_| None, &mut pile);
                deliver(sink, pile).await?;
            }
            if until <= now.instant {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        Now { instant: instant(), stamp: (self.clock)() }
    }
}

impl PushDriver for OpcUaSubscriber {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = stop => {}
                _nobody = self.work(sink) => {}
            }
            if let Some(session) = self.session.take() {
                session.close().await;
            }
        })
    }
}

async fn deliver(sink: &mut dyn Sink, pile: Pile) -> Result<(), NobodyListens> {
    if pile.scans.is_empty() { Ok(()) } else { sink.deliver(pile.scans).await }
}

fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The next order to write; never, where nothing may be written.
///
/// Cancel safe.
async fn next_order(orders: &mut Option<mpsc::Receiver<Order>>) -> Order {
    if let Some(desk) = orders {
        if let Some(order) = desk.recv().await {
            return order;
        }
        *orders = None; // nobody is left who could give one
    }
    std::future::pending().await
}

/// Nothing was sent, and nothing will be: what is written late is written
/// into another situation than the one it was meant for.
fn refuse_order(order: Order, peer: &str) {
    let reason = "the link is down; nothing was written".to_owned();
    let _ =
        order.told.send(Err(WriteError::Link(LinkError::Lost { peer: peer.to_owned(), reason })));
}
