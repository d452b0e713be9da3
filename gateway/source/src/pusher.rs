//! The pusher: the task of one link whose device speaks up by itself. It passes on what arrives and keeps the books.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_driver::{
    BoxFuture, LinkCounters, LinkError, LinkNews, NobodyListens, PushDriver, Sink,
};
use forehearth_model::{GroupId, LinkId, Scan, Stamp};
use tokio::sync::{mpsc, watch};

use crate::poller::{Polled, now, stopped};
use crate::status::{LastError, LinkState, LinkStatus};

/// How long a driver may take to close its link when it is told to. Chosen:
/// as long as a broker link may take to say goodbye; then it is broken off.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// The task of one link.
///
/// **When the queue is full** the driver waits, as a [`Poller`](crate::Poller)
/// does, and with it the device.
pub struct Pusher {
    driver: Box<dyn PushDriver>,
    desk: Desk,
}

/// What the driver hands its news and scans to.
struct Desk {
    id: LinkId,
    name: String,
    out: mpsc::Sender<Polled>,
    clock: fn() -> Stamp,
    status: Arc<LinkStatus>,
}

impl Pusher {
    /// A pusher for the link `id`, which is not connected yet.
    ///
    /// `start` is the same for all links, `out` the queue they share, `clock`
    /// tells gateway time for errors.
    #[must_use]
    pub fn new(
        id: LinkId,
        name: String,
        driver: Box<dyn PushDriver>,
        out: mpsc::Sender<Polled>,
        clock: fn() -> Stamp,
        start: Instant,
    ) -> Self {
        let status = Arc::new(LinkStatus::new(start));
        Self { driver, desk: Desk { id, name, out, clock, status } }
    }

    /// Where the state of the link can be read at any time, also after the end.
    #[must_use]
    pub fn status(&self) -> Arc<LinkStatus> {
        Arc::clone(&self.desk.status)
    }

    /// Runs until `stop` holds true or its sender is gone, then closes the
    /// link; a driver that does not end in time is broken off.
    ///
    /// Dropping it closes the link, too. What waits for room in the queue is
    /// lost either way, and counted as undelivered.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        let (mut told, mut overdue) = (stop.clone(), stop);
        let run =
            self.driver.run(&mut self.desk, Box::pin(async move { stopped(&mut told).await }));
        let hung = async {
            stopped(&mut overdue).await;
            tokio::time::sleep(CLOSES_WITHIN).await;
        };
        let ended = tokio::select! {
            () = run => true,
            () = hung => false,
        };
        if !ended {
            let link = self.desk.name.as_str();
            tracing::warn!(link, "the driver did not close the link in time and was broken off");
        }
        self.desk.status.update(|status| status.enter(LinkState::Stopped, now()));
    }
}

impl Sink for Desk {
    fn deliver(&mut self, scans: Vec<Scan>) -> BoxFuture<'_, Result<(), NobodyListens>> {
        let samples = scans.iter().map(|scan| scan.samples.len() as u64).sum();
        if samples == 0 {
            return Box::pin(std::future::ready(Ok(())));
        }
        // A push driver has no groups: whatever came together is one scan.
        let polled = Polled { link: self.id, group: GroupId(0), acquired: now(), scans };
        let parcel = Parcel { samples, status: &self.status };
        let out = &self.out;
        Box::pin(async move {
            let mut parcel = parcel; // whole, so that dropping the future drops it
            let room = out.reserve().await.map_err(|_| NobodyListens)?;
            room.send(polled);
            parcel.samples = 0;
            parcel.status.update(|status| status.polls += 1);
            Ok(())
        })
    }

    fn link(&mut self, news: LinkNews<'_>, counters: &LinkCounters) {
        self.status.update(|status| status.counters = *counters);
        match news {
            LinkNews::Opened => {
                if self.status.update(|status| status.enter(LinkState::Up, now())) {
                    tracing::info!(link = self.name, "link up");
                }
            }
            LinkNews::Down(error) => self.went_down(error),
            LinkNews::Alive => {}
        }
    }
}

impl Desk {
    fn went_down(&self, error: &LinkError) {
        let last_error = LastError { stamp: (self.clock)(), text: error.to_string() };
        let entered = self.status.update(|status| {
            status.last_error = Some(last_error);
            match error {
                LinkError::Connect { .. } => status.failed_connects += 1,
                LinkError::Lost { .. } => status.failed_polls += 1,
            }
            status.enter(LinkState::Down, now())
        });
        if entered {
            tracing::warn!(link = self.name, %error, "link down; its tags are bad until it is back");
        }
    }
}

/// Scans on their way into the queue; what never gets there is counted.
struct Parcel<'a> {
    samples: u64,
    status: &'a LinkStatus,
}

impl Drop for Parcel<'_> {
    fn drop(&mut self) {
        if self.samples > 0 {
            self.status.update(|status| status.undelivered += self.samples);
        }
    }
}
