//! A source: one plan's tags, and what each of them is in the current births.
//!
//! Batches that waited across a change of the map speak of tags by the
//! numbers of their plan. Tags that still exist go under their current alias;
//! those that are gone get a place in the births as long as values wait.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use forehearth_model::{Catalogue, CatalogueHash, Quality, TagEntry, TagId};
use forehearth_telemetry::sparkplug::{DataType, DataWriter};

use super::Node;
use super::layout::{Layout, UnitId};

/// Where a tag's values go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) unit: UnitId,
    pub(crate) alias: NonZeroU32,
}

/// One plan as batches speak of it.
pub(crate) struct Source {
    pub(crate) of: CatalogueHash,
    plan: Arc<Catalogue>,
    /// By tag of the plan; `None`: hidden from this destination.
    places: Vec<Option<Place>>,
    writer: DataWriter,
    /// By tag of the view, for the plan in force: its number in the plan.
    plan_tags: Vec<TagId>,
}

impl Source {
    /// The plan in force.
    pub(crate) fn current(node: &Node, layout: &Layout) -> Self {
        let tags = node.plan.tags.len();
        let mut plan_tags = Vec::with_capacity(node.view.catalogue.tags.len());
        let mut place = |tag: TagId| {
            let seen = node.view.tag(tag)?;
            plan_tags.push(tag);
            Some(Place { unit: layout.unit_of(seen)?, alias: Layout::alias(seen) })
        };
        let places = (0..tags).map(|tag| place(TagId(number(tag)))).collect();
        Self {
            of: node.view.of,
            plan: Arc::clone(&node.plan),
            places,
            writer: DataWriter::new(tags),
            plan_tags,
        }
    }

    /// An earlier plan. Where the layout had to grow, the units concerned
    /// are listed: they need a new birth.
    pub(crate) fn earlier(
        node: &Node,
        layout: &mut Layout,
        plan: Catalogue,
        of: CatalogueHash,
    ) -> (Self, Vec<UnitId>) {
        let plan = Arc::new(plan);
        let mut source = Self {
            of,
            places: vec![None; plan.tags.len()],
            writer: DataWriter::new(plan.tags.len()),
            plan_tags: Vec::new(),
            plan: Arc::clone(&plan),
        };
        let mut grown = Vec::new();
        let known = tags_by_name(&node.view.catalogue);
        for (index, tag) in plan.tags.iter().enumerate() {
            if !node.filter.passes(&plan, tag) {
                continue;
            }
            let device = &plan.devices[tag.device.index()];
            let found = known
                .get(&(device.name.as_str(), tag.name.as_str()))
                .filter(|(_, data_type)| *data_type == DataType::of(tag))
                .map(|(tag, _)| *tag);
            source.places[index] = match found {
                Some(now) => {
                    layout.unit_of(now).map(|unit| Place { unit, alias: Layout::alias(now) })
                }
                None => {
                    let seen = &node.view.catalogue;
                    layout.retire(&node.topics, seen, device, tag).map(|(unit, alias)| {
                        grown.push(unit);
                        Place { unit, alias }
                    })
                }
            };
        }
        grown.sort_unstable();
        grown.dedup();
        (source, grown)
    }

    /// Where a tag's values go.
    pub(crate) fn place(&self, tag: TagId) -> Option<Place> {
        self.places.get(tag.index()).copied().flatten()
    }

    /// A birth told this quality of a tag of the view.
    pub(crate) fn tell(&mut self, tag: TagId, quality: Quality) {
        if let Some(tag) = self.plan_tags.get(tag.index()) {
            self.writer.born(*tag, quality);
        }
    }

    /// Everything the writer of DATA needs, at once.
    pub(crate) fn parts(&mut self) -> (&mut DataWriter, &[TagEntry], &[Option<Place>]) {
        (&mut self.writer, &self.plan.tags, &self.places)
    }
}

/// The tags of the current view by device and name.
fn tags_by_name(seen: &Catalogue) -> HashMap<(&str, &str), (TagId, DataType)> {
    let named = seen.tags.iter().zip(0..).map(|(tag, number)| {
        let device = seen.devices[tag.device.index()].name.as_str();
        ((device, tag.name.as_str()), (TagId(number), DataType::of(tag)))
    });
    named.collect()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
