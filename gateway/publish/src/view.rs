//! The view: what one destination may see of the plant (`grades`, `devices`), and under which numbers.
//!
//! A destination without filters sees everything as it is. One with filters
//! gets a catalogue of its own, numbered anew without holes, so that not one
//! byte of a hidden tag, not even its name, reaches the broker.

use std::sync::Arc;

use forehearth_model::{
    Batch, Catalogue, CatalogueHash, DeviceId, Grade, Reading, Run, TagEntry, TagId,
};
use forehearth_telemetry::catalogue;
use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::settings::SettingsError;

/// `grades` and `devices` of a broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    grades: Option<Vec<Grade>>,
    devices: Option<GlobSet>,
}

impl Filter {
    /// # Errors
    /// When a glob is not one.
    pub(crate) fn new(
        grades: Option<&[Grade]>,
        devices: Option<&[String]>,
    ) -> Result<Self, SettingsError> {
        let devices = devices.map(globs).transpose()?;
        Ok(Self { grades: grades.map(<[Grade]>::to_vec), devices })
    }

    /// Whether everything passes.
    pub(crate) const fn is_open(&self) -> bool {
        self.grades.is_none() && self.devices.is_none()
    }

    /// Whether a tag of `catalogue` may be seen.
    pub(crate) fn passes(&self, catalogue: &Catalogue, tag: &TagEntry) -> bool {
        let device = &catalogue.devices[tag.device.index()].name;
        self.grades.as_ref().is_none_or(|grades| grades.contains(&tag.grade))
            && self.devices.as_ref().is_none_or(|globs| globs.is_match(device))
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, SettingsError> {
    let bad = |pattern: &str| SettingsError::DeviceGlob(pattern.to_owned());
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|_| bad(pattern))?);
    }
    set.build().map_err(|_| bad(&patterns.join(", ")))
}

/// One catalogue through the eyes of one destination.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// What the destination may know.
    pub(crate) catalogue: Arc<Catalogue>,
    /// Names `catalogue`.
    pub(crate) hash: CatalogueHash,
    /// Name of the plan's catalogue that this is a view of; batches carry it.
    pub(crate) of: CatalogueHash,
    /// By plan tag and by plan device: the number here. `None`: nothing is hidden.
    numbers: Option<Numbers>,
}

#[derive(Clone, Debug)]
struct Numbers {
    tags: Vec<Option<TagId>>,
    devices: Vec<Option<DeviceId>>,
}

impl View {
    /// Looks at a catalogue through a filter. `name` gives the hash of a
    /// catalogue that was cut down.
    pub(crate) fn new(
        filter: &Filter,
        catalogue: &Arc<Catalogue>,
        of: CatalogueHash,
        name: impl FnOnce(&Catalogue) -> CatalogueHash,
    ) -> Self {
        if filter.is_open() {
            return Self { catalogue: Arc::clone(catalogue), hash: of, of, numbers: None };
        }
        let (seen, numbers) = cut(filter, catalogue);
        Self { hash: name(&seen), catalogue: Arc::new(seen), of, numbers: Some(numbers) }
    }

    /// Whether nothing is hidden, so that stored bytes may go out as they are.
    pub(crate) const fn is_whole(&self) -> bool {
        self.numbers.is_none()
    }

    /// A tag's number here; `None` when it is hidden or no tag of the plan.
    pub(crate) fn tag(&self, tag: TagId) -> Option<TagId> {
        match &self.numbers {
            None => (tag.index() < self.catalogue.tags.len()).then_some(tag),
            Some(numbers) => numbers.tags.get(tag.index()).copied().flatten(),
        }
    }

    /// A device's number here; `None` when it is hidden or no device of the plan.
    pub(crate) fn device(&self, device: DeviceId) -> Option<DeviceId> {
        match &self.numbers {
            None => (device.index() < self.catalogue.devices.len()).then_some(device),
            Some(numbers) => numbers.devices.get(device.index()).copied().flatten(),
        }
    }

    /// A table by plan tag as a table by tag of the view.
    pub(crate) fn of_tags<T: Clone>(&self, by_tag: Vec<T>, missing: &T) -> Vec<T> {
        let Some(numbers) = &self.numbers else { return by_tag };
        let mut seen = vec![missing.clone(); self.catalogue.tags.len()];
        for (value, number) in by_tag.into_iter().zip(&numbers.tags) {
            if let Some(number) = number {
                seen[number.index()] = value;
            }
        }
        seen
    }

