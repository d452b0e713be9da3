//! The dictionaries that batches are read with: today's, those of earlier maps memory still needs, and the last few read from disk.

use bytes::Bytes;
use forehearth_model::CatalogueHash;

/// Dictionaries of earlier runs kept in memory. Two: of what is being
/// replayed, and of what comes after it.
const READ: usize = 2;

/// A dictionary under its name.
pub(crate) type Catalogue = (CatalogueHash, Bytes);

/// See the module's first line.
#[derive(Clone, Debug)]
pub(crate) struct Catalogues {
    current: Catalogue,
    /// Of earlier maps of this run; the last is the one before the current.
    earlier: Vec<Catalogue>,
    read: Vec<Catalogue>,
}

impl Catalogues {
    pub(crate) const fn new(current: Catalogue) -> Self {
        Self { current, earlier: Vec::new(), read: Vec::new() }
    }

    /// Batches are sealed under this one from now on. Of the earlier ones
    /// those stay that somebody `needs`, and the last, of which a batch may
    /// still be on its way here.
    pub(crate) fn replace(&mut self, next: Catalogue, needs: impl Fn(CatalogueHash) -> bool) {
        if next.0 == self.current.0 {
            return;
        }
        self.earlier.retain(|(hash, _)| *hash != next.0 && needs(*hash));
        self.earlier.push(std::mem::replace(&mut self.current, next));
    }

    /// The dictionary of this name, if it is in memory.
    pub(crate) fn get(&self, hash: CatalogueHash) -> Option<Bytes> {
        let all = std::iter::once(&self.current).chain(&self.earlier).chain(&self.read);
        all.into_iter().find(|(known, _)| *known == hash).map(|(_, bytes)| bytes.clone())
    }

    /// One was read from disk.
    pub(crate) fn learn(&mut self, catalogue: Catalogue) {
        if self.read.len() >= READ {
            self.read.remove(0);
        }
        self.read.push(catalogue);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use forehearth_model::CatalogueHash;

    use super::Catalogues;

    fn catalogue(n: u64) -> (CatalogueHash, Bytes) {
        (CatalogueHash(n), Bytes::from(n.to_string()))
    }

    #[test]
    fn a_map_that_changes_keeps_what_memory_still_needs_and_the_one_before() {
        let mut known = Catalogues::new(catalogue(1));
        known.replace(catalogue(2), |_| false);
        known.replace(catalogue(3), |hash| hash.0 == 1);
        known.replace(catalogue(4), |_| false);
        let held = [1, 2, 3, 4].map(|n| known.get(CatalogueHash(n)).is_some());
        assert_eq!(held, [false, false, true, true]);
        // Back to the one before: it is not kept twice.
        known.replace(catalogue(3), |_| true);
        assert_eq!(known.get(CatalogueHash(4)), Some(Bytes::from("4")));
        assert_eq!(known.earlier.len(), 1);
    }
}
