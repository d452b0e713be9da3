//! The trials: each starts the plugin anew and plays one thing that happens in a plant.

use std::time::{Duration, Instant};

use forehearth_plugin_protocol::v1::{ConfigError, Configure, Given, Type, Value, value};
use forehearth_plugin_protocol::{Column, check_section};
use rustix::process::{Signal, kill_process_group};
use tokio::time::{sleep, timeout};

use super::report::{Outcome, Report};
use super::{Kit, read_example};
use crate::conversation::{Conversation, Fault, News};

/// What went wrong, in a sentence.
type Ended = Result<(), String>;

/// More tags than there is credit for, so that acknowledgements must be heard.
const MANY: u32 = 10_000;

/// How long the gateway does not read, as when its queue is full. Chosen: a
/// pipe of 64 KiB is full long before.
const SLOW: Duration = Duration::from_secs(2);

/// Polls after which memory may not grow any more, and how many come after.
const WARM: u32 = 100;
const LONG: u32 = 400;
/// Growth that is no leak: an eighth and 1 MiB (allocators and interpreters breathe).
const BREATH: u64 = 1024 * 1024;

/// No address of any plugin.
const NO_ADDRESS: &str = "\u{1}?!";
/// No key of any plugin.
const NO_KEY: &str = "no-such-key";

