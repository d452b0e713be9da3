//! Servers that stand in for one another, as a core: which one is read now.
//!
//! One server at a time is read. It is left when it is away, or when it says
//! of itself that it is not healthy and another one says it is better; a
//! healthy server is never left for a healthier one, so that two of them
//! can't make us swing.

use std::time::{Duration, Instant};

/// A server's word on itself from here on means healthy (OPC 10000-4,
/// 6.6.2.4.2: 0 maintenance, 1 no data, 2 to 199 degraded).
const HEALTHY: u8 = 200;

/// How often the others are asked while ours is not healthy. Chosen: a switch
/// costs a new session; within 5 s no operator has noticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct Servers {
    urls: Vec<String>,
    current: usize,
    /// What the current one says of itself; `None`: it says nothing.
    level: Option<u8>,
    next_look: Option<Instant>,
}

impl Servers {
    /// `urls` in the order of preference. An empty list is one nobody answers.
    pub(crate) fn new(urls: &[String]) -> Self {
        let urls = if urls.is_empty() { vec![String::new()] } else { urls.to_vec() };
        Self { urls, current: 0, level: None, next_look: None }
    }

    /// The one to be read.
    pub(crate) fn current(&self) -> &str {
        &self.urls[self.current]
    }

    pub(crate) fn are_several(&self) -> bool {
        self.urls.len() > 1
    }

    /// The current one is away: the next one's turn.
    pub(crate) fn failed(&mut self) {
        self.current = (self.current + 1) % self.urls.len();
        (self.level, self.next_look) = (None, None);
    }

    /// The current one says how well it is.
    pub(crate) fn says(&mut self, level: Option<u8>, now: Instant) {
        self.level = level;
        let doubtful = level.is_some_and(|level| level < HEALTHY) && self.are_several();
        self.next_look = doubtful.then(|| self.next_look.unwrap_or(now));
    }

    /// When the others are to be asked; `None` while ours is healthy.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// The others, which are being asked now.
    pub(crate) fn look(&mut self, now: Instant) -> Vec<(usize, String)> {
        self.next_look = self.next_look.map(|_| now + LOOK_EVERY);
        let others = self.urls.iter().cloned().enumerate();
        others.filter(|(place, _)| *place != self.current).collect()
    }

    /// What the others said; whether one of them took over.
    pub(crate) fn seen(&mut self, levels: &[(usize, u8)]) -> bool {
        let ours = self.level.unwrap_or(u8::MAX);
        let best = levels.iter().max_by_key(|(place, level)| (*level, usize::MAX - place));
        match best {
            Some((place, level)) if ours < HEALTHY && *level > ours && *place < self.urls.len() => {
                self.current = *place;
                (self.level, self.next_look) = (None, None);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Servers;
    use std::time::Instant;

    fn two() -> Servers {
        Servers::new(&["opc.tcp://a".to_owned(), "opc.tcp://b".to_owned()])
    }

    #[test]
    fn the_next_server_takes_its_turn_when_one_is_away() {
        let mut servers = two();
        servers.failed();
        assert_eq!(servers.current(), "opc.tcp://b");
        servers.failed();
        assert_eq!(servers.current(), "opc.tcp://a");
    }

    #[test]
    fn a_healthy_server_is_never_left() {
        let (mut servers, now) = (two(), Instant::now());
        servers.says(Some(200), now);
        assert_eq!(servers.next_look(), None);
        assert!(!servers.seen(&[(1, 255)]));
        servers.says(None, now);
        assert!(!servers.seen(&[(1, 255)]), "one that says nothing counts as healthy");
    }

    #[test]
    fn a_degraded_server_is_left_for_a_better_one_only() {
        let (mut servers, now) = (two(), Instant::now());
        servers.says(Some(100), now);
        assert_eq!(servers.next_look(), Some(now));
        assert_eq!(servers.look(now), [(1, "opc.tcp://b".to_owned())]);
        assert!(servers.next_look() > Some(now), "not again at once");
        assert!(!servers.seen(&[(1, 100)]), "an equal one is no better");
        assert!(servers.seen(&[(1, 150)]));
        assert_eq!(servers.current(), "opc.tcp://b");
    }

    #[test]
    fn a_single_server_is_kept_whatever_it_says() {
        let mut servers = Servers::new(&["opc.tcp://a".to_owned()]);
        servers.says(Some(0), Instant::now());
        assert_eq!(servers.next_look(), None);
        servers.failed();
        assert_eq!(servers.current(), "opc.tcp://a");
    }
}
