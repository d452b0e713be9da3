//! One server that is asked (`mode = "poll"`): for servers whose
//! subscriptions can't be trusted, or that have none.

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_model::{GroupId, Quality, Sample, Scan, Stamp, Value};
use opcua::types::{NodeId, ReadValueId, VariableId};

use crate::board;
use crate::fault::Fault;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::services::{self, Limits};
use crate::session::Session;
use crate::settings::{Item, Settings};

/// One server, asked.
pub struct OpcUaPoller {
    settings: Settings,
    clock: fn() -> Stamp,
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
        let (session, _) = Session::create(&self.settings).await?;
        let (table, limits) = services::introduce(&session).await?;
        let Self { settings, resolver, .. } = self;
        let mut resolve = |item: &Item| match resolver.resolve(&item.node, &table) {
            Ok(id) => Some(id),
            Err(reason) => {
                let node = item.node.to_string();
                tracing::warn!(link = settings.name, node, %reason, "not read");
                None
            }
        };
        let groups = settings.groups.iter();
        let nodes = groups.map(|group| group.items.iter().map(&mut resolve).collect()).collect();
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
        asked.extend(nodes.iter().flatten().cloned().map(services::value_of));
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
        for (item, node) in items.iter().zip(nodes) {
            samples.push(match (node, node.as_ref().and_then(|_| values.next())) {
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
        let (peer, reason) = (self.settings.url.clone(), fault.to_string());
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
                peer: self.settings.url.clone(),
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