impl Kit<'_> {
    pub(super) async fn play(&self, report: &mut Report) {
        macro_rules! trial {
            ($name:literal, $promise:literal, $trial:expr) => {
                let began = Instant::now();
                let outcome = match $trial.await {
                    Ok(()) => Outcome::Kept,
                    Err(what) => Outcome::Broken(what),
                };
                report.add($name, $promise, outcome, began.elapsed());
            };
        }
        trial!("describes", "says what it can do, with examples that are right", self.describes());
        trial!("examples", "takes its own examples for settings and address", self.examples());
        trial!("bad-key", "refuses a setting it does not know, by its name", self.bad_key());
        trial!("missing-key", "refuses when a required setting is missing", self.missing_key());
        trial!(
            "bad-address",
            "refuses an address that is none, and names the tag",
            self.bad_address()
        );
        let can = self.hello.capabilities.unwrap_or_default();
        if can.poll {
            trial!("types", "never gives a value of a type it was not asked for", self.types());
            trial!("many", "answers for 10,000 tags, each once, within its credit", self.many());
            trial!("slow-reader", "waits for a gateway that does not read for 2 s", self.slow());
            trial!("stop", "goes on after it was stopped", self.stop());
            trial!("memory", "needs no more memory after 500 polls than after 100", self.memory());
        } else {
            let why = "it can't be polled; try it with its device";
            for (name, promise) in [
                ("types", "never gives a value of a type it was not asked for"),
                ("many", "answers for 10,000 tags, each once, within its credit"),
                ("slow-reader", "waits for a gateway that does not read for 2 s"),
                ("stop", "goes on after it was stopped"),
                ("memory", "needs no more memory after 500 polls than after 100"),
            ] {
                report.add(name, promise, Outcome::NotTried(why), Duration::ZERO);
            }
        }
        trial!("kill", "starts again after kill -9", self.kill());
        trial!("shutdown", "ends within 2 s when it is asked to", self.shutdown());
        trial!("orphan", "ends within 2 s when the gateway is gone", self.orphan());
        let why = "a step of the clock needs root, and would step the whole machine";
        let promise = "stamps follow a step of the clock and deadlines don't";
        report.add("clock-step", promise, Outcome::NotTried(why), Duration::ZERO);
    }

    async fn describes(&self) -> Ended {
        let hello = self.hello;
        let can = hello.capabilities.unwrap_or_default();
        check(!hello.name.is_empty(), "its name is empty")?;
        check(!hello.plugin_version.is_empty(), "its version is empty")?;
        check(can.poll || can.push, "it can neither be polled nor push")?;
        let grammar = hello.address.clone().unwrap_or_default();
        check(!grammar.example.is_empty(), "it gives no example of an address")?;
        check(!grammar.pattern.is_empty(), "it gives no pattern of its addresses")?;
        check(
            grammar.example_type() != Type::Unspecified,
            "its example of an address has no type",
        )?;
        for setting in &hello.settings {
            let key = &setting.key;
            let without = setting.required && read_example(setting).is_none();
            check(!without, format!("setting `{key}` is required and its example is none"))?;
        }
        Ok(())
    }

    async fn examples(&self) -> Ended {
        self.started(self.configuration(1)).await.map(drop).map_err(words)
    }

    async fn bad_key(&self) -> Ended {
        let mut configure = self.configuration(1);
        let value = Some(Value { kind: Some(value::Kind::Bool(true)) });
        configure.settings.push(Given { key: NO_KEY.to_owned(), value });
        let errors = self.refused(configure).await?;
        check(errors.iter().any(|error| error.key == NO_KEY), "no error names `no-such-key`")
    }

    async fn missing_key(&self) -> Ended {
        for setting in self.hello.settings.iter().filter(|setting| setting.required) {
            let mut configure = self.configuration(1);
            configure.settings.retain(|given| given.key != setting.key);
            let errors = self.refused(configure).await?;
            let named = errors.iter().any(|error| error.key == setting.key);
            check(named, format!("no error names `{}`", setting.key))?;
        }
        Ok(())
    }

    async fn bad_address(&self) -> Ended {
        let mut configure = self.configuration(3);
        if let Some(tag) = configure.tags.get_mut(1) {
            NO_ADDRESS.clone_into(&mut tag.at);
        }
        let errors = self.refused(configure).await?;
        let of_it = errors.iter().find(|error| error.tag == Some(1));
        let Some(error) = of_it else { return Err("no error names the tag".to_owned()) };
        check(errors.iter().all(|error| error.tag == Some(1)), "a right address is refused, too")?;
        check(!error.message.is_empty(), "the error says nothing")?;
        let within = error.offset as usize <= NO_ADDRESS.len();
        check(within, "its offset is beyond the end of the address")
    }

    async fn types(&self) -> Ended {
        for data_type in [Type::Text, Type::Bool, Type::Double] {
            let mut configure = self.configuration(1);
            configure.tags.iter_mut().for_each(|tag| tag.r#type = data_type.into());
            let mut open = match self.started(configure).await {
                Ok(open) => open,
                Err(Fault::Refused(_)) => continue,
                Err(other) => return Err(words(other)),
            };
            let sections = self.polled(&mut open, 1).await?;
            let right = match data_type {
                Type::Text => Column::Texts,
                Type::Bool => Column::Bools,
                _ => Column::Doubles,
            };
            let wrong = sections.into_iter().find(|c| ![Column::Empty, right].contains(c));
            if let Some(wrong) = wrong {
                return Err(format!("asked for {data_type:?}, it gave {wrong:?}"));
            }
        }
        Ok(())
    }

    async fn many(&self) -> Ended {
        let mut open = self.started(self.configuration(MANY)).await.map_err(words)?;
        for _ in 0..3 {
            self.polled(&mut open, MANY).await?;
        }
        Ok(())
    }

    async fn slow(&self) -> Ended {
        let mut open = self.started(self.configuration(MANY)).await.map_err(words)?;
        open.poll(0, self.effort.patience).await.map_err(words)?;
        sleep(SLOW).await;
        self.answered(&mut open, MANY).await?;
        self.polled(&mut open, MANY).await.map(drop)
    }

    async fn stop(&self) -> Ended {
        let mut open = self.started(self.configuration(10)).await.map_err(words)?;
        self.polled(&mut open, 10).await?;
        signal(&open, Signal::STOP)?;
        open.poll(0, self.effort.patience).await.map_err(words)?;
        sleep(self.effort.stopped).await;
        signal(&open, Signal::CONT)?;
        self.answered(&mut open, 10).await?;
        self.polled(&mut open, 10).await.map(drop)
    }

    async fn memory(&self) -> Ended {
        let mut open = self.started(self.configuration(100)).await.map_err(words)?;
        for _ in 0..WARM {
            self.polled(&mut open, 100).await?;
        }
        let before = resident(&open);
        for _ in 0..LONG {
            self.polled(&mut open, 100).await?;
        }
        let after = resident(&open);
        let flat = after <= before + before / 8 + BREATH;
        check(flat, format!("it grew from {before} to {after} bytes in {LONG} polls"))
    }

    async fn kill(&self) -> Ended {
        let open = self.started(self.configuration(1)).await.map_err(words)?;
        signal(&open, Signal::KILL)?;
        drop(open);
        self.started(self.configuration(1)).await.map(drop).map_err(words)
    }

    async fn shutdown(&self) -> Ended {
        let open = self.started(self.configuration(1)).await.map_err(words)?;
        check(open.end().await, "it did not end")
    }

    async fn orphan(&self) -> Ended {
        let open = self.started(self.configuration(1)).await.map_err(words)?;
        check(open.abandon().await, "it runs on though its stdin is closed")
    }

    /// The errors of a configuration that must be refused.
    async fn refused(&self, configure: Configure) -> Result<Vec<ConfigError>, String> {
        match self.started(configure).await {
            Err(Fault::Refused(errors)) => Ok(errors),
            Err(other) => Err(words(other)),
            Ok(_) => Err("it was accepted".to_owned()),
        }
    }

    /// One poll of the only group.
    async fn polled(&self, open: &mut Conversation, tags: u32) -> Result<Vec<Column>, String> {
        open.poll(0, self.effort.patience).await.map_err(words)?;
        self.answered(open, tags).await
    }

    /// The whole answer to a poll: each tag once.
    async fn answered(&self, open: &mut Conversation, tags: u32) -> Result<Vec<Column>, String> {
        let mut seen = vec![false; tags as usize];
        let mut columns = Vec::new();
        loop {
            let news = timeout(self.effort.patience, open.next()).await;
            let news = news.map_err(|_| "it did not answer in time".to_owned())?.map_err(words)?;
            let News::Batch(batch) = news else { continue };
            for section in &batch.sections {
                columns.push(check_section(section).map_err(|breach| breach.to_string())?);
                for tag in &section.tags {
                    let seen = seen.get_mut(*tag as usize);
                    let first = seen.is_some_and(|seen| !std::mem::replace(seen, true));
                    check(first, format!("tag {tag} came twice, or is none it was asked for"))?;
                }
            }
            open.acknowledge().await.map_err(words)?;
            if batch.last {
                break;
            }
        }
        let missing = seen.iter().filter(|seen| !**seen).count();
        check(missing == 0, format!("{missing} of {tags} tags were left out"))?;
        Ok(columns)
    }
}

fn check(kept: bool, otherwise: impl Into<String>) -> Ended {
    if kept { Ok(()) } else { Err(otherwise.into()) }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn words(fault: Fault) -> String {
    match &fault {
        Fault::Refused(errors) => {
            let first = errors.first().map(|error| format!("{}: {}", error.key, error.message));
            format!("{fault}: {}", first.unwrap_or_default())
        }
        other => other.to_string(),
    }
}

fn signal(open: &Conversation, signal: Signal) -> Ended {
    let sent = open.pid().map(|pid| kill_process_group(pid, signal));
    check(matches!(sent, Some(Ok(()))), "it ended by itself")
}

/// Bytes of memory it holds (`VmRSS`); 0 where the system does not tell.
fn resident(open: &Conversation) -> u64 {
    let pid = open.pid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
