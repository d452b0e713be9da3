//! The page as text.

use std::fmt::Write as _;

use super::Audit;
use super::reach::{BrokerReach, DeviceReach};

/// The whole page. Devices that are alike share a line.
pub fn text(audit: &Audit) -> String {
    let mut page = String::new();
    head(&mut page, "Program");
    let host = &audit.host;
    let unknown = || "not found".to_owned();
    line(&mut page, "version", host.version);
    line(&mut page, "sha-256", &host.program_sha256.clone().unwrap_or_else(unknown));
    line(&mut page, "SBOM sha-256", &host.sbom_sha256.clone().unwrap_or_else(unknown));
    line(&mut page, "looked at as", &format!("user {}", host.user));
    let score = match &host.sandbox {
        Ok(score) => format!("{score} of 10, 0 is tightest (systemd-analyze security)"),
        Err(why) => format!("unknown: {why}"),
    };
    line(&mut page, "sandbox", &score);

    head(&mut page, "Listens on");
    for socket in &audit.reach.listens {
        line(&mut page, socket, "status page, read only, no login");
    }
    if audit.reach.listens.is_empty() {
        line(&mut page, "nothing", "");
    }

    head(&mut page, "Connects to brokers");
    audit.reach.brokers.iter().for_each(|broker| broker_lines(&mut page, broker));

    head(&mut page, "Connects to devices");
    for (device, alike) in alike(&audit.reach.devices) {
        let name = if alike == 1 {
            device.name.clone()
        } else {
            format!("{} and {} more", device.name, alike - 1)
        };
        line(&mut page, &name, &device_text(device));
    }

    head(&mut page, "Files");
    for file in &audit.files {
        let mode = file.mode.as_deref().unwrap_or("----");
        let owner = file.owner.as_deref().unwrap_or("absent, or not for this user to see");
        line(&mut page, &format!("{mode} {}", file.path.display()), owner);
    }

    head(&mut page, "To be looked at");
    for concern in &audit.concerns {
        line(&mut page, &concern.about, &concern.text);
    }
    if audit.concerns.is_empty() {
        line(&mut page, "nothing", "");
    }
    page
}

/// The first of each run of devices that differ in name and unit only, and how many they are.
fn alike(devices: &[DeviceReach]) -> Vec<(&DeviceReach, usize)> {
    let same = |a: &DeviceReach, b: &DeviceReach| {
        (&a.peer, a.access, &a.requests, &a.security)
            == (&b.peer, b.access, &b.requests, &b.security)
    };
    let mut groups: Vec<(&DeviceReach, usize)> = Vec::new();
    for device in devices {
        match groups.last_mut() {
            Some((first, count)) if same(first, device) => *count += 1,
            _ => groups.push((device, 1)),
        }
    }
    groups
}

fn broker_lines(page: &mut String, broker: &BrokerReach) {
    let user = broker.user.as_deref().unwrap_or("no user");
    let password = broker.password.as_deref().unwrap_or("no password");
    let commands = if broker.commands { "commands taken" } else { "no commands" };
    let servers = broker.servers.join(", ");
    line(
        page,
        &broker.name,
        &format!("{servers}; TLS: {}; {user}, {password}; {commands}", broker.tls),
    );
}

fn device_text(device: &DeviceReach) -> String {
    let requests = device.requests.join(", ");
    let (unit, requests) = match device.unit {
        Some(unit) => (format!(" unit {unit}"), format!("functions {requests}")),
        None => (String::new(), requests),
    };
    format!("{}{unit}; {}; {requests}; security: {}", device.peer, device.access, device.security)
}

fn head(page: &mut String, title: &str) {
    let blank = if page.is_empty() { "" } else { "\n" };
    let _ = writeln!(page, "{blank}{title}");
}

fn line(page: &mut String, left: &str, right: &str) {
    let _ = writeln!(page, "  {}", format!("{left:<24} {right}").trim_end());
}
