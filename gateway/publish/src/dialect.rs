//! The dialect: which version of MQTT each server of a broker is spoken to in.
//!
//! Brokers of MQTT 3.1.1 answer a CONNECT of MQTT 5 with a code that MQTT 5
//! doesn't know, or hang up (MQTT 3.1.1, 3.1.2.2), so a refusal can't always
//! be told from a broker that is just going down. A guess holds for one
//! connection, a plain refusal for as long as the gateway runs.

use crate::settings::Mqtt;

/// A version of MQTT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// 3.1.1.
    Three,
    /// 5.
    Five,
}

/// How a server turned MQTT 5 down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TurnedDown {
    /// In so many words.
    Plainly,
    /// It hung up or answered something else.
    Perhaps,
}

/// What is known of each server.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    asked: Mqtt,
    only_three: Vec<bool>,
}

impl Dialect {
    pub(crate) fn new(asked: Mqtt, servers: usize) -> Self {
        Self { asked, only_three: vec![false; servers] }
    }

    /// What a server is tried in first.
    pub(crate) fn first(&self, server: usize) -> Version {
        let only_three = self.only_three.get(server).copied().unwrap_or(false);
        match self.asked {
            Mqtt::Three => Version::Three,
            Mqtt::Five => Version::Five,
            Mqtt::Newest if only_three => Version::Three,
            Mqtt::Newest => Version::Five,
        }
    }

    /// A server turned MQTT 5 down: what to try now, if anything.
    pub(crate) fn turned_down(&mut self, server: usize, how: TurnedDown) -> Option<Version> {
        if self.asked != Mqtt::Newest {
            return None;
        }
        if let (TurnedDown::Plainly, Some(known)) = (how, self.only_three.get_mut(server)) {
            *known = true;
        }
        Some(Version::Three)
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Mqtt, TurnedDown, Version};

    #[test]
    fn a_plain_refusal_is_remembered_for_that_server_and_a_guess_is_not() {
        let mut dialect = Dialect::new(Mqtt::Newest, 2);
        assert_eq!(dialect.turned_down(0, TurnedDown::Perhaps), Some(Version::Three));
        assert_eq!(dialect.first(0), Version::Five, "it may only have been restarting");
        assert_eq!(dialect.turned_down(0, TurnedDown::Plainly), Some(Version::Three));
        assert_eq!((dialect.first(0), dialect.first(1)), (Version::Three, Version::Five));
    }

    #[test]
    fn a_version_that_was_asked_for_is_kept_to() {
        let mut five = Dialect::new(Mqtt::Five, 1);
        assert_eq!(five.turned_down(0, TurnedDown::Plainly), None);
        assert_eq!(five.first(0), Version::Five);
        assert_eq!(Dialect::new(Mqtt::Three, 1).first(0), Version::Three);
    }
}
