//! The primary host: births wait until its STATE says it is online (Sparkplug 3.0, 6.4.31 and 5.5).

/// A STATE message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    online: bool,
    timestamp: i64,
}

/// What a STATE message changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Nothing.
    Same,
    /// It is online now.
    Came,
    /// It is offline now.
    Went,
}

/// What is known of the primary host on this connection, and so on this
/// server: each keeps STATE messages of its own. The first STATE always
/// counts, later ones only if they are not older.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Host {
    last: Option<State>,
}

impl Host {
    pub(crate) fn is_online(&self) -> bool {
        self.last.is_some_and(|state| state.online)
    }

    /// Whether it said so.
    pub(crate) fn is_offline(&self) -> bool {
        self.last.is_some_and(|state| !state.online)
    }

    /// A STATE message; garbage changes nothing.
    pub(crate) fn hear(&mut self, payload: &[u8]) -> Turn {
        let Some(state) = parse(payload) else { return Turn::Same };
        if self.last.is_some_and(|last| state.timestamp < last.timestamp) {
            return Turn::Same;
        }
        let was_online = self.is_online();
        self.last = Some(state);
        match (was_online, state.online) {
            (false, true) => Turn::Came,
            (true, false) => Turn::Went,
            _ => Turn::Same,
        }
    }
}

/// `{"online": true, "timestamp": 1668114759262}`
fn parse(payload: &[u8]) -> Option<State> {
    let json: serde_json::Value = serde_json::from_slice(payload).ok()?;
    Some(State {
        online: json.get("online")?.as_bool()?,
        timestamp: json.get("timestamp")?.as_i64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Host, Turn};

    #[test]
    fn tck_id_message_flow_edge_node_birth_publish_phid_wait_online() {
        let mut host = Host::default();
        assert_eq!(host.hear(br#"{"online":false,"timestamp":5}"#), Turn::Same);
        assert!(!host.is_online());
        assert_eq!(host.hear(br#"{"online":true,"timestamp":6}"#), Turn::Came);
        assert!(host.is_online());
    }

    #[test]
    fn tck_id_message_flow_edge_node_birth_publish_phid_wait_timestamp() {
        let mut host = Host::default();
        assert_eq!(host.hear(br#"{"online":true,"timestamp":100}"#), Turn::Came);
        assert_eq!(host.hear(br#"{"online":false,"timestamp":99}"#), Turn::Same, "older");
        assert_eq!(host.hear(br#"{"online":false,"timestamp":100}"#), Turn::Went, "not older");
    }

    #[test]
    fn garbage_is_no_state() {
        let mut host = Host::default();
        for garbage in [&b"ONLINE"[..], b"{}", b"", br#"{"online":"true","timestamp":1}"#] {
            assert_eq!(host.hear(garbage), Turn::Same);
        }
    }
}
