//! From `[[broker]]` of the plan to the settings of a destination.

use std::sync::Arc;

use forehearth_config::{BrokerFormat, BrokerPlan, MqttPlan, ServerPlan, TlsPlan};
use forehearth_publish::{
    ClientCertificate, DestinationSettings, Format, HealthSource, Mqtt, PACKET_LIMIT_BYTES, Secret,
    Server, Tls,
};

use crate::{clock, secrets};

/// The destinations as the buffer is told of them.
pub fn destinations(brokers: &[BrokerPlan]) -> Vec<forehearth_buffer::Destination> {
    let told = |broker: &BrokerPlan| forehearth_buffer::Destination {
        name: broker.name.clone(),
        max_size: broker.max_size,
        max_age: broker.max_age,
    };
    brokers.iter().map(told).collect()
}

/// The settings of one destination. Its password is read at each connect.
pub fn settings(broker: &BrokerPlan, health: &HealthSource) -> DestinationSettings {
    let password = broker.password.clone().map(|source| -> Secret {
        Arc::new(move || secrets::read(&source).map_err(|error| error.to_string()))
    });
    DestinationSettings {
        name: broker.name.clone(),
        servers: broker.servers.iter().map(server).collect(),
        tls: broker.tls.as_ref().map(tls),
        format: format(&broker.format),
        mqtt: match broker.mqtt {
            MqttPlan::Newest => Mqtt::Newest,
            MqttPlan::Three => Mqtt::Three,
            MqttPlan::Five => Mqtt::Five,
        },
        keepalive: broker.keepalive,
        username: broker.username.clone(),
        password,
        grades: broker.grades.clone(),
        devices: broker.devices.clone(),
        backlog: broker.backlog,
        packet_limit: PACKET_LIMIT_BYTES,
        clock: Arc::new(clock::now),
        health: Some(Arc::clone(health)),
        commands: None,
    }
}

fn server(server: &ServerPlan) -> Server {
    Server { host: server.host.clone(), port: server.port }
}

fn tls(tls: &TlsPlan) -> Tls {
    let client = tls.client.clone().map(|(cert, key)| ClientCertificate { cert, key });
    Tls { ca: tls.ca.clone(), client, server_name: tls.server_name.clone() }
}

fn format(format: &BrokerFormat) -> Format {
    match format.clone() {
        BrokerFormat::Sparkplug { group, primary_host } => {
            Format::Sparkplug { group, primary_host }
        }
        BrokerFormat::Native { topic, baseline } => Format::Native { topic, baseline },
        BrokerFormat::Json { topic, per_tag, retain } => Format::Json { topic, per_tag, retain },
    }
}
