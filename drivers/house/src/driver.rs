//! The driver of the house: asked like any device, answered by files and by the gateway itself.

use std::sync::Arc;
use std::time::Duration;

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_house::{BoxFigure, Fact};
use forehearth_model::{DeviceId, GroupId, Quality, Sample, Scan, Stamp, TagId, Value};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::insight::{Insight, of_unit};
use crate::sensors;
use crate::tree::Tree;

/// How long the kernel may take over all files of a scan. Chosen: a one-wire
/// thermometer takes 0.8 s, a hung I2C bus gives up after some seconds or never.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wall clock.
pub type Clock = fn() -> Stamp;

/// What is read.
#[derive(Clone, Debug)]
pub struct HouseSettings {
    /// As shown when it can't be read.
    pub name: String,
    /// Where the kernel's files are.
    pub tree: Tree,
    /// A [`GroupId`] is a position here.
    pub groups: Vec<HouseGroup>,
}

/// Tags of one device that are read together.
#[derive(Clone, Debug)]
pub struct HouseGroup {
    /// Which device.
    pub device: DeviceId,
    /// What each of its tags tells.
    pub tags: Vec<(TagId, Fact)>,
}

/// What is told of each tag, in the group's order.
type Told = Vec<Result<Value, Quality>>;

/// Reads the house. Files are read on a thread of their own with a deadline:
/// a sensor that hangs holds that one thread, and until it gives up all files
/// of this link are Bad; nothing else waits for it.
pub struct HouseDriver {
    settings: HouseSettings,
    insight: Arc<dyn Insight>,
    clock: Clock,
    /// A scan that was dropped leaves it closed, as the contract wants.
    is_open: bool,
    /// A read of files that did not end in time.
    hung: Option<JoinHandle<Told>>,
    counters: LinkCounters,
}

impl HouseDriver {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(settings: HouseSettings, insight: Arc<dyn Insight>, clock: Clock) -> Self {
        let (is_open, hung, counters) = (false, None, LinkCounters::default());
        Self { settings, insight, clock, is_open, hung, counters }
    }

    fn lost(&self, reason: &str) -> LinkError {
        LinkError::Lost { peer: self.settings.name.clone(), reason: reason.to_owned() }
    }

    async fn read(&mut self, group: GroupId, out: &mut Vec<Scan>) -> Result<(), LinkError> {
        if !std::mem::replace(&mut self.is_open, false) {
            self.fail(group, Quality::BadNoCommunication, out);
            return Err(self.lost("it is not open"));
        }
        let Some(asked) = self.settings.groups.get(group.index()).cloned() else {
            return Err(self.lost("there is no such group"));
        };
        self.counters.requests += 1;
        let files = self.files(&asked).await;
        match files {
            Ok(_) => self.counters.answers += 1,
            Err(_) => self.counters.timeouts += 1,
        }
        let told = asked.tags.iter().enumerate().map(|(place, (_, fact))| match fact {
            Fact::Link(link, figure) => {
                let figures = self.insight.link(link).ok_or(Quality::BadConfiguration)?;
                Ok(figures.value(*figure))
            }
            Fact::Unit(link, unit, figure) => {
                let (meter, is_up) =
                    self.insight.unit(link, *unit).ok_or(Quality::BadWaitingForFirstValue)?;
                of_unit(&meter, is_up, *figure)
            }
            Fact::Box(figure) if is_own(*figure) => self.own(*figure),
            Fact::Box(_) | Fact::Hwmon(..) | Fact::Iio(..) => match &files {
                Ok(told) => told.get(place).cloned().unwrap_or(Err(Quality::BadDataLost)),
                Err(quality) => Err(*quality),
            },
        });
        let samples = asked.tags.iter().zip(told).map(|((tag, _), told)| match told {
            Ok(value) => Sample { tag: *tag, quality: Quality::Good, value },
            Err(quality) => Sample { tag: *tag, quality, value: Value::Null },
        });
        let scan = Scan { device: asked.device, stamp: (self.clock)(), samples: samples.collect() };
        out.push(scan);
        self.is_open = true;
        Ok(())
    }

