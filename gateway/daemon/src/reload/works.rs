//! The works: everything that runs under the plan in force, and how another plan takes over.
//!
//! The order of a takeover: what is new is made first, so that a plan that
//! can't be served changes nothing. Then the links and brokers that change are
//! stopped; what they read is in the queue and in the buffer. The buffer is
//! told of destinations and catalogue, the conditioner closes the batches of
//! the old plan and goes on with the new one, and what is new is started.
//! Links and brokers that stay are not touched at any point.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_buffer::Buffer;
use forehearth_config::{BrokerFormat, BrokerPlan, BufferPlan, Plan, Succession, succession};
use forehearth_driver_modbus::ReportReader;
use forehearth_model::{CatalogueHash, LinkId};
use forehearth_publish::{Destination, HealthSource, Incoming, Intake};
use forehearth_source::Polled;
use forehearth_telemetry::catalogue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::condition::{Conditioner, Takeover};
use crate::crew::{self, Member};
use crate::desk::{Doors, Orders};
use crate::drivers::{self, LinkTask};
use crate::gateway::StartError;
use crate::outbox::BufferOutbox;
use crate::rooms::Rooms;
use crate::{brokers, status};

/// Commands of one broker that wait for their answer. Chosen: operators' hands;
/// more is refused at once.
const UNDER_WAY: usize = 32;

/// How long broker links may take to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);

/// What outlives every plan.
pub struct Ground {
    /// The state directory.
    pub state: PathBuf,
    /// The buffer.
    pub buffer: Arc<Buffer>,
    /// The pipeline.
    pub conditioner: Arc<Conditioner>,
    /// What the health topic says.
    pub health: HealthSource,
    /// The queue to the conditioner.
    pub scans: mpsc::Sender<Polled>,
    /// How the conditioner is told of another plan.
    pub takeovers: mpsc::Sender<Takeover>,
    /// Where brokers with `commands = true` hand theirs in.
    pub commands: mpsc::Sender<Incoming>,
    /// How the desk is told what may be written.
    pub doors: mpsc::Sender<Doors>,
    /// Who shows what runs.
    pub rooms: Arc<Rooms>,
}

/// What runs. See the module's first line.
pub struct Works {
    ground: Ground,
    plan: Arc<Plan>,
    hash: CatalogueHash,
    /// The buffer was opened with this; it is not changed while running.
    buffer_plan: BufferPlan,
    /// Numbers of link tasks given so far.
    tasks: u32,
    /// In the order of the plan.
    links: Vec<Link>,
    /// In the order of the plan.
    brokers: Vec<Member<forehearth_publish::LinkStatus>>,
    page: Option<Member<()>>,
}

struct Link {
    task: LinkId,
    orders: Option<Orders>,
    report: Option<Arc<ReportReader>>,
    member: Member<forehearth_source::LinkStatus>,
}

/// What a takeover touched.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Links that were made anew.
    pub links: Vec<String>,
    /// Brokers that were made anew.
    pub brokers: Vec<String>,
    /// Sections whose changes wait for the next start.
    pub at_next_start: Vec<String>,
}

/// What is made for a plan and doesn't run yet.
struct Made {
    links: Vec<(LinkId, LinkId, LinkTask)>,
    brokers: Vec<(usize, Destination)>,
}

