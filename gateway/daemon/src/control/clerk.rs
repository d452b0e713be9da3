//! The clerk at the counter: answers questions from what the rooms show, and passes orders on to the overseer.

use std::sync::Arc;
use std::time::Duration;

use forehearth_config::Plan;
use forehearth_model::{LinkId, Severity, TagId};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::tail::{Tail, engineering};
use super::wire::{Answer, Ask, Refusal};
use crate::reload::{Cause, Order, Report};
use crate::rooms::Rooms;

/// A reload ends within this time: brokers say goodbye within 5 s, and a
/// driver ends a scan within its deadlines.
const RELOADS_WITHIN: Duration = Duration::from_secs(120);

/// Where questions are answered.
pub struct Counter {
    /// What runs.
    pub rooms: Arc<Rooms>,
    /// To the overseer.
    pub orders: mpsc::Sender<Order>,
}

/// What a client gets.
pub enum Reply {
    /// One answer.
    Once(Answer),
    /// Answers until it goes.
    Tail(Tail),
}

impl Counter {
    /// Answers a question, or carries an order to the overseer and waits for
    /// what became of it.
    pub async fn answer(&self, ask: Ask) -> Reply {
        let answered = match ask {
            Ask::Status => self.status(),
            Ask::Devices => Ok(self.devices()),
            Ask::Tag { name } => self.tag(&name),
            Ask::Tail { glob } => match self.tail(glob.as_deref()) {
                Ok(tail) => return Reply::Tail(tail),
                Err(refusal) => Err(refusal),
            },
            Ask::Reload { confirm_seconds, lang } => {
                let confirm = confirm_seconds.map(Duration::from_secs);
                self.order(|answer| Order::Reload {
                    cause: Cause::Command,
                    confirm,
                    lang: lang.into(),
                    answer: Some(answer),
                })
                .await
            }
            Ask::Confirm => self.order(|answer| Order::Confirm { answer }).await,
        };
        Reply::Once(answered.map_or_else(Answer::Error, Answer::Ok))
    }

    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<Report>) -> Order,
    ) -> Result<Value, Refusal> {
        let (answer, report) = oneshot::channel();
        let stopping = || Refusal::new("stopping", "the gateway stops");
        self.orders.try_send(order(answer)).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => {
                Refusal::new("busy", "other reloads are under way; try again in a moment")
            }
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        match tokio::time::timeout(RELOADS_WITHIN, report).await {
            Ok(Ok(report)) => Ok(json!(report)),
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(Refusal::new(
                "late",
                "the reload takes longer than expected; `forehearth top` shows what became of it",
            )),
        }
    }

    fn status(&self) -> Result<Value, Refusal> {
        serde_json::to_value(self.rooms.snapshot())
            .map_err(|error| Refusal::new("defect", error.to_string()))
    }

    fn tail(&self, glob: Option<&str>) -> Result<Tail, Refusal> {
        let full = || Refusal::new("busy", "too many people watch already; close a `tail`");
        Tail::new(self.rooms.conditioner.tap().watch().ok_or_else(full)?, glob)
    }

    /// What is known of a tag: how it is read, and what came last.
    fn tag(&self, name: &str) -> Result<Value, Refusal> {
        let told = self.rooms.conditioner.last_of(
            |plan| find(plan, name),
            |plan, tag, last| {
                let entry = &plan.catalogue.tags[tag.index()];
                let device = &plan.devices[entry.device.index()];
                let link = &plan.links[device.link.index()];
                let of = &plan.tags[tag.index()];
                let group = link.groups.iter().find(|group| {
                    group.tags.contains(&of.source.unwrap_or(tag))
                });
                json!({
                    "tag": name,
                    "link": link.name,
                    "unit": device.unit,
                    "period_ms": group.map(|group| millis(group.period)),
                    "derived_from": of.source.map(|of| plan.catalogue.tags[of.index()].name.clone()),
                    "stamp_us": last.stamp.map(forehearth_model::Stamp::micros),
                    "quality": last.quality.name(),
                    "severity": match last.quality.severity() {
                        Severity::Good => "good",
                        Severity::Uncertain => "uncertain",
                        Severity::Bad => "bad",
                    },
                    "value": engineering(&entry.scaling.engineering(last.value)),
                    "engineering_unit": entry.unit,
                    "valid": entry.valid,
                    "deadband": match of.report.deadband {
                        forehearth_config::Deadband::None => 0.0,
                        forehearth_config::Deadband::Absolute(units) => units,
                    },
                    "max_gap_s": of.report.max_gap.as_secs_f64(),
                    "every_sample": of.report.every_sample,
                    "conditioned": of.condition.is_some(),
                    "brokers": plan.brokers.iter().map(|b| b.name.clone()).collect::<Vec<_>>(),
                })
            },
        );
        let mut told = told.ok_or_else(|| self.no_tag(name))?;
        let link = told["link"].as_str().unwrap_or_default().to_owned();
        let links = self.rooms.links.get();
        if let Some((_, status)) = links.iter().find(|(known, _)| *known == link) {
            let now = status.snapshot();
            told["link_state"] = json!(now.state.name());
            told["link_since_s"] = json!(now.since.elapsed().as_secs());
            told["link_error"] = json!(now.last_error.map(|error| error.text).unwrap_or_default());
            told["overruns"] = json!(now.overruns);
        }
        Ok(told)
    }

    /// No such tag, with the nearest names that there are.
    fn no_tag(&self, name: &str) -> Refusal {
        let plan = self.rooms.conditioner.plan();
        let wanted = name.rsplit('/').next().unwrap_or(name);
        let alike = plan.catalogue.tags.iter().filter(|tag| tag.name == wanted);
        let named = alike
            .map(|tag| format!("{}/{}", plan.catalogue.devices[tag.device.index()].name, tag.name));
        let near: Vec<_> = named.take(3).collect();
        let hint = if near.is_empty() {
            "a tag is written DEVICE/TAG; `forehearth tail` shows names".to_owned()
        } else {
            format!("did you mean {}?", near.join(" or "))
        };
        Refusal::new("no-tag", format!("no tag `{name}` in the configuration that runs; {hint}"))
    }

    /// Every link with its devices.
    fn devices(&self) -> Value {
        let plan = self.rooms.conditioner.plan();
        let links = self.rooms.links.get();
        let reports = self.rooms.reports.get();
        let of = |(place, link): (usize, &forehearth_config::LinkPlan)| {
            let status = links.iter().find(|(name, _)| *name == link.name);
            let now = status.map(|(_, status)| status.snapshot());
            let counters = now.as_ref().map(|now| now.counters).unwrap_or_default();
            let place = u32::try_from(place).map_or(LinkId(u32::MAX), LinkId);
            let report = reports.iter().find(|(name, _)| *name == link.name);
            let report = report.map(|(_, report)| &**report);
            let (units, learned) = crate::house::stat(&link.name, report);
            let devices = plan.catalogue.devices.iter().zip(&plan.devices);
            let devices = devices.filter(|(_, device)| device.link == place);
            json!({
                "link": link.name,
                "state": now.as_ref().map_or("unknown", |now| now.state.name()),
                "last_error": now.as_ref().and_then(|now| now.last_error.as_ref())
                    .map(|error| error.text.clone()).unwrap_or_default(),
                "polls": now.as_ref().map_or(0, |now| now.polls),
                "failed_polls": now.as_ref().map_or(0, |now| now.failed_polls),
                "missed_polls": now.as_ref().map_or(0, |now| now.missed_polls),
                "failed_connects": now.as_ref().map_or(0, |now| now.failed_connects),
                "overruns": now.as_ref().map_or(0, |now| now.overruns),
                "busy_ms": now.as_ref().map_or(0, |now| millis(now.busy)),
                "requests": counters.requests,
                "answers": counters.answers,
                "timeouts": counters.timeouts,
                "late": counters.late,
                "stray": counters.stray,
                "exceptions": counters.exceptions,
                "connects": counters.connects,
                "devices": devices.map(|(entry, device)| json!({
                    "device": entry.name,
                    "unit": device.unit,
                })).collect::<Vec<_>>(),
                "units": units,
                "learned": learned,
                "groups": link.groups.iter().map(|group| json!({
                    "device": plan.catalogue.devices[group.device.index()].name,
                    "period_ms": millis(group.period),
                    "tags": group.tags.len(),
                })).collect::<Vec<_>>(),
            })
        };
        json!({ "links": plan.links.iter().enumerate().map(of).collect::<Vec<_>>() })
    }
}

/// The tag behind `device/tag`; a device name has no slash.
fn find(plan: &Plan, name: &str) -> Option<TagId> {
    let (device, tag) = name.split_once('/')?;
    let place = plan.catalogue.tags.iter().position(|entry| {
        entry.name == tag && plan.catalogue.devices[entry.device.index()].name == device
    })?;
    u32::try_from(place).ok().map(TagId)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
