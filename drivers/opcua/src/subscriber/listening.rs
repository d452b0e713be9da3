//! The second mode of a subscribed server: it speaks, and is believed only while it does.

use forehearth_driver::{BoxFuture, LinkNews, Sink};
use opcua::types::{
    DataChangeNotification, EventNotificationList, NotificationMessage, StatusChangeNotification,
    StatusCode, SubscriptionAcknowledgement, VariableId,
};

use super::items::{NAMESPACES, SERVICE_LEVEL};
use super::{End, OpcUaSubscriber, deliver, instant, next_order};
use crate::board::{Origin, Pile};
use crate::fault::Fault;
use crate::flight::Answer;
use crate::namespaces::Resolver;
use crate::session::Session;
use crate::settings::Settings;
use crate::supervision::{Action, Kind, Verdict};
use crate::write::{self, Order};
use crate::{event, services, value};

/// Publish requests refused in a row before the session is given up. Chosen:
/// a server that refuses as fast as we ask must not keep us busy.
const MOST_REFUSALS: u32 = 20;

impl OpcUaSubscriber {
    pub(super) async fn live(&mut self, sink: &mut dyn Sink) -> End {
        match self.listen(sink).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn listen(&mut self, sink: &mut dyn Sink) -> Result<std::convert::Infallible, End> {
        let pending = std::mem::take(&mut self.pending);
        self.perform(sink, pending).await?;
        loop {
            let mut wake = self.board.next_restate();
            if let Some(next) = self.core.next() {
                wake = wake.min(next);
            }
            if !self.refused.is_empty() {
                wake = wake.min(self.retry_at);
            }
            if let Some(next) = self.servers.next_look().filter(|_| self.looking.is_none()) {
                wake = wake.min(next);
            }
            let Some(session) = &mut self.session else {
                return Err(Fault::Lost("no session".to_owned()).into());
            };
            tokio::select! {
                biased;
                answer = self.flight.next() => self.answered(sink, answer).await?,
                fault = session.closed() => return Err(fault.into()),
                levels = looked(&mut self.looking) => {
                    self.looking = None;
                    if self.servers.seen(&levels) {
                        return Err(Fault::Better.into());
                    }
                }
                order = next_order(&mut self.orders) => self.carry_out(order).await?,
                () = tokio::time::sleep_until(wake.into()) => self.tick(sink).await?,
            }
        }
    }

    async fn tick(&mut self, sink: &mut dyn Sink) -> Result<(), End> {
        let now = self.now();
        let mut actions = Vec::new();
        self.core.tick(now.instant, &mut actions);
        self.perform(sink, actions).await?;
        if self.board.next_restate() <= now.instant {
            let mut pile = Pile::default();
            let (core, times) = (&self.core, &self.server_times);
            let alive = |group: usize| times[group].filter(|_| core.is_alive(group, now.instant));
            self.board.repeat(now, alive, &mut pile);
            sink.link(LinkNews::Alive, &self.counters);
            deliver(sink, pile).await?;
        }
        if self.looking.is_none() && self.servers.next_look().is_some_and(|at| at <= now.instant) {
            let others = self.servers.look(now.instant);
            self.looking = Some(Box::pin(look(self.settings.clone(), others)));
        }
        if !self.refused.is_empty() && self.retry_at <= now.instant {
            let refused = std::mem::take(&mut self.refused);
            let lost: Vec<usize> =
                refused.iter().copied().filter(|place| self.nodes[*place].is_none()).collect();
            self.locate(&lost).await?;
            for group in 0..self.board.groups() {
                let range = self.board.group(group);
                let places: Vec<_> =
                    refused.iter().copied().filter(|place| range.contains(place)).collect();
                self.monitor(sink, group, &places).await?;
            }
        }
        Ok(())
    }

    /// A publish request was answered.
    async fn answered(&mut self, sink: &mut dyn Sink, answer: Answer) -> Result<(), End> {
        let response = match answer.result.and_then(services::published) {
            Ok(response) => response,
            Err(fault) => return self.refused(sink, fault, answer.acks, answer.generation).await,
        };
        self.flight.refusals = 0;
        self.counters.answers += 1;
        self.backoff.reset();
        let (id, message) = (response.subscription_id, response.notification_message);
        let empty = message.notification_data.as_ref().is_none_or(Vec::is_empty);
        let kind =
            if empty { Kind::KeepAlive } else { Kind::Data { more: response.more_notifications } };
        let origin = if self.core.is_draining(id) { Origin::Kept } else { Origin::Live };
        if let Some(group) = self.core.group(id) {
            self.server_times[group] = Some(value::stamp(&message.publish_time));
        }
        let sequence = message.sequence_number;
        let mut actions = Vec::new();
        let verdict = self.core.message(instant(), id, sequence, kind, &mut actions);
        if verdict == Verdict::RepairFirst {
            self.perform(sink, std::mem::take(&mut actions)).await?;
        }
        if verdict != Verdict::Drop && kind != Kind::KeepAlive {
            let ended = self.values(sink, message, origin).await?;
            if ended {
                self.core.ended(Some(id), &mut actions);
            }
        }
        if kind != Kind::KeepAlive && self.core.group(id).is_some() {
            self.acknowledge(id, sequence);
        }
        self.perform(sink, actions).await
    }

    /// A publish request was refused.
    async fn refused(
        &mut self,
        sink: &mut dyn Sink,
        fault: Fault,
        acks: Vec<SubscriptionAcknowledgement>,
        generation: u64,
    ) -> Result<(), End> {
        self.acks.extend(acks);
        self.flight.refusals += 1;
        if matches!(fault, Fault::Silent) {
            // It was lost. Whether that matters is told by the silence of the
            // subscriptions, not by this.
            self.counters.timeouts += 1;
            self.publish()?;
            return Ok(());
        }
        let Some(code) = fault.code().filter(|_| self.flight.refusals < MOST_REFUSALS) else {
            return Err(fault.into());
        };
        self.counters.exceptions += 1;
        let mut actions = Vec::new();
        match code {
            StatusCode::BadTooManyPublishRequests => {
                self.flight.most = self.flight.waiting.len().max(1);
            }
            StatusCode::BadNoSubscription if generation == self.flight.generation => {
                self.core.ended(None, &mut actions);
            }
            StatusCode::BadNoSubscription => actions.push(Action::Publish),
            StatusCode::BadTimeout | StatusCode::BadRequestTimeout => actions.push(Action::Publish),
            _ => return Err(fault.into()),
        }
        self.perform(sink, actions).await
    }

    pub(super) fn acknowledge(&mut self, subscription_id: u32, sequence_number: u32) {
        self.acks.push(SubscriptionAcknowledgement { subscription_id, sequence_number });
    }

    /// Hands over the values of a message. Tells whether the server says that
    /// the subscription ended.
    pub(super) async fn values(
        &mut self,
        sink: &mut dyn Sink,
        message: NotificationMessage,
        origin: Origin,
    ) -> Result<bool, End> {
        let now = self.now();
        let mut pile = Pile::default();
        let mut ended = false;
        for notification in message.notification_data.unwrap_or_default() {
            if notification.inner_is::<StatusChangeNotification>() {
                ended = true;
                continue;
            }
            if let Some(list) = notification.inner_as::<EventNotificationList>() {
                for event in list.events.iter().flatten() {
                    let place = (event.client_handle as usize).wrapping_sub(1);
                    let fields = event.event_fields.as_deref().unwrap_or_default();
                    self.board.event(place, &event::read(fields, now.stamp), now, &mut pile);
                }
                continue;
            }
            let Some(changes) = notification.into_inner_as::<DataChangeNotification>() else {
                self.counters.stray += 1;
                continue;
            };
            for item in changes.monitored_items.unwrap_or_default() {
                if item.client_handle == NAMESPACES {
                    self.check_namespaces(item.value.value.as_ref())?;
                    continue;
                }
                if item.client_handle == SERVICE_LEVEL {
                    self.servers.says(service_level(&item.value), now.instant);
                    continue;
                }
                let place = (item.client_handle as usize).wrapping_sub(1);
                self.board.take(place, &item.value, origin, now, &mut pile);
            }
        }
        deliver(sink, pile).await?;
        Ok(ended)
    }

    /// Nodes resolved against another table may be other nodes now.
    fn check_namespaces(&self, value: Option<&opcua::types::Variant>) -> Result<(), Fault> {
        let Some(table) = services::namespaces(value) else { return Ok(()) };
        let found = self.nodes.iter().any(Option::is_none) && table != self.table;
        if Resolver::is_stale(&self.table, &table) || found {
            return Err(Fault::Renumbered);
        }
        Ok(())
    }

    /// Writes, unless whoever asked has given up waiting.
    async fn carry_out(&mut self, order: Order) -> Result<(), End> {
        if order.told.is_closed() {
            return Ok(());
        }
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let items = self.board.items();
        let place = items.iter().position(|item| item.tag == order.order.tag);
        let target = place.map(|place| (&items[place], self.nodes[place].as_ref()));
        let wanted = &order.order.value;
        let (result, fault) = write::carry_out(session, &mut self.limits, target, wanted).await;
        let _ = order.told.send(result);
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// What the others said; never, while nobody is asked.
///
/// Cancel safe.
async fn looked(looking: &mut Option<BoxFuture<'static, Vec<(usize, u8)>>>) -> Vec<(usize, u8)> {
    match looking {
        Some(looking) => looking.await,
        None => std::future::pending().await,
    }
}

/// Asks other servers what they say of themselves; who does not answer is left out.
async fn look(settings: Settings, others: Vec<(usize, String)>) -> Vec<(usize, u8)> {
    let mut levels = Vec::new();
    for (place, url) in others {
        let Ok((session, _)) = Session::create(&settings, &url).await else { continue };
        let asked = [services::value_of(VariableId::Server_ServiceLevel.into())];
        let answer = services::read(&session, &mut services::Limits::default(), &asked).await;
        session.close().await;
        let level = answer.ok().and_then(|values| service_level(values.first()?));
        levels.extend(level.map(|level| (place, level)));
    }
    levels
}

fn service_level(value: &opcua::types::DataValue) -> Option<u8> {
    match value.value {
        Some(opcua::types::Variant::Byte(level)) => Some(level),
        _ => None,
    }
}
