//! The route: which of a broker's servers is dialled next.

/// Servers in the order they are written, one at a time.
///
/// A server that can't be reached, or on which the primary host is not
/// online, makes way for the next one; after the last comes the first. A
/// connection that worked and was lost is tried again where it was: most
/// often the network blinked. There is no way back to an earlier server while
/// a later one works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    servers: usize,
    at: usize,
}

impl Route {
    /// Begins at the first of `servers`.
    pub(crate) const fn new(servers: usize) -> Self {
        Self { servers, at: 0 }
    }

    /// Position of the server to dial.
    pub(crate) const fn at(self) -> usize {
        self.at
    }

    /// On to the next server.
    pub(crate) fn walk(&mut self) {
        self.at += 1;
        if self.at >= self.servers {
            self.at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn servers_are_walked_in_order_and_around() {
        let mut route = Route::new(3);
        let walked: Vec<_> = (0..5)
            .map(|_| {
                let at = route.at();
                route.walk();
                at
            })
            .collect();
        assert_eq!(walked, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn a_single_server_is_dialled_again_and_again() {
        let mut route = Route::new(1);
        route.walk();
        assert_eq!(route.at(), 0);
    }
}
