//! A destination: one broker that gets batches, from settings to a running link.

use std::sync::Arc;

use forehearth_model::{Catalogue, CatalogueHash};
use tokio::sync::watch;

use crate::link::Link;
use crate::opener::Opener;
use crate::outbox::Outbox;
use crate::settings::{DestinationSettings, Server, SettingsError};
use crate::status::LinkStatus;

/// A destination whose settings are known to be usable.
pub struct Destination {
    settings: DestinationSettings,
    opener: Opener,
}

impl Destination {
    /// Checks the settings against the plan. `hash` names `catalogue`, as the
    /// batches do.
    ///
    /// # Errors
    /// When a filter, an id or a topic can't be used.
    pub fn new(
        settings: DestinationSettings,
        catalogue: &Arc<Catalogue>,
        hash: CatalogueHash,
    ) -> Result<Self, SettingsError> {
        if settings.servers.is_empty() {
            return Err(SettingsError::NoServer);
        }
        let ipv6 = |server: &&Server| server.host.contains(':');
        if let (Some(_), Some(server)) = (&settings.tls, settings.servers.iter().find(ipv6)) {
            return Err(SettingsError::TlsToIpv6(server.to_string()));
        }
        let opener = Opener::new(&settings, catalogue, hash)?;
        Ok(Self { settings, opener })
    }

    /// Connects, sends, settles and reconnects until `stop` turns true (or
    /// its sender is dropped); then waits up to 2 s for what is in flight,
    /// says goodbye and ends. Give it a task of its own; destinations know
    /// nothing of one another.
    ///
    /// Dropping the future cuts the connection without a goodbye; nothing is
    /// lost by that, because only what was settled has left the outbox.
    pub async fn run(
        self,
        outbox: impl Outbox,
        stop: watch::Receiver<bool>,
        status: Arc<LinkStatus>,
    ) {
        Link::new(self.settings, self.opener, outbox, stop, status).run().await;
    }
}
