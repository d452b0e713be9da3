//! From an OPC UA device of the plan to what its driver is told.

mod relay;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forehearth_config::{
    DiscardPlan, LinkPlan, NodePlan, OpcUaPlan, Plan, ServerDeadband, UserPlan,
};
use forehearth_driver_opcua::{
    Address, Deadband, Discard, FingerprintError, Group, Identity, IdentityError, Item, NodeError,
    Password, Security, SecurityError, Settings, Trust, User,
};
use forehearth_model::{DataType, DeviceId, TagId};

use crate::secrets::{self, SecretError};

pub use relay::Relay;

/// Days before the gateway's certificate expires from which on it is warned
/// of. Chosen: two months, time to tell every server of a new one.
const WARN_DAYS: i64 = 60;

/// Why a server can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The password can't be read.
    #[error(transparent)]
    Password(#[from] SecretError),
    /// None of these three for a plan that was loaded: its notations are the driver's.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// See [`Node`](Self::Node).
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// See [`Node`](Self::Node).
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
}

/// The gateway's own certificate, when a server of the plan asks for one;
/// made at the first start.
///
/// Blocks for some seconds at the first start.
///
/// # Errors
/// When it can't be read or made.
pub fn identity<'p>(
    id: &str,
    mut servers: impl Iterator<Item = &'p OpcUaPlan>,
    state: &Path,
) -> Result<Option<Arc<Identity>>, IdentityError> {
    if servers.all(|server| server.security == "None") {
        return Ok(None);
    }
    let identity = Identity::load_or_create(&state.join("opcua"), id)?;
    let file = identity.certificate_file();
    if let Some(fingerprint) = identity.fingerprint() {
        tracing::info!("OPC UA servers must trust {} ({fingerprint})", file.display());
    }
    if let Some(days) = identity.days_left().filter(|days| *days < WARN_DAYS) {
        tracing::warn!(
            "the gateway's OPC UA certificate {} expires in {days} days: move it and its key \
             away to get new ones at the next start, and tell the servers",
            file.display()
        );
    }
    Ok(Some(Arc::new(identity)))
}

/// What the driver is told about `link`, whose transport is `server`. Reads
/// the password.
///
/// # Errors
/// When the password can't be read.
pub fn settings(
    plan: &Plan,
    link: &LinkPlan,
    server: &OpcUaPlan,
    identity: Option<Arc<Identity>>,
) -> Result<Settings, SetupError> {
    let security: Security = server.security.parse()?;
    let device = link.groups.first().map_or(DeviceId(0), |group| group.device);
    let user = match &server.user {
        UserPlan::Anonymous => User::Anonymous,
        UserPlan::Name(name, password) => {
            secrets::read(password)?; // what can't be read is said at the start
            let source = password.clone();
            let read = move || secrets::read(&source).map_err(|error| error.to_string());
            User::Name { name: name.clone(), password: Password::read_by(read) }
        }
        UserPlan::Certificate(certificate, key) => {
            User::Certificate { certificate: certificate.clone(), key: key.clone() }
        }
    };
    let pinned = server.trust.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let url = server.urls.first().cloned().unwrap_or_default();
    let mut settings = Settings::new(&link.name, device, url, security);
    settings.urls.clone_from(&server.urls);
    settings.reverse = server.reverse;
    settings.user = user;
    settings.trust = Trust { pinned, folder: Some(server.trust_folder.clone()) };
    settings.queue = server.queue;
    settings.discard = match server.discard {
        DiscardPlan::Oldest => Discard::Oldest,
        DiscardPlan::Newest => Discard::Newest,
    };
    settings.identity = identity;
    settings.namespaces.clone_from(&server.namespaces);
    settings.timeout = link.timeout;
    if let Some(restate) = restate(plan, link) {
        settings.restate = restate;
    }
    settings.groups = groups(plan, link, server)?;
    Ok(settings)
}

/// Twice within the shortest silence that a tag may have, so that a quiet
/// value is never older than its reading claims.
fn restate(plan: &Plan, link: &LinkPlan) -> Option<Duration> {
    let tags = link.groups.iter().flat_map(|group| &group.tags);
    tags.map(|tag| plan.tags[tag.index()].report.max_gap).min().map(|gap| gap / 2)
}

fn groups(plan: &Plan, link: &LinkPlan, server: &OpcUaPlan) -> Result<Vec<Group>, NodeError> {
    let item = |tag: &TagId| {
        let point = plan.tags[tag.index()].point.node()?;
        let data_type = plan.catalogue.tags[tag.index()].data_type;
        Some(item(*tag, point, data_type))
    };
    let groups = link.groups.iter().map(|group| {
        let items = group.tags.iter().filter_map(item).collect::<Result<_, _>>()?;
        Ok(Group { period: group.period, sampling: server.sampling, items })
    });
    groups.collect()
}

