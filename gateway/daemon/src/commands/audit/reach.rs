//! What the gateway listens on, whom it talks to, and what it could ask of them.

use std::collections::BTreeSet;

use forehearth_config::{BrokerPlan, CarrierPlan, LinkPlan, PasswordSource, Plan, Transport};
use forehearth_modbus::{Access, Table};
use forehearth_model::DeviceId;
use serde::Serialize;

/// Every socket, peer and possible request that follows from a plan.
#[derive(Serialize, Debug)]
pub struct Reach {
    /// Addresses that are listened on.
    pub listens: Vec<String>,
    /// Brokers.
    pub brokers: Vec<BrokerReach>,
    /// Devices.
    pub devices: Vec<DeviceReach>,
}

/// One address of a broker.
#[derive(Serialize, Debug)]
pub struct BrokerReach {
    /// Its name in the map.
    pub name: String,
    /// `host:port`, in the order they are used.
    pub servers: Vec<String>,
    /// How the connection is protected.
    pub tls: String,
    /// Who the gateway says it is.
    pub user: Option<String>,
    /// Where the password is; never the password.
    pub password: Option<String>,
    /// Whether it may send commands.
    pub commands: bool,
    /// Whether everything travels in the clear to another machine.
    pub clear: bool,
}

/// One device.
#[derive(Serialize, Debug)]
pub struct DeviceReach {
    /// Its name in the map.
    pub name: String,
    /// Where it is reached.
    pub peer: String,
    /// Modbus unit id, or `None`.
    pub unit: Option<u8>,
    /// `read-only`, or `read-write`.
    pub access: &'static str,
    /// What can be asked of it: Modbus function codes, or OPC UA services.
    pub requests: Vec<String>,
    /// How the connection is protected.
    pub security: String,
    /// Whether an OPC UA server is talked to without signatures.
    pub unsigned: bool,
}

impl Reach {
    /// Everything that this plan makes possible.
    pub fn of(plan: &Plan) -> Self {
        let listens = plan.status.iter().map(|status| format!("tcp {}", status.listen)).collect();
        let devices = (0..plan.devices.len()).map(|device| device_reach(plan, device)).collect();
        Self { listens, brokers: plan.brokers.iter().map(broker_reach).collect(), devices }
    }
}

fn broker_reach(broker: &BrokerPlan) -> BrokerReach {
    let tls = match &broker.tls {
        None => "none".to_owned(),
        Some(tls) => {
            let believed = tls
                .ca
                .as_ref()
                .map_or("the system's roots".to_owned(), |ca| format!("{}", ca.display()));
            let mutual = if tls.client.is_some() { ", mutual" } else { "" };
            format!("TLS 1.2 or 1.3, verified against {believed}{mutual}")
        }
    };
    let is_remote = |host: &str| host != "localhost" && !is_loopback(host);
    BrokerReach {
        name: broker.name.clone(),
        servers: broker.servers.iter().map(|at| format!("{}:{}", at.host, at.port)).collect(),
        tls,
        user: broker.username.clone(),
        password: broker.password.as_ref().map(place),
        commands: broker.commands,
        clear: broker.tls.is_none() && broker.servers.iter().any(|at| is_remote(&at.host)),
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Where a password is read from.
fn place(password: &PasswordSource) -> String {
    match password {
        PasswordSource::Credential(name) => format!("systemd credential {name}"),
        PasswordSource::File(path) => format!("file {}", path.display()),
    }
}

fn device_reach(plan: &Plan, position: usize) -> DeviceReach {
    let device = &plan.devices[position];
    let link = &plan.links[device.link.0 as usize];
    let (security, unsigned) = security(link);
    let is_modbus =
        matches!(link.transport, Transport::ModbusTcp { .. } | Transport::ModbusLine(_));
    DeviceReach {
        name: plan.catalogue.devices[position].name.clone(),
        peer: peer(link),
        unit: is_modbus.then_some(device.unit),
        access: match device.access {
            Access::ReadOnly => "read-only",
            Access::ReadWrite => "read-write",
        },
        requests: requests(plan, position, link),
        security,
        unsigned,
    }
}

fn peer(link: &LinkPlan) -> String {
    match &link.transport {
        Transport::ModbusTcp { host, port } => format!("tcp {host}:{port}"),
        Transport::ModbusLine(line) => match &line.carrier {
            CarrierPlan::Serial(port) => format!("serial {}", port.path.display()),
            CarrierPlan::Tcp { host, port } => format!("serial server {host}:{port}"),
        },
        Transport::OpcUa(server) => server.urls.join(", "),
        Transport::House(root) => format!("files below {}", root.display()),
        Transport::Plugin(plugin) => {
            format!("whomever the process {} asks", plugin.command.display())
        }
    }
}

fn security(link: &LinkPlan) -> (String, bool) {
    match &link.transport {
        Transport::OpcUa(server) => {
            let trust = if !server.trust.is_empty() { ", pinned certificate" } else { "" };
            (format!("{}{trust}", server.security), server.security == "None")
        }
        Transport::House(_) => ("nobody is asked".to_owned(), false),
        Transport::Plugin(_) => ("whatever its process does".to_owned(), true),
        _ => ("none (Modbus has none)".to_owned(), false),
    }
}

/// Only these: a request of another kind has no code path in the drivers.
fn requests(plan: &Plan, position: usize, link: &LinkPlan) -> Vec<String> {
    let of_device = |tag: &usize| plan.catalogue.tags[*tag].device == DeviceId(position as u32);
    let tags: Vec<_> = (0..plan.tags.len()).filter(of_device).map(|tag| &plan.tags[tag]).collect();
    if let Transport::OpcUa(_) = link.transport {
        let writes = tags.iter().any(|tag| tag.write.is_some()).then_some("Write");
        let services = ["Read", "Browse", "Subscribe", "HistoryRead"].into_iter().chain(writes);
        return services.map(str::to_owned).collect();
    }
    if let Transport::House(_) = link.transport {
        return vec!["files are read".to_owned()];
    }
    if let Transport::Plugin(_) = link.transport {
        return vec!["whatever its process does".to_owned()];
    }
    let points = tags.iter().filter_map(|tag| Some((tag.point.modbus()?, tag.write)));
    let codes: BTreeSet<_> = points
        .flat_map(|(point, write)| {
            let table = point.address.table;
            let writes = if write.is_some() { write_functions(table) } else { &[] };
            std::iter::once(read_function(table)).chain(writes.iter().copied())
        })
        .collect();
    codes.into_iter().map(|code| format!("{code}")).collect()
}

/// What an order for a tag of this table may become (Application Protocol
/// V1.1b3, 6.5, 6.6, 6.11, 6.12 and 6.16).
const fn write_functions(table: Table) -> &'static [u8] {
    match table {
        Table::Coils => &[5, 15],
        Table::HoldingRegisters => &[6, 16, 22],
        Table::DiscreteInputs | Table::InputRegisters => &[],
    }
}

/// Application Protocol V1.1b3, 6.1–6.4.
const fn read_function(table: Table) -> u8 {
    match table {
        Table::Coils => 1,
        Table::DiscreteInputs => 2,
        Table::HoldingRegisters => 3,
        Table::InputRegisters => 4,
    }
}