    /// What files tell; each fact that no file tells has a place as well.
    async fn files(&mut self, asked: &HouseGroup) -> Result<Told, Quality> {
        if self.hung.as_ref().is_some_and(|hung| !hung.is_finished()) {
            return Err(Quality::BadNoCommunication);
        }
        self.hung = None;
        if asked.tags.iter().all(|(_, fact)| !is_in_files(fact)) {
            return Ok(Told::new());
        }
        let tree = self.settings.tree.clone();
        let facts: Vec<Fact> = asked.tags.iter().map(|(_, fact)| fact.clone()).collect();
        // Kept before it is awaited: a scan that is dropped must not start a
        // second thread beside one that hangs.
        let reading = self.hung.insert(tokio::task::spawn_blocking(move || {
            facts.iter().map(|fact| of_files(&tree, fact)).collect()
        }));
        match timeout(PATIENCE, reading).await {
            Ok(Ok(told)) => {
                self.hung = None;
                Ok(told)
            }
            Ok(Err(_)) => {
                self.hung = None;
                Err(Quality::BadDeviceFailure)
            }
            Err(_) => Err(Quality::BadNoCommunication),
        }
    }

    fn own(&self, figure: BoxFigure) -> Result<Value, Quality> {
        let gateway = self.insight.gateway();
        let known = |value: u64| if value == 0 { Err(Quality::BadNotConnected) } else { Ok(value) };
        Ok(match figure {
            BoxFigure::GatewayMemory => Value::UInt(known(gateway.memory)?),
            BoxFigure::GatewayCpu => Value::UInt(gateway.cpu_ms),
            BoxFigure::GatewayUptime => Value::UInt(gateway.uptime),
            BoxFigure::ClockSynced => {
                Value::Bool(gateway.clock == forehearth_model::ClockState::Synced)
            }
            BoxFigure::Clock => Value::Text(gateway.clock.name().into()),
            _ => return Err(Quality::BadNotConnected),
        })
    }
}

const fn is_own(figure: BoxFigure) -> bool {
    matches!(
        figure,
        BoxFigure::ClockSynced
            | BoxFigure::Clock
            | BoxFigure::GatewayMemory
            | BoxFigure::GatewayCpu
            | BoxFigure::GatewayUptime
    )
}

const fn is_in_files(fact: &Fact) -> bool {
    match fact {
        Fact::Box(figure) => !is_own(*figure),
        Fact::Hwmon(..) | Fact::Iio(..) => true,
        Fact::Link(..) | Fact::Unit(..) => false,
    }
}

/// Blocks as long as the kernel wants.
fn of_files(tree: &Tree, fact: &Fact) -> Result<Value, Quality> {
    match fact {
        Fact::Box(figure) => tree.read(*figure).unwrap_or(Err(Quality::BadNotConnected)),
        Fact::Hwmon(chip, channel) => sensors::hwmon(tree, chip, channel),
        Fact::Iio(device, channel) => sensors::iio(tree, device, channel),
        Fact::Link(..) | Fact::Unit(..) => Err(Quality::BadNotConnected),
    }
}

impl Driver for HouseDriver {
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async {
            self.settings.tree.check().map_err(|error| LinkError::Connect {
                peer: self.settings.name.clone(),
                reason: error.to_string(),
            })?;
            if !self.is_open {
                self.counters.connects += 1;
            }
            self.is_open = true;
            Ok(())
        })
    }

    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(self.read(group, out))
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        let Some(asked) = self.settings.groups.get(group.index()) else { return };
        let samples =
            asked.tags.iter().map(|(tag, _)| Sample { tag: *tag, quality, value: Value::Null });
        out.push(Scan { device: asked.device, stamp: (self.clock)(), samples: samples.collect() });
    }

    fn counters(&self) -> LinkCounters {
        self.counters
    }
}

#[cfg(test)]
mod tests;