impl Works {
    /// Starts everything under the first plan. `hash` names its catalogue,
    /// with which buffer and conditioner were made.
    ///
    /// # Errors
    /// When a link or broker can't be served as it is written; then nothing runs.
    pub async fn start(
        ground: Ground,
        plan: Arc<Plan>,
        hash: CatalogueHash,
    ) -> Result<Self, StartError> {
        let mut works = Self {
            ground,
            hash,
            buffer_plan: plan.buffer.clone(),
            tasks: 0,
            links: Vec::new(),
            brokers: Vec::new(),
            page: None,
            plan: Arc::clone(&plan),
        };
        let nothing = Succession {
            links: vec![None; plan.links.len()],
            brokers: vec![None; plan.brokers.len()],
            ..Succession::default()
        };
        let started = works.ground.rooms.started;
        let made = works.make(&plan, hash, &nothing, started).await?;
        works.launch(&plan, made, Vec::new(), Vec::new());
        works.open_doors().await;
        works.show_page(plan.status.map(|status| status.listen));
        Ok(works)
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Makes `plan` the one in force.
    ///
    /// # Errors
    /// When it can't be served as it is written; then nothing has changed.
    pub async fn take_up(&mut self, plan: Arc<Plan>) -> Result<Touched, StartError> {
        let encoded = Bytes::from(catalogue::encode(&plan.catalogue));
        let hash = catalogue::hash(&encoded);
        let mut next = succession(&self.plan, &plan);
        if hash != self.hash {
            next.brokers.iter_mut().zip(&plan.brokers).for_each(|(kept, broker)| {
                kept.take_if(|_| is_born_of_catalogue(broker));
            });
        }
        let made = self.make(&plan, hash, &next, Instant::now()).await?;
        let touched = self.touched(&plan, &next);

        let links = std::mem::take(&mut self.links);
        let (links, gone) = part(links, next.links.iter().map(|kept| kept.map(LinkId::index)));
        let brokers = std::mem::take(&mut self.brokers);
        let (brokers, leaving) = part(brokers, next.brokers.iter().copied());
        let gone = gone.into_iter().map(|link| link.member).collect();
        let ((), ()) = tokio::join!(stop_links(gone), stop_brokers(leaving));

        let destinations = crate::brokers::destinations(&plan.brokers);
        self.ground.buffer.reconfigure(&destinations, (hash, encoded))?;
        let tasks = links.iter().flatten().map(|link| link.task).collect();
        let (done, told) = oneshot::channel();
        let takeover = Takeover { plan: Arc::clone(&plan), catalogue: hash, next, tasks, done };
        if self.ground.takeovers.send(takeover).await.is_ok() {
            // Without an answer the conditioner has ended, and with it all.
            let _ = told.await;
        }
        if plan.status != self.plan.status {
            if let Some(page) = self.page.take() {
                crew::stop(vec![page], Some(GOODBYE_WITHIN)).await;
            }
            self.show_page(plan.status.map(|status| status.listen));
        }
        (self.plan, self.hash) = (Arc::clone(&plan), hash);
        self.launch(&plan, made, links, brokers);
        self.open_doors().await;
        Ok(touched)
    }

    /// Stops in the order of the way of a reading: links first, then, when
    /// the conditioner has sealed what is open, brokers.
    pub async fn stop(self, conditioning: impl Future<Output = ()>) {
        let Self { ground, links, brokers, page, .. } = self;
        stop_links(links.into_iter().map(|link| link.member).collect()).await;
        drop(ground); // and with it the last sender of scans
        conditioning.await;
        stop_brokers(brokers).await;
        if let Some(page) = page {
            crew::stop(vec![page], Some(GOODBYE_WITHIN)).await;
        }
    }

    /// Makes what can't go on from before.
    async fn make(
        &mut self,
        plan: &Arc<Plan>,
        hash: CatalogueHash,
        next: &Succession,
        start: Instant,
    ) -> Result<Made, StartError> {
        let mut wanted = Vec::new();
        for (place, kept) in (0..).map(LinkId).zip(&next.links) {
            if kept.is_none() {
                wanted.push((place, LinkId(self.tasks)));
                self.tasks += 1;
            }
        }
        let made = {
            let (plan, wanted) = (Arc::clone(plan), wanted.clone());
            let (state, scans) = (self.ground.state.clone(), self.ground.scans.clone());
            let rooms = Arc::clone(&self.ground.rooms);
            // At the first start the certificate for OPC UA is made, which takes seconds.
            tokio::task::spawn_blocking(move || {
                drivers::tasks(&plan, &wanted, &state, &scans, &rooms, start)
            })
        };
        let links =
            made.await.map_err(|panic| StartError::System(std::io::Error::other(panic)))??;
        let links = wanted.into_iter().zip(links);
        let mut brokers = Vec::new();
        for (place, broker) in plan.brokers.iter().enumerate() {
            if next.brokers.get(place).copied().flatten().is_none() {
                brokers.push((place, self.destination(broker, plan, hash)?));
            }
        }
        Ok(Made { links: links.map(|((place, id), task)| (place, id, task)).collect(), brokers })
    }

    /// Starts what was made beside what goes on, and shows all of it.
    fn launch(
        &mut self,
        plan: &Plan,
        made: Made,
        mut links: Vec<Option<Link>>,
        mut brokers: Vec<Option<Member<forehearth_publish::LinkStatus>>>,
    ) {
        links.resize_with(plan.links.len(), || None);
        for (place, id, task) in made.links {
            let name = &plan.links[place.index()].name;
            let (orders, report) = (task.orders(), task.report());
            let member = Member::start("link", name, task.status(), move |stop| task.run(stop));
            links[place.index()] = Some(Link { task: id, orders, report, member });
        }
        brokers.resize_with(plan.brokers.len(), || None);
        let known = self.ground.rooms.brokers.get();
        for (place, destination) in made.brokers {
            let name = &plan.brokers[place].name;
            // Its counts are since the daemon started, not since a reload.
            let status = known.iter().find(|(known, _)| known == name);
            let status = status.map_or_else(Arc::default, |(_, status)| Arc::clone(status));
            let outbox = BufferOutbox::new(
                self.ground.buffer.outbox(place),
                Arc::clone(&self.ground.conditioner),
            );
            let shown = Arc::clone(&status);
            brokers[place] = Some(Member::start("broker link", name, status, move |stop| {
                destination.run(outbox, stop, shown)
            }));
        }
        self.links = links.into_iter().flatten().collect();
        self.brokers = brokers.into_iter().flatten().collect();
        let of = |link: &Link| (link.member.name.clone(), Arc::clone(&link.member.status));
        self.ground.rooms.links.set(self.links.iter().map(of).collect());
        let of = |link: &Link| Some((link.member.name.clone(), Arc::clone(link.report.as_ref()?)));
        self.ground.rooms.reports.set(self.links.iter().filter_map(of).collect());
        let of = |member: &Member<_>| (member.name.clone(), Arc::clone(&member.status));
        self.ground.rooms.brokers.set(self.brokers.iter().map(of).collect());
    }

    /// Tells the desk what may be written now.
    async fn open_doors(&self) {
        let links = self.plan.links.iter().zip(&self.links);
        let orders = links.filter_map(|(link, running)| Some((link, running.orders.as_ref()?)));
        let doors = Doors::of(&self.plan, self.hash, orders, &self.ground.conditioner);
        // Without a desk the gateway stops, and nothing is written any more.
        let _ = self.ground.doors.send(doors).await;
    }

    /// What is sent to a broker, and how; and what comes from it.
    fn destination(
        &self,
        broker: &BrokerPlan,
        plan: &Plan,
        hash: CatalogueHash,
    ) -> Result<Destination, StartError> {
        let mut settings = brokers::settings(broker, &self.ground.health);
        if broker.commands {
            settings.commands = Some(Intake::new(self.ground.commands.clone(), UNDER_WAY));
        }
        Destination::new(settings, &plan.catalogue, hash)
            .map_err(|reason| StartError::Broker { broker: broker.name.clone(), reason })
    }

    fn show_page(&mut self, listen: Option<SocketAddr>) {
        let rooms = Arc::clone(&self.ground.rooms);
        self.page = listen.map(|listen| {
            Member::start("status page", "", Arc::new(()), move |stop| {
                show_status(listen, rooms, stop)
            })
        });
    }

    fn touched(&self, plan: &Plan, next: &Succession) -> Touched {
        let mut touched = Touched::default();
        let links = plan.links.iter().zip(&next.links).filter(|(_, kept)| kept.is_none());
        touched.links = links.map(|(link, _)| link.name.clone()).collect();
        let brokers = plan.brokers.iter().zip(&next.brokers).filter(|(_, kept)| kept.is_none());
        touched.brokers = brokers.map(|(broker, _)| broker.name.clone()).collect();
        if plan.buffer != self.buffer_plan {
            touched.at_next_start.push("[buffer]".to_owned());
        }
        touched
    }
}

/// Whether a broker's connection knows the tags from when it is made, so that
/// another set of tags needs another connection: Sparkplug announces them, and
/// commands name them. Otherwise the native and the JSON format learn a new
/// catalogue from the first batch that names it.
fn is_born_of_catalogue(broker: &BrokerPlan) -> bool {
    broker.commands || matches!(broker.format, BrokerFormat::Sparkplug { .. })
}

/// Those that go on, by their place in the new plan, and the rest.
fn part<T>(before: Vec<T>, kept: impl Iterator<Item = Option<usize>>) -> (Vec<Option<T>>, Vec<T>) {
    let mut before: Vec<Option<T>> = before.into_iter().map(Some).collect();
    let staying = kept.map(|from| before.get_mut(from?)?.take()).collect();
    (staying, before.into_iter().flatten().collect())
}

async fn stop_links(links: Vec<Member<forehearth_source::LinkStatus>>) {
    // A link ends by itself within the deadlines of its driver.
    crew::stop(links, None).await;
}

async fn stop_brokers(brokers: Vec<Member<forehearth_publish::LinkStatus>>) {
    for late in crew::stop(brokers, Some(GOODBYE_WITHIN)).await {
        tracing::warn!(broker = late, "no goodbye in time; nothing is lost by that");
    }
}

/// The status page; a port that is taken is logged and costs nothing else.
async fn show_status(listen: SocketAddr, rooms: Arc<Rooms>, stop: watch::Receiver<bool>) {
    let source = Arc::new(move || rooms.snapshot());
    if let Err(error) = status::serve(listen, source, stop.clone()).await {
        tracing::error!("{error}");
        // Whether it is shown or not, the page is there until it is told to go.
        let mut stop = stop;
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn what_stays_moves_to_its_new_place_and_the_rest_goes() {
        let (staying, gone) = part(vec!["a", "b", "c"], [None, Some(2), Some(0)].into_iter());
        assert_eq!(staying, [None, Some("c"), Some("a")]);
        assert_eq!(gone, ["b"]);
    }
}