    /// What may be seen of a batch, under the same id; `None` when nothing.
    pub(crate) fn of_batch(&self, batch: &Batch) -> Option<Batch> {
        let mut runs = Vec::with_capacity(batch.runs.len());
        let mut readings = Vec::with_capacity(batch.readings.len());
        for (run, content) in batch.iter() {
            let Some(device) = self.device(run.device) else { continue };
            let before = readings.len();
            readings.extend(content.iter().filter_map(|reading| {
                let tag = self.tag(reading.tag)?;
                Some(Reading { tag, ..reading.clone() })
            }));
            let len = u32::try_from(readings.len() - before).unwrap_or(u32::MAX);
            if len > 0 {
                runs.push(Run { device, len, ..run });
            }
        }
        let seen = Batch { catalogue: self.hash, runs, readings, ..batch_without_readings(batch) };
        (!seen.readings.is_empty()).then_some(seen)
    }
}

fn batch_without_readings(batch: &Batch) -> Batch {
    Batch { runs: Vec::new(), readings: Vec::new(), ..*batch }
}

/// The name of a catalogue that was cut down.
pub(crate) fn name_of(seen: &Catalogue) -> CatalogueHash {
    catalogue::hash(&catalogue::encode(seen))
}

/// The catalogue without what is hidden, numbered anew.
fn cut(filter: &Filter, catalogue: &Catalogue) -> (Catalogue, Numbers) {
    let mut seen = Catalogue {
        gateway: catalogue.gateway.clone(),
        path: catalogue.path.clone(),
        ..Catalogue::default()
    };
    let mut numbers = Numbers {
        tags: vec![None; catalogue.tags.len()],
        devices: vec![None; catalogue.devices.len()],
    };
    for (number, tag) in numbers.tags.iter_mut().zip(&catalogue.tags) {
        if !filter.passes(catalogue, tag) {
            continue;
        }
        let device = *numbers.devices[tag.device.index()].get_or_insert_with(|| {
            seen.devices.push(catalogue.devices[tag.device.index()].clone());
            DeviceId(position(seen.devices.len() - 1))
        });
        *number = Some(TagId(position(seen.tags.len())));
        seen.tags.push(TagEntry { device, ..tag.clone() });
    }
    (seen, numbers)
}

/// A position in a cut-down table, which is no longer than the plan's.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Filter, View};
    use crate::plant;
    use forehearth_model::{CatalogueHash, Grade, TagId};
    use std::sync::Arc;

    fn view(grades: Option<&[Grade]>, devices: Option<&[String]>) -> View {
        let filter = Filter::new(grades, devices).unwrap();
        View::new(&filter, &Arc::new(plant::catalogue()), CatalogueHash(1), |_| CatalogueHash(2))
    }

    #[test]
    fn a_destination_without_filters_sees_the_stored_bytes() {
        let whole = view(None, None);
        assert!(whole.is_whole());
        assert_eq!(whole.hash, CatalogueHash(1));
        assert_eq!(whole.tag(TagId(0)), Some(TagId(0)));
        assert_eq!(whole.tag(TagId(999)), None);
    }

    #[test]
    fn not_even_the_name_of_a_core_tag_reaches_the_outer_broker() {
        let outer = view(Some(&[Grade::General]), None);
        let names: Vec<_> = outer.catalogue.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["voltage", "running"], "temperature is core, esd is important");
        assert_eq!(outer.catalogue.devices.len(), 1, "the SIS has nothing to show");
        let batch = plant::batch(1, &[(0, 10, &[(0, 5), (1, 6), (2, 1)]), (1, 11, &[(3, 1)])]);
        let seen = outer.of_batch(&batch).unwrap();
        assert_eq!(seen.id, batch.id);
        assert_eq!(seen.catalogue, CatalogueHash(2));
        let tags: Vec<_> = seen.readings.iter().map(|reading| reading.tag.0).collect();
        assert_eq!(tags, [0, 1], "numbered without a hole where the core tag stood");
        assert_eq!(seen.runs.len(), 1);
    }

    #[test]
    fn a_batch_without_anything_to_show_is_nothing() {
        let outer = view(None, Some(&["cell-*".to_owned()]));
        let batch = plant::batch(1, &[(1, 11, &[(3, 1)])]);
        assert!(outer.of_batch(&batch).is_none());
    }
}
