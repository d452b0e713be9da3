//! One server that is asked (`mode = "poll"`): for servers whose
//! subscriptions can't be trusted, or that have none.

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_model::{GroupId, Quality, Sample, Scan, Stamp, Value};
use opcua::types::{NodeId, ReadValueId, VariableId};

use crate::board;
use crate::fault::Fault;
use crate::locate::locate;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::servers::Servers;
use crate::services::{self, Limits};
use crate::session::Session;
use crate::settings::{Item, Settings};
use crate::structures;

/// One server, asked.
pub struct OpcUaPoller {
    settings: Settings,
    clock: fn() -> Stamp,
    servers: Servers,
    resolver: Resolver,
    connection: Option<Connection>,
    counters: LinkCounters,
}

struct Connection {
    session: Session,
    table: NamespaceTable,
    limits: Limits,
    /// Parallel to groups and their items; `None`: not there today.
    nodes: Vec<Vec<Option<NodeId>>>,
}

impl OpcUaPoller {
    /// A link that is not connected yet. `clock` tells gateway time, with
    /// which every sample is stamped.
    #[must_use]
    pub fn new(settings: Settings, clock: fn() -> Stamp) -> Self {
        Self {
            servers: Servers::new(&settings.urls),
            resolver: Resolver::new(&settings.namespaces),
            settings,
            clock,
            connection: None,
            counters: LinkCounters::default(),
        }
    }

    async fn open(&mut self) -> Result<(), Fault> {
        if let Some(old) = self.connection.take() {
            old.session.close().await;
        }
        let made = Session::create(&self.settings, self.servers.current()).await;
        let (session, _) = made.inspect_err(|_| self.servers.failed())?;
        let (table, mut limits) = services::introduce(&session).await?;
        let groups = &self.settings.groups;
        let addresses: Vec<_> =
            groups.iter().flat_map(|group| &group.items).map(|item| &item.address).collect();
        let found = locate(&session, &mut limits, &mut self.resolver, &table, &addresses).await?;
        let mut found = addresses.iter().zip(found).map(|(address, found)| {
            found.map_err(|reason| {
                let node = address.to_string();
                tracing::warn!(link = self.settings.name, node, reason, "not read");
            })
        });
        let nodes: Vec<Vec<Option<NodeId>>> = groups
            .iter()
            .map(|group| found.by_ref().take(group.items.len()).map(Result::ok).collect())
            .collect();
        let structured = groups.iter().flat_map(|group| &group.items).zip(nodes.iter().flatten());
        let structured = structured.filter(|(item, _)| {
            item.address.part.as_ref().is_some_and(|part| !part.fields.is_empty())
        });
        let structured: Vec<NodeId> = structured.filter_map(|(_, node)| node.clone()).collect();
        if !structured.is_empty() {
            structures::learn(&session, &mut limits, &structured).await?;
        }
        self.connection = Some(Connection { session, table, limits, nodes });
        self.counters.connects += 1;
        Ok(())
    }

    /// The values of a group, in the order of its items. The connection is
    /// put back only when all went well, so that a dropped future closes it.
    async fn read(&mut self, group: GroupId, out: &mut Vec<Scan>) -> Result<(), Fault> {
        let mut connection =
            self.connection.take().ok_or_else(|| Fault::Lost("not connected".to_owned()))?;
        let nodes = &connection.nodes[group.index()];
        // The namespaces first: what they say decides what the rest means.
        let mut asked: Vec<ReadValueId> =
            vec![services::value_of(VariableId::Server_NamespaceArray.into())];
        let mut before = None;
        for node in nodes.iter().flatten() {
            // The elements of an array and the fields of a structure come at once.
            if before != Some(node) {
                asked.push(services::value_of(node.clone()));
            }
            before = Some(node);
        }
        self.counters.requests += 1;
        let values = services::read(&connection.session, &mut connection.limits, &asked).await?;
        let mut values = values.into_iter();
        let namespaces = values.next().and_then(|value| services::namespaces(value.value.as_ref()));
        let table = namespaces.ok_or(Fault::Nonsense("Read of its NamespaceArray"))?;
        if Resolver::is_stale(&connection.table, &table) {
            return Err(Fault::Renumbered);
        }
        let items = &self.settings.groups[group.index()].items;
        let mut samples = Vec::with_capacity(items.len());
        let (mut before, mut value) = (None, None);
        for (item, node) in items.iter().zip(nodes) {
            if let Some(node) = node
                && before != Some(node)
            {
                (before, value) = (Some(node), values.next());
            }
            samples.push(match (node, &value) {
                (Some(_), Some(value)) => board::sample(value, item),
                _ => bad(item, Quality::BadConfiguration),
            });
        }
        self.counters.answers += 1;
        if !samples.is_empty() {
            out.push(Scan { device: self.settings.device, stamp: (self.clock)(), samples });
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn error(&mut self, fault: &Fault) -> LinkError {
        let (peer, reason) = (self.servers.current().to_owned(), fault.to_string());
        match fault {
            Fault::Silent => self.counters.timeouts += 1,
            Fault::Service(_) => self.counters.exceptions += 1,
            _ => {}
        }
        LinkError::Lost { peer, reason }
    }
}

fn bad(item: &Item, quality: Quality) -> Sample {
    Sample { tag: item.tag, quality, value: Value::Null }
}

impl Driver for OpcUaPoller {
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async move {
            self.open().await.map_err(|fault| LinkError::Connect {
                peer: self.servers.current().to_owned(),
                reason: fault.to_string(),
            })
        })
    }

    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(async move {
            match self.read(group, out).await {
                Ok(()) => Ok(()),
                Err(fault) => {
                    self.fail(group, Quality::BadNoCommunication, out);
                    Err(self.error(&fault))
                }
            }
        })
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        let items = &self.settings.groups[group.index()].items;
        let samples: Vec<_> = items.iter().map(|item| bad(item, quality)).collect();
        if !samples.is_empty() {
            out.push(Scan { device: self.settings.device, stamp: (self.clock)(), samples });
        }
    }

    fn counters(&self) -> LinkCounters {
        self.counters
    }
}
