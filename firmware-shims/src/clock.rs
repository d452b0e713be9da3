//! The node's clock: ticks of a microsecond since it started, never set, never going back.

use forehearth_modbus::Micros;

/// A free-running timer of the board.
pub trait Clock {
    /// Microseconds since any fixed moment. 64 bits: no node sees them wrap.
    fn now(&self) -> Micros;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Micros {
        (**self).now()
    }
}

#[cfg(test)]
pub(crate) mod still {
    use super::Clock;
    use core::cell::Cell;
    use forehearth_modbus::Micros;

    /// Moves only when a test moves it.
    #[derive(Default)]
    pub(crate) struct Still(pub(crate) Cell<Micros>);

    impl Clock for Still {
        fn now(&self) -> Micros {
            self.0.get()
        }
    }
}
