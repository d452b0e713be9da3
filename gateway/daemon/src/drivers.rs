//! The registry of drivers: from each link of the plan to the task that reads it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use forehearth_config::{
    LinePlan, LinkPlan, OpcUaPlan, PartPlan, Plan, PluginMode, PluginPlan, Transport,
};
use forehearth_driver::{Driver, WritingDriver};
use forehearth_driver_modbus::{
    GroupSettings, ModbusBus, ModbusTcp, ReportReader, TcpSettings, Writable,
};
use forehearth_driver_plugin::{PluginPoller, PluginPusher};
use forehearth_modbus::{Join, Part};
use forehearth_model::{LinkId, TagId};
use forehearth_source::{Group, Link, LinkStatus, Polled, Poller, Pusher, Slip};
use tokio::sync::{mpsc, watch};

use crate::desk::Orders;
use crate::lessons::Lessons;
use crate::rooms::Rooms;
use crate::{clock, house, lines, plugins};

#[cfg(feature = "opcua")]
use {
    crate::opcua,
    forehearth_config::OpcUaMode,
    forehearth_driver_opcua::{Identity, OpcUaPoller, OpcUaSubscriber},
};

/// Why a link can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// What the driver has against it.
    #[error("link `{link}`: {reason}")]
    Modbus {
        /// Which link.
        link: String,
        /// What is wrong with it.
        reason: forehearth_driver_modbus::SetupError,
    },
    /// What stands in the way of the server.
    #[cfg(feature = "opcua")]
    #[error("link `{link}`: {reason}")]
    OpcUa {
        /// Which link.
        link: String,
        /// What is wrong with it.
        reason: opcua::SetupError,
    },
    /// The gateway's own certificate for OPC UA.
    #[cfg(feature = "opcua")]
    #[error(transparent)]
    Identity(#[from] forehearth_driver_opcua::IdentityError),
    /// The program is a smaller one.
    #[cfg(not(feature = "opcua"))]
    #[error("link `{link}`: this program was built without OPC UA")]
    NoOpcUa {
        /// Which link.
        link: String,
    },
    /// Something the system refused.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// The task of one link.
pub enum LinkTask {
    /// Its devices are asked, and written to if there are orders; what they
    /// teach is kept.
    Poll(Poller, Option<Orders>, Option<(Lessons, ReportReader)>),
    /// Its device speaks up by itself.
    Push(Pusher),
    /// The same, and it may be written to.
    #[cfg(feature = "opcua")]
    PushAndWrite(Pusher, Orders, opcua::Relay),
}

impl LinkTask {
    /// Where the state of the link can be read at any time, also after the end.
    pub fn status(&self) -> Arc<LinkStatus> {
        match self {
            Self::Poll(poller, ..) => poller.status(),
            Self::Push(pusher) => pusher.status(),
            #[cfg(feature = "opcua")]
            Self::PushAndWrite(pusher, ..) => pusher.status(),
        }
    }

    /// What it reports of its units; only Modbus does.
    pub fn report(&self) -> Option<Arc<ReportReader>> {
        match self {
            Self::Poll(_, _, Some((_, report))) => Some(Arc::new(report.clone())),
            _ => None,
        }
    }

    /// The way to it, if any of its tags may be written.
    pub fn orders(&self) -> Option<Orders> {
        match self {
            Self::Poll(_, orders, _) => orders.clone(),
            Self::Push(_) => None,
            #[cfg(feature = "opcua")]
            Self::PushAndWrite(_, orders, _) => Some(orders.clone()),
        }
    }

    /// Runs until `stop` holds true; see [`Poller::run`] and [`Pusher::run`].
    pub async fn run(self, stop: watch::Receiver<bool>) {
        match self {
            Self::Poll(poller, _, Some((lessons, report))) => {
                lessons.kept_while(report, poller.run(stop)).await;
            }
            Self::Poll(poller, _, None) => poller.run(stop).await,
            Self::Push(pusher) => pusher.run(stop).await,
            #[cfg(feature = "opcua")]
            Self::PushAndWrite(pusher, _, relay) => relay.serve_while(pusher.run(stop)).await,
        }
    }
}

/// A task for each of these links of the plan, none of them running. The
/// second of each pair is the number of the task, which its scans carry; it is
/// used once in the life of the daemon. Blocks: the certificate of the gateway
/// is made at its first start, and passwords are read.
///
/// # Errors
/// When a link can't be read as it is written.
pub fn tasks(
    plan: &Plan,
    wanted: &[(LinkId, LinkId)],
    state: &Path,
    scans: &mpsc::Sender<Polled>,
    rooms: &Arc<Rooms>,
    start: Instant,
) -> Result<Vec<LinkTask>, DriverError> {
    #[cfg(feature = "opcua")]
    let identity = opcua::identity(&plan.gateway.id, servers(plan), state)?;
    #[cfg(not(feature = "opcua"))]
    let identity = ();
    let mut first_group = 0;
    let mut tasks = Vec::with_capacity(wanted.len());
    for (place, link) in (0..).map(LinkId).zip(&plan.links) {
        if let Some(&(_, id)) = wanted.iter().find(|(wanted, _)| *wanted == place) {
            let bench = Bench { plan, state, id, link, first_group, scans, start };
            tasks.push(match &link.transport {
                Transport::ModbusTcp { host, port } => bench.tcp(host, *port)?,
                Transport::ModbusLine(line) => bench.line(line)?,
                Transport::OpcUa(server) => bench.opcua(server, &identity)?,
                Transport::Plugin(plugin) => bench.plugin(plugin),
                Transport::House(root) => {
                    let driver = house::driver(plan, link, root, state, rooms);
                    bench.poller(Box::new(driver), None)
                }
            });
        }
        first_group += u32::try_from(link.groups.len()).unwrap_or(u32::MAX);
    }
    Ok(tasks)
}

#[cfg(feature = "opcua")]
fn servers(plan: &Plan) -> impl Iterator<Item = &OpcUaPlan> {
    plan.links.iter().filter_map(|link| match &link.transport {
        Transport::OpcUa(server) => Some(&**server),
        _ => None,
    })
}

/// One link and what its task is made of.
struct Bench<'p> {
    plan: &'p Plan,
    state: &'p Path,
    id: LinkId,
    link: &'p LinkPlan,
    first_group: u32,
    scans: &'p mpsc::Sender<Polled>,
    start: Instant,
}