fn item(tag: TagId, point: &NodePlan, data_type: DataType) -> Result<Item, NodeError> {
    let address = Address::parse(&point.node)?;
    let address = address.part(point.field.as_deref(), point.element.map(u32::from));
    let mut item = Item::new(tag, address, Some(data_type));
    item.sampling = point.sampling;
    item.events = point.events;
    item.deadband = point.deadband.map(|deadband| match deadband {
        ServerDeadband::Absolute(units) => Deadband::Absolute(units),
        ServerDeadband::Percent(percent) => Deadband::Percent(percent),
    });
    Ok(item)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::time::Duration;

    use forehearth_config::{Plan, Transport};
    use forehearth_driver_opcua::{Identity, User};
    use forehearth_model::DataType;

    use super::{identity, settings};

    const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"pot2\"\npath = \"a/b\"\n\
                           [[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"native\"\n";

    fn plan(device: &str) -> (tempfile::TempDir, Plan) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("devices")).unwrap();
        std::fs::write(dir.path().join("gateway.toml"), GATEWAY).unwrap();
        std::fs::write(dir.path().join("devices/d.toml"), device).unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "sodium\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let loaded = forehearth_config::load(dir.path());
        let findings =
            forehearth_config::render(&loaded.report, forehearth_config::Lang::En, false);
        (dir, loaded.plan.unwrap_or_else(|| panic!("{findings}")))
    }

    #[test]
    fn what_the_map_says_is_what_the_driver_is_told() {
        let pin = "sha256:5f2c8a1e90b7d34466aa0f1be2c97d5803e4b1a2f6c8d7e9001122334455aabb";
        let (dir, plan) = plan(&format!(
            "schema = 1\n[[device]]\nname = \"fc-201\"\ndriver = \"opcua\"\n\
             url = \"opc.tcp://dcs-a/plant\"\nsecurity = \"Aes256_Sha256_RsaPss/SignAndEncrypt\"\n\
             user = \"fh-read\"\npassword = {{ file = \"secret\" }}\ntrust = \"{pin}\"\n\
             namespace = {{ dcs = \"urn:dcs\" }}\nsampling = \"250ms\"\nrate = \"2s\"\n\
             max_gap = \"30s\"\n[device.tags]\n\
             level = {{ node = \"dcs:s=L\", type = \"REAL\", max_gap = \"10s\" }}\n\
             name = {{ node = \"dcs:i=7\", type = \"STRING\", rate = \"5s\" }}\n\
             speed = {{ node = \"dcs:s=S\", type = \"LREAL\" }}\n"
        ));
        let link = &plan.links[0];
        let Transport::OpcUa(server) = &link.transport else { panic!("{:?}", link.transport) };
        let own = identity("pot2", std::iter::once(&**server), dir.path()).unwrap();
        let told = settings(&plan, link, server, own).unwrap();
        assert_eq!((&*told.name, &*told.urls[0]), ("fc-201", "opc.tcp://dcs-a:4840/plant"));
        assert_eq!(told.security.to_string(), "Aes256_Sha256_RsaPss/SignAndEncrypt");
        let User::Name { name, password } = &told.user else { panic!("{:?}", told.user) };
        assert_eq!((&**name, password.read()), ("fh-read", Ok("sodium".to_owned())));
        std::fs::write(dir.path().join("secret"), "potassium\n").unwrap();
        assert_eq!(password.read(), Ok("potassium".to_owned()), "it may be changed while we run");
        assert_eq!(told.trust.pinned[0].to_string(), pin);
        assert_eq!(told.trust.folder, Some(dir.path().join("trust")));
        assert_eq!(told.namespaces, [("dcs".to_owned(), "urn:dcs".to_owned())]);
        assert_eq!(told.timeout, Duration::from_secs(2));
        assert_eq!(told.restate, Duration::from_secs(5));
        let groups = told.groups.iter().map(|group| (group.period.as_secs(), group.items.len()));
        assert!(groups.eq([(2, 2), (5, 1)]));
        assert_eq!(told.groups[0].sampling, Some(Duration::from_millis(250)));
        assert_eq!(told.groups[1].items[0].data_type, Some(DataType::String));
        assert_eq!(told.groups[1].items[0].address.to_string(), "dcs:i=7");
        let made = Identity::load_or_create(&dir.path().join("opcua"), "pot2").unwrap();
        assert_eq!(made.fingerprint(), told.identity.unwrap().fingerprint());
    }

    #[test]
    fn every_security_of_a_map_is_one_of_the_driver_and_none_needs_no_certificate() {
        for security in ["None", "Basic256Sha256/Sign", "Aes128_Sha256_RsaOaep/SignAndEncrypt"] {
            let (dir, plan) = plan(&format!(
                "schema = 1\n[[device]]\nname = \"d\"\ndriver = \"opcua\"\n\
                 url = \"opc.tcp://h\"\nsecurity = \"{security}\"\n\
                 [device.tags]\nt = {{ node = \"i=2258\", type = \"LINT\" }}\n"
            ));
            let Transport::OpcUa(server) = &plan.links[0].transport else { panic!() };
            let told = settings(&plan, &plan.links[0], server, None).unwrap();
            assert_eq!(told.security.to_string(), security);
            if security == "None" {
                let own = identity("pot2", std::iter::once(&**server), dir.path()).unwrap();
                assert!(own.is_none() && !dir.path().join("opcua").exists());
            }
        }
    }
}
