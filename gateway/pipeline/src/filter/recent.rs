//! The recent values of a signal, for filters that look at their median.

/// Most values that are remembered. Chosen: 31 is half a minute at one a
/// second; a longer median hides more than it cleans.
pub const MOST_RECENT: usize = 31;

/// The last `window` values. Boxed, since few tags have one.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    values: Box<[f64]>,
    len: usize,
    next: usize,
}

impl Recent {
    /// `window` is brought into 1 to [`MOST_RECENT`].
    pub(super) fn new(window: usize) -> Self {
        let window = window.clamp(1, MOST_RECENT);
        Self { values: vec![0.0; window].into_boxed_slice(), len: 0, next: 0 }
    }

    pub(super) fn push(&mut self, value: f64) {
        self.values[self.next] = value;
        self.next = (self.next + 1) % self.values.len();
        self.len = (self.len + 1).min(self.values.len());
    }

    pub(super) const fn forget(&mut self) {
        (self.len, self.next) = (0, 0);
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The median of `each` of the values, 0 when there is none: one of them,
    /// the lower of two in the middle.
    pub(super) fn median(&self, each: impl Fn(f64) -> f64) -> f64 {
        let mut sorted = [0.0; MOST_RECENT];
        let sorted = &mut sorted[..self.len];
        for (place, value) in sorted.iter_mut().zip(&self.values[..self.len]) {
            *place = each(*value);
        }
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(self.len.saturating_sub(1) / 2).copied().unwrap_or(0.0)
    }
}