impl Bench<'_> {
    fn poller(&self, driver: Box<dyn Driver>, report: Option<ReportReader>) -> LinkTask {
        let (out, link) = (self.scans.clone(), self.link());
        let poller = Poller::new(link, driver, out, clock::now, self.start);
        LinkTask::Poll(poller, None, report.map(|report| (self.lessons(), report)))
    }

    fn writing(
        &self,
        driver: Box<dyn WritingDriver>,
        report: ReportReader,
        orders: Orders,
        queue: mpsc::Receiver<Slip>,
    ) -> LinkTask {
        let (out, link) = (self.scans.clone(), self.link());
        let poller = Poller::writing(link, driver, queue, out, clock::now, self.start);
        LinkTask::Poll(poller, Some(orders), Some((self.lessons(), report)))
    }

    /// What the link has taught earlier runs.
    fn lessons(&self) -> Lessons {
        Lessons::of(self.state, &self.link.name)
    }

    fn link(&self) -> Link {
        let groups = self.link.groups.iter().map(|group| Group {
            device: group.device,
            period: group.period,
            tags: group.tags.clone(),
        });
        Link {
            id: self.id,
            name: self.link.name.clone(),
            groups: groups.collect(),
            first_group: self.first_group,
        }
    }

    fn tcp(&self, host: &str, port: u16) -> Result<LinkTask, DriverError> {
        let link = self.link;
        let settings = TcpSettings {
            timeout: link.timeout,
            inflight: link.inflight,
            max_words: link.max_words,
            max_bits: link.max_bits,
            pause_after_connect: link.pause_after_connect,
            pause_between: link.pause_between,
            join: if link.join { Join::DEFAULT } else { Join::Never },
            ..TcpSettings::new(host, port)
        };
        let learned = self.lessons().read();
        if let Some((orders, queue)) = Orders::to(self.plan, link) {
            let writable = self.writable(&orders);
            let driver = ModbusTcp::writing(settings, self.groups(), learned, writable)
                .map_err(|reason| self.refused(reason))?;
            let report = driver.report();
            return Ok(self.writing(Box::new(driver), report, orders, queue));
        }
        let driver = ModbusTcp::with_learned(settings, self.groups(), learned)
            .map_err(|reason| self.refused(reason))?;
        let report = driver.report();
        Ok(self.poller(Box::new(driver), Some(report)))
    }

    fn line(&self, line: &LinePlan) -> Result<LinkTask, DriverError> {
        let settings = lines::settings(self.link, line).map_err(std::io::Error::other)?;
        let learned = self.lessons().read();
        if let Some((orders, queue)) = Orders::to(self.plan, self.link) {
            let writable = self.writable(&orders);
            let driver = ModbusBus::writing(settings, self.groups(), learned, writable)
                .map_err(|reason| self.refused(reason))?;
            let report = driver.report();
            return Ok(self.writing(Box::new(driver), report, orders, queue));
        }
        let driver = ModbusBus::with_learned(settings, self.groups(), learned)
            .map_err(|reason| self.refused(reason))?;
        let report = driver.report();
        Ok(self.poller(Box::new(driver), Some(report)))
    }

    /// A driver in a process of its own.
    fn plugin(&self, plugin: &PluginPlan) -> LinkTask {
        let settings = plugins::settings(self.plan, self.link, plugin, self.state);
        match plugin.mode {
            PluginMode::Poll => {
                self.poller(Box::new(PluginPoller::new(settings, clock::now)), None)
            }
            PluginMode::Push => {
                let driver = Box::new(PluginPusher::new(settings, clock::now));
                let (id, name, out) = (self.id, self.link.name.clone(), self.scans.clone());
                LinkTask::Push(Pusher::new(id, name, driver, out, clock::now, self.start))
            }
        }
    }

    /// What a Modbus driver may write.
    fn writable(&self, orders: &Orders) -> Vec<Writable> {
        let part = |tag: TagId| match self.plan.tags[tag.index()].write.map(|write| write.part) {
            Some(PartPlan::Rewritten) => Part::Rewritten,
            _ => Part::Masked,
        };
        orders.tags().map(|tag| Writable { tag, part: part(tag) }).collect()
    }

    /// What a Modbus driver reads.
    fn groups(&self) -> impl Iterator<Item = GroupSettings> {
        let plan = self.plan;
        let point = |tag: &TagId| Some((*tag, plan.tags[tag.index()].point.modbus()?));
        self.link.groups.iter().map(move |group| GroupSettings {
            device: group.device,
            unit: plan.devices[group.device.index()].unit,
            tags: group.tags.iter().filter_map(point).collect(),
        })
    }

    fn refused(&self, reason: forehearth_driver_modbus::SetupError) -> DriverError {
        DriverError::Modbus { link: self.link.name.clone(), reason }
    }

    #[cfg(feature = "opcua")]
    fn opcua(
        &self,
        server: &OpcUaPlan,
        identity: &Option<Arc<Identity>>,
    ) -> Result<LinkTask, DriverError> {
        let name = &self.link.name;
        let settings = opcua::settings(self.plan, self.link, server, identity.clone())
            .map_err(|reason| DriverError::OpcUa { link: name.clone(), reason })?;
        let orders = Orders::to(self.plan, self.link);
        Ok(match (server.mode, orders) {
            (OpcUaMode::Poll, orders) => {
                if orders.is_some() {
                    tracing::warn!("link {name}: with mode = \"poll\" nothing can be written");
                }
                self.poller(Box::new(OpcUaPoller::new(settings, clock::now)), None)
            }
            (OpcUaMode::Subscribe, None) => {
                LinkTask::Push(self.pusher(OpcUaSubscriber::new(settings, clock::now)))
            }
            (OpcUaMode::Subscribe, Some((orders, queue))) => {
                let (driver, writer) = OpcUaSubscriber::writing(settings, clock::now);
                let relay = opcua::Relay::new(queue, writer);
                LinkTask::PushAndWrite(self.pusher(driver), orders, relay)
            }
        })
    }

    #[cfg(feature = "opcua")]
    fn pusher(&self, driver: OpcUaSubscriber) -> Pusher {
        let (name, out) = (self.link.name.clone(), self.scans.clone());
        Pusher::new(self.id, name, Box::new(driver), out, clock::now, self.start)
    }

    #[cfg(not(feature = "opcua"))]
    fn opcua(&self, _server: &OpcUaPlan, _identity: &()) -> Result<LinkTask, DriverError> {
        Err(DriverError::NoOpcUa { link: self.link.name.clone() })
    }
}
