//! Both sides of the conversation against each other, and against a side that breaks the rules.
#![allow(clippy::unwrap_used, reason = "a test")]

use forehearth_plugin_protocol::v1::{
    Ack, Batch, Capabilities, ConfigError, Configure, Hello, Poll, Section, ToHost, ToPlugin,
    to_host, to_plugin,
};
use forehearth_plugin_protocol::{
    Breach, HostEvent, HostSession, Part, PluginEvent, PluginSession,
};

const CREDIT: u32 = 4;

fn hello(push: bool) -> Hello {
    let capabilities = Some(Capabilities { poll: true, push, ..Capabilities::default() });
    Hello { name: "meter".to_owned(), capabilities, ..Hello::default() }
}

fn configure() -> Configure {
    Configure { credit: CREDIT, ..Configure::default() }
}

fn section(tags: u32) -> Section {
    let values = (0..tags).map(f64::from).collect();
    Section { tags: (0..tags).collect(), doubles: values, ..Section::default() }
}

fn batch(sequence: u64, poll: u64, last: bool, readings: u32) -> ToHost {
    let sections = vec![section(readings)];
    ToHost { kind: Some(to_host::Kind::Batch(Batch { sequence, poll, last, sections })) }
}

/// Both sides, readings flowing.
fn running(push: bool) -> (HostSession, PluginSession) {
    let mut host = HostSession::default();
    let (mut plugin, greeting) = PluginSession::begin(hello(push));
    assert!(matches!(host.on(greeting), Ok(HostEvent::Hello(_))));
    let configure = host.configure(configure());
    assert!(matches!(plugin.on(configure), Ok(PluginEvent::Configure(_))));
    assert_eq!(host.on(plugin.configured(Vec::new())), Ok(HostEvent::Accepted));
    assert_eq!(plugin.on(host.start()), Ok(PluginEvent::Start));
    (host, plugin)
}

#[test]
fn a_poll_is_answered_in_parts_and_the_credit_comes_back() {
    let (mut host, mut plugin) = running(false);
    for _ in 0..3 {
        assert!(matches!(plugin.on(host.poll(0, 1000)), Ok(PluginEvent::Poll(_))));
        let part = plugin.answer(vec![section(3)], Part::Some).unwrap();
        assert!(matches!(host.on(part), Ok(HostEvent::Batch(_))));
        assert_eq!(plugin.answer(vec![section(3)], Part::Last), None, "credit for one is left");
        assert_eq!(plugin.on(host.acknowledge().unwrap()), Ok(PluginEvent::Credit));
        let last = plugin.answer(vec![section(4)], Part::Last).unwrap();
        assert!(matches!(host.on(last), Ok(HostEvent::Batch(_))));
        assert_eq!(plugin.on(host.acknowledge().unwrap()), Ok(PluginEvent::Credit));
        assert_eq!(plugin.credit(), u64::from(CREDIT));
        assert_eq!(host.acknowledge(), None);
    }
}

#[test]
fn a_refused_configuration_carries_its_errors_and_ends_it() {
    let mut host = HostSession::default();
    let (mut plugin, greeting) = PluginSession::begin(hello(false));
    host.on(greeting).unwrap();
    plugin.on(host.configure(configure())).unwrap();
    let error = ConfigError { key: "at".to_owned(), tag: Some(7), ..ConfigError::default() };
    let refused = host.on(plugin.configured(vec![error.clone()]));
    assert_eq!(refused, Ok(HostEvent::Refused(vec![error])));
    assert!(plugin.on(host.start()).is_err());
}

#[test]
fn a_lying_sequence_is_a_breach() {
    for sequence in [0, 2, u64::MAX] {
        let (mut host, _) = running(true);
        let breach = host.on(batch(sequence, 0, false, 1));
        assert_eq!(breach, Err(Breach::Sequence { got: sequence, expected: 1 }));
    }
    let (mut host, _) = running(true);
    host.on(batch(1, 0, false, 1)).unwrap();
    let repeated = host.on(batch(1, 0, false, 1));
    assert_eq!(repeated, Err(Breach::Sequence { got: 1, expected: 2 }));
}

#[test]
fn a_flood_ends_where_the_credit_ends() {
    let (mut host, _) = running(true);
    host.on(batch(1, 0, false, 3)).unwrap();
    let flood = host.on(batch(2, 0, false, 2));
    assert_eq!(flood, Err(Breach::Overdrawn { readings: 2, credit: 1 }));
}

#[test]
fn an_answer_to_no_poll_or_to_one_that_is_over_is_a_breach() {
    let (mut host, _) = running(false);
    assert!(matches!(host.on(batch(1, 1, true, 1)), Err(Breach::StrayAnswer { .. })));
    host.poll(0, 1000);
    host.on(batch(1, 1, true, 1)).unwrap();
    let again = host.on(batch(2, 1, true, 1));
    assert_eq!(again, Err(Breach::StrayAnswer { got: 1, asked: 1 }));
    assert!(matches!(host.on(batch(2, 0, false, 1)), Err(Breach::NotCapable { .. })));
}

#[test]
fn nothing_may_come_before_its_turn() {
    let mut host = HostSession::default();
    assert!(matches!(host.on(batch(1, 0, false, 1)), Err(Breach::OutOfTurn { .. })));
    assert_eq!(host.on(ToHost::default()), Err(Breach::Empty));
    let (mut plugin, greeting) = PluginSession::begin(hello(false));
    host.on(greeting.clone()).unwrap();
    assert!(matches!(host.on(greeting), Err(Breach::OutOfTurn { .. })), "Hello twice");
    let poll = ToPlugin { kind: Some(to_plugin::Kind::Poll(Poll::default())) };
    assert!(matches!(plugin.on(poll), Err(Breach::OutOfTurn { .. })));
    let ack = ToPlugin { kind: Some(to_plugin::Kind::Ack(Ack { sequence: 1, credit: 1 })) };
    assert_eq!(plugin.on(ack), Err(Breach::AckBeyond { got: 1, sent: 0 }));
}

#[test]
fn another_program_and_another_version_are_told_apart() {
    let greet = |magic: &str, version_min, version_max| {
        let hello = Hello { magic: magic.to_owned(), version_min, version_max, ..hello(false) };
        HostSession::default().on(ToHost { kind: Some(to_host::Kind::Hello(hello)) })
    };
    assert!(matches!(greet("cat", 1, 1), Err(Breach::NotAPlugin { .. })));
    let later = greet("forehearth.plugin", 2, 3);
    assert_eq!(later, Err(Breach::NoCommonVersion { min: 2, max: 3, ours: 1 }));
    assert!(greet("forehearth.plugin", 1, 3).is_ok());
}
