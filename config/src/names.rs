//! Which names are legal where: in MQTT topics, in Sparkplug, in file names and metrics.

use crate::finding::{Finding, Log, Word};
use crate::source::Place;
use crate::texts::{self, Phrase, phrase};

/// What is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Edge node id of Sparkplug, part of client ids.
    Gateway,
    /// One level of the ISA-95 path.
    PathLevel,
    /// Names files and metrics.
    Broker,
    /// Group id of Sparkplug.
    Group,
    /// Host id of Sparkplug.
    Host,
    Link,
    Device,
    /// May have `/` in it: a folder of Sparkplug metrics.
    Tag,
}

impl Kind {
    const fn words(self) -> Phrase {
        match self {
            Self::Gateway => phrase::A_GATEWAY_ID,
            Self::PathLevel => phrase::A_PATH_LEVEL,
            Self::Broker => phrase::A_BROKER_NAME,
            Self::Group => phrase::A_GROUP_ID,
            Self::Host => phrase::A_HOST_ID,
            Self::Link => phrase::A_LINK_NAME,
            Self::Device => phrase::A_DEVICE_NAME,
            Self::Tag => phrase::A_TAG_NAME,
        }
    }
}

/// Longest name in bytes (chosen: six levels of it fit a topic many times
/// over, and a screen can show it).
const LONGEST: usize = 128;

/// Whether `name` is legal; if not, it is in the log.
///
/// `+ # /` end a topic level or are wildcards (MQTT 3.1.1, 4.7; Sparkplug 3.0,
/// 4.1 forbids them in ids), control characters are refused by brokers.
pub(crate) fn check(log: &Log, kind: Kind, name: &str, place: Place) -> bool {
    match offence(kind, name) {
        None => true,
        Some(reason) => {
            let finding = Finding::new(&texts::ILLEGAL_NAME, place)
                .with(
                    "name",
                    if name.is_empty() {
                        Word::from(["(empty)", "（空）"])
                    } else {
                        Word::Plain(name.escape_debug().to_string())
                    },
                )
                .with("kind", kind.words())
                .label(reason);
            log.report(finding);
            false
        }
    }
}

fn offence(kind: Kind, name: &str) -> Option<Phrase> {
    let slash = name.contains('/');
    if name.is_empty() || (slash && name.split('/').any(str::is_empty)) {
        return Some(if kind == Kind::PathLevel {
            phrase::EMPTY_LEVEL
        } else {
            phrase::NAME_EMPTY
        });
    }
    if name.contains(['+', '#']) {
        return Some(phrase::NAME_WILDCARD);
    }
    if slash && kind != Kind::Tag {
        return Some(phrase::NAME_SLASH);
    }
    if name.chars().any(char::is_control) {
        return Some(phrase::NAME_CONTROL);
    }
    if name.trim() != name {
        return Some(phrase::NAME_BLANK);
    }
    if name.len() > LONGEST {
        return Some(phrase::NAME_LONG);
    }
    // Names a directory of the buffer and labels of metrics.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if kind == Kind::Broker && (!name.chars().all(plain) || name.starts_with('.')) {
        return Some(phrase::NAME_NOT_PLAIN);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Kind, offence};

    #[test]
    fn names_that_break_topics_are_illegal() {
        for (kind, name) in [
            (Kind::Device, ""),
            (Kind::Device, "a/b"),
            (Kind::Device, "cell#1"),
            (Kind::Gateway, "pot+2"),
            (Kind::Tag, "a//b"),
            (Kind::Tag, "/a"),
            (Kind::Tag, "a\nb"),
            (Kind::Device, " a"),
            (Kind::Broker, "工厂"),
            (Kind::Broker, "..x"),
        ] {
            assert!(offence(kind, name).is_some(), "{kind:?} {name:?}");
        }
        for (kind, name) in [
            (Kind::Device, "槽-001"),
            (Kind::Tag, "valve/ZT_1.PV"),
            (Kind::Tag, "anode_current[3]"),
            (Kind::Broker, "plant-2"),
        ] {
            assert_eq!(offence(kind, name), None, "{kind:?} {name:?}");
        }
    }
}
