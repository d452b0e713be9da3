//! What a map may say before the gateway can do it: refused, or checked and said to be without effect.

use crate::finding::{Finding, Log};
use crate::source::Place;
use crate::texts;

/// A key or value of the map that this version can't serve: no plan is made.
pub(crate) fn unsupported(log: &Log, place: Place, what: &str) {
    log.report(Finding::new(&texts::NOT_SUPPORTED, place).with("what", what));
}

/// A key that is checked and changes nothing yet.
pub(crate) fn no_effect(log: &Log, place: Place, what: &'static str) {
    if log.first_time(what) {
        log.report(Finding::new(&texts::NO_EFFECT, place).with("what", what));
    }
}
