//! What may be written under the plan in force, and over which link.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_command::{Inputs, Known, WriteRule};
use forehearth_config::{LinkPlan, Plan};
use forehearth_model::{CatalogueHash, Scaling, TagId};
use forehearth_source::{Slip, WAITING};
use tokio::sync::mpsc;

use super::interlock::Condition;
use crate::condition::Conditioner;

/// A value counts as fresh for so many periods of its tag, and at least this
/// long. Chosen: two polls may fail before a step can't be judged any more.
const FRESH_PERIODS: u32 = 3;
const FRESH_AT_LEAST: Duration = Duration::from_secs(2);

/// A tag as the map names it: device and tag.
pub type Name = (String, String);

/// The way to one link that may be written to, made together with its driver.
/// The driver knows its tags by the numbers of the plan it was made for.
#[derive(Clone, Debug)]
pub struct Orders {
    sender: mpsc::Sender<Slip>,
    tags: HashMap<Name, TagId>,
}

/// Where a writable tag is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its number in the plan in force.
    pub tag: TagId,
    /// Its number for the driver.
    pub for_driver: TagId,
    /// For the answer in engineering units.
    pub scaling: Scaling,
    /// To the poller of its link.
    pub orders: mpsc::Sender<Slip>,
}

/// Everything that may be written under one plan; tags of read-only devices
/// are not in it.
pub struct Doors {
    /// By name.
    pub places: HashMap<Name, Place>,
    /// What the gate holds a value against.
    pub rules: Vec<(TagId, WriteRule)>,
    /// Present values of the tags of this plan.
    pub inputs: Box<dyn Inputs + Send + Sync>,
}

impl Orders {
    /// A queue to the link `link`, and its end for the poller; `None` for a
    /// link none of whose tags may be written.
    pub fn to(plan: &Plan, link: &LinkPlan) -> Option<(Self, mpsc::Receiver<Slip>)> {
        let tags: HashMap<_, _> = writable(plan, link).map(|tag| (name(plan, tag), tag)).collect();
        if tags.is_empty() {
            return None;
        }
        let (sender, queue) = mpsc::channel(WAITING);
        Some((Self { sender, tags }, queue))
    }

    /// The tags, by their numbers for the driver.
    pub fn tags(&self) -> impl Iterator<Item = TagId> + '_ {
        self.tags.values().copied()
    }
}

impl Doors {
    /// What may be written under `plan`, over these links of it.
    pub fn of<'l>(
        plan: &Plan,
        hash: CatalogueHash,
        links: impl IntoIterator<Item = (&'l LinkPlan, &'l Orders)>,
        conditioner: &Arc<Conditioner>,
    ) -> Self {
        let (mut places, mut rules) = (HashMap::new(), Vec::new());
        for (link, orders) in links {
            for tag in writable(plan, link) {
                let name = name(plan, tag);
                let Some(for_driver) = orders.tags.get(&name) else { continue };
                let scaling = plan.catalogue.tags[tag.index()].scaling;
                let orders = orders.sender.clone();
                places.insert(name, Place { tag, for_driver: *for_driver, scaling, orders });
                rules.extend(rule(plan, tag).map(|rule| (tag, rule)));
            }
        }
        let inputs = Box::new(PresentValues { conditioner: Arc::clone(conditioner), hash });
        Self { places, rules, inputs }
    }
}

fn writable<'p>(plan: &'p Plan, link: &'p LinkPlan) -> impl Iterator<Item = TagId> + 'p {
    let tags = link.groups.iter().flat_map(|group| &group.tags).copied();
    tags.filter(|tag| plan.tags[tag.index()].write.is_some())
}

pub(super) fn name(plan: &Plan, tag: TagId) -> Name {
    let entry = &plan.catalogue.tags[tag.index()];
    (plan.catalogue.devices[entry.device.index()].name.clone(), entry.name.clone())
}

/// How long a value of this tag is fresh. One that is computed or derived is
/// as fresh as the slowest tag of the plan that could feed it.
pub(super) fn fresh_for(plan: &Plan, tag: TagId) -> Duration {
    let groups = || plan.links.iter().flat_map(|link| &link.groups);
    let own = groups().find(|group| group.tags.contains(&tag)).map(|group| group.period);
    let period = own.or_else(|| groups().map(|group| group.period).max()).unwrap_or_default();
    (period * FRESH_PERIODS).max(FRESH_AT_LEAST)
}

fn rule(plan: &Plan, tag: TagId) -> Option<WriteRule> {
    let entry = &plan.catalogue.tags[tag.index()];
    let write = plan.tags[tag.index()].write?;
    Some(WriteRule {
        data_type: entry.data_type,
        scaling: entry.scaling,
        bounds: write.bounds,
        max_step: write.max_step,
        every: write.every,
        interlock: Condition::of(plan, tag).map(|condition| Box::new(condition) as _),
        fresh_for: fresh_for(plan, tag),
    })
}

/// What the conditioner knows, as long as the plan is the one it conditions by.
struct PresentValues {
    conditioner: Arc<Conditioner>,
    hash: CatalogueHash,
}

impl Inputs for PresentValues {
    fn known(&self, tag: TagId) -> Option<Known> {
        self.conditioner.known(self.hash, tag, Instant::now())
    }
}
