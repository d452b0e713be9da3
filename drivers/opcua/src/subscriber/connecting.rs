//! The first mode of a subscribed server: take up the session it may still keep, or make a new one.

use opcua::types::NodeId;

use super::{OpcUaSubscriber, instant};
use crate::fault::Fault;
use crate::flight::Flight;
use crate::locate::locate;
use crate::namespaces::Resolver;
use crate::session::{Session, Ticket};
use crate::supervision::{Action, Supervision};
use crate::{services, structures};

impl OpcUaSubscriber {
    pub(super) async fn connect(&mut self) -> Result<(), Fault> {
        self.flight = Flight::default();
        self.acks.clear();
        self.refused.clear();
        self.looking = None;
        if let Some(mut ticket) = self.ticket.take() {
            match self.resume(&mut ticket).await {
                Ok(()) => {
                    self.resumes_failed = 0;
                    self.ticket = Some(ticket);
                    return Ok(());
                }
                Err(fault) if fault.is_absent() && self.servers.are_several() => {
                    tracing::warn!(link = self.settings.name, %fault, "the next server's turn");
                    self.core = Supervision::default();
                    self.servers.failed();
                }
                Err(fault) if fault.is_absent() => {
                    self.ticket = Some(ticket);
                    return Err(fault);
                }
                Err(fault @ (Fault::Lost(_) | Fault::Silent)) if self.resumes_failed == 0 => {
                    self.resumes_failed += 1;
                    self.ticket = Some(ticket);
                    return Err(fault);
                }
                Err(fault) => {
                    tracing::info!(link = self.settings.name, %fault, "the session before is gone");
                }
            }
        }
        self.resumes_failed = 0;
        self.create().await
    }

    /// Takes up the session before, if the server still has it.
    async fn resume(&mut self, ticket: &mut Ticket) -> Result<(), Fault> {
        let session = Session::resume(&self.settings, ticket).await?;
        let (table, limits) = services::introduce(&session).await?;
        if Resolver::is_stale(&self.table, &table) {
            session.close().await;
            return Err(Fault::Renumbered);
        }
        self.limits = limits;
        self.session = Some(session);
        self.learn().await?;
        self.plan();
        Ok(())
    }

    /// What a new connection starts with.
    fn plan(&mut self) {
        self.pending.clear();
        self.core.resumed(instant(), &mut self.pending);
        let core = &self.core;
        let missing = (0..self.board.groups()).filter(|group| core.subscription(*group).is_none());
        self.pending.extend(missing.map(Action::RebuildSubscription));
    }

    async fn create(&mut self) -> Result<(), Fault> {
        let made = Session::create(&self.settings, self.servers.current()).await;
        let (session, ticket) = made.inspect_err(|_| self.servers.failed())?;
        let (table, limits) = services::introduce(&session).await?;
        self.limits = limits;
        let orphans = self.core.subscriptions();
        if Resolver::is_stale(&self.table, &table) {
            self.core = Supervision::default();
        } else if !orphans.is_empty() {
            let came = services::transfer(&session, &orphans).await?;
            for (id, _) in orphans.iter().zip(came).filter(|(_, came)| !came) {
                if let Some(group) = self.core.group(*id) {
                    self.core.forget(group);
                }
            }
        }
        self.table = table;
        self.session = Some(session);
        let everything: Vec<usize> = (0..self.board.items().len()).collect();
        self.locate(&everything).await?;
        self.learn().await?;
        self.ticket = Some(ticket);
        self.plan();
        Ok(())
    }

    /// Looks nodes up in today's namespaces and at the ends of today's ways.
    pub(super) async fn locate(&mut self, places: &[usize]) -> Result<(), Fault> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let items = self.board.items();
        let addresses: Vec<_> = places.iter().map(|place| &items[*place].address).collect();
        let (limits, resolver) = (&mut self.limits, &mut self.resolver);
        let found = locate(session, limits, resolver, &self.table, &addresses).await?;
        for (place, found) in places.iter().zip(found) {
            let was = std::mem::take(&mut self.nodes[*place]);
            self.nodes[*place] = match found {
                Ok(id) => Some(id),
                Err(reason) => {
                    // Said once: it is tried again and again.
                    if was.is_some() || !self.missing.contains(place) {
                        let node = self.board.items()[*place].address.to_string();
                        tracing::warn!(link = self.settings.name, node, reason, "not read");
                        self.missing.insert(*place);
                    }
                    None
                }
            };
            if self.nodes[*place].is_some() {
                self.missing.remove(place);
            }
        }
        Ok(())
    }

    /// What the structures look like of which fields are read.
    async fn learn(&mut self) -> Result<(), Fault> {
        let items = self.board.items().iter().zip(&self.nodes);
        let structured = items.filter(|(item, _)| {
            item.address.part.as_ref().is_some_and(|part| !part.fields.is_empty())
        });
        let mut nodes: Vec<NodeId> = structured.filter_map(|(_, node)| node.clone()).collect();
        nodes.dedup();
        if nodes.is_empty() {
            return Ok(());
        }
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        structures::learn(session, &mut self.limits, &nodes).await
    }
}
