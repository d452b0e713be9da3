//! Identifiers and topics (Sparkplug 3.0, chapter 4).

use forehearth_telemetry::topics::{MessageType, SparkplugTopic};

use super::life::LIFE;
use super::*;
use crate::settings::SettingsError;

fn named(group: &str, gateway: &str, device: &str) -> Result<Node, SettingsError> {
    let mut plan = plant::catalogue();
    plan.gateway = gateway.into();
    plan.devices[0].name = device.into();
    Node::new(
        group,
        None,
        Walk::Alone,
        Filter::default(),
        &Arc::new(plan),
        CatalogueHash(1),
        256 * 1024,
    )
}

#[test]
fn tck_id_intro_group_id_string() {
    let node = named("冶炼厂", "网关-7", "槽 1").unwrap();
    assert_eq!(&*node.nbirth, "spBv1.0/冶炼厂/NBIRTH/网关-7");
    assert_eq!(&*node.layout.units[0].ddata, "spBv1.0/冶炼厂/DDATA/网关-7/槽 1");
}

#[test]
fn tck_id_intro_group_id_chars() {
    for bad in ["", "a/b", "+", "a#", "a\u{0}b", "a\nb"] {
        assert!(named(bad, "n", "d").is_err(), "group {bad:?}");
        assert!(named("G", bad, "d").is_err(), "node {bad:?}");
        assert!(named("G", "n", bad).is_err(), "device {bad:?}");
    }
}

#[test]
fn tck_id_topic_structure() {
    for sent in &LIFE.sent {
        let topic = SparkplugTopic::parse(&sent.message.topic).unwrap();
        assert_eq!((topic.group, topic.node), ("G", "pot2-east"));
        let word = sent.message.topic.split('/').nth(2);
        assert_eq!(word, Some(topic.kind.name()));
        assert!(sent.message.topic.starts_with("spBv1.0/G/"));
    }
}

#[test]
fn tck_id_topic_structure_namespace_device_id_associated_message_types() {
    for kind in [MessageType::Dbirth, MessageType::Ddata, MessageType::Ddeath] {
        assert!(LIFE.of(kind).iter().all(|sent| sent.device.is_some()));
    }
    for kind in [MessageType::Nbirth, MessageType::Ndata, MessageType::Ndeath] {
        assert!(LIFE.of(kind).iter().all(|sent| sent.device.is_none()));
    }
}

#[test]
fn tck_id_topic_structure_namespace_unique_device_id() {
    // A device so large that it is split, beside one that has the name its
    // second part would get.
    let mut plan = plant::catalogue();
    let tag = plan.tags[0].clone();
    plan.devices[1].name = "cell-001:2".into();
    plan.tags = (0..100)
        .map(|number| {
            let mut tag = tag.clone();
            tag.name = format!("t{number}");
            tag
        })
        .chain([plan.tags[3].clone()])
        .collect();
    let node = node(plan, None, 8 * 1024);
    let mut topics: Vec<_> = node.layout.units.iter().map(|unit| &unit.dbirth).collect();
    topics.sort();
    topics.dedup();
    assert!(topics.len() >= 4, "split: {topics:?}");
    assert_eq!(topics.len(), node.layout.units.len());
}

#[test]
fn tck_id_topic_structure_namespace_duplicate_device_id_across_edge_node() {
    let (a, b) = (named("G", "a", "press").unwrap(), named("G", "b", "press").unwrap());
    assert_ne!(a.layout.units[0].ddata, b.layout.units[0].ddata);
}

#[test]
fn tck_id_topics_ncmd_topic() {
    let filters = LIFE.orders.iter().filter_map(|(_, order)| match order {
        Order::Subscribe { filters, .. } => Some(filters.join(" ")),
        _ => None,
    });
    let filters: Vec<_> = filters.collect();
    assert_eq!(filters[0], "spBv1.0/G/DCMD/pot2-east/+");
    assert!(filters.len() > 2, "and the fences");
    assert!(filters[1..].iter().all(|filter| filter == "spBv1.0/G/NCMD/pot2-east"));
}
