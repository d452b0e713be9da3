//! The gateway's side of a test: a driver that runs, and everything it said.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forehearth_driver::{BoxFuture, LinkCounters, LinkNews, NobodyListens, PushDriver, Sink};
use forehearth_driver_opcua::{Address, Group, Item, OpcUaSubscriber, Security, Settings};
use forehearth_model::{DataType, DeviceId, Quality, Scan, Severity, Stamp, TagId, Value};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

pub(crate) const COUNTER: TagId = TagId(0);
pub(crate) const PLANT: &str = "urn:vendor:dcs:plant";

/// What is said of one tag.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Said {
    pub(crate) tag: TagId,
    pub(crate) at: Stamp,
    pub(crate) quality: Quality,
    pub(crate) value: Value,
    pub(crate) heard: Instant,
}

#[derive(Default)]
struct Record {
    said: Vec<Said>,
    opened: usize,
    errors: Vec<String>,
    counters: LinkCounters,
}

#[derive(Clone, Default)]
struct Ear {
    record: Arc<Mutex<Record>>,
    news: Arc<Notify>,
}

impl Sink for Ear {
    fn deliver(&mut self, scans: Vec<Scan>) -> BoxFuture<'_, Result<(), NobodyListens>> {
        let heard = Instant::now();
        let mut record = self.record.lock().unwrap();
        for scan in scans {
            assert_eq!(scan.device, DeviceId(7));
            for sample in scan.samples {
                let bad = sample.quality.severity() == Severity::Bad;
                assert_eq!(bad, sample.value.is_null(), "Bad has no value, any other has one");
                record.said.push(Said {
                    tag: sample.tag,
                    at: scan.stamp,
                    quality: sample.quality,
                    value: sample.value,
                    heard,
                });
            }
        }
        drop(record);
        self.news.notify_waiters();
        Box::pin(async { Ok(()) })
    }

    fn link(&mut self, news: LinkNews<'_>, counters: &LinkCounters) {
        let mut record = self.record.lock().unwrap();
        record.counters = *counters;
        match news {
            LinkNews::Opened => record.opened += 1,
            LinkNews::Down(error) => record.errors.push(error.to_string()),
            LinkNews::Alive => {}
        }
        drop(record);
        self.news.notify_waiters();
    }
}

pub(crate) struct Listener {
    ear: Ear,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<OpcUaSubscriber>,
}

pub(crate) fn clock() -> Stamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Stamp(i64::try_from(since.as_micros()).unwrap())
}

/// An unsecured server on `port`, with the alias `dcs` for its namespace.
pub(crate) fn settings(port: u16, groups: Vec<Group>) -> Settings {
    let url = format!("opc.tcp://127.0.0.1:{port}/plant");
    let mut settings = Settings::new("fc-201", DeviceId(7), url, Security::None);
    settings.namespaces = vec![("dcs".to_owned(), PLANT.to_owned())];
    settings.groups = groups;
    settings
}

pub(crate) fn item(tag: TagId, node: &str, data_type: Option<DataType>) -> Item {
    Item::new(tag, Address::parse(node).unwrap(), data_type)
}

/// A group that sends every 100 ms.
pub(crate) fn group(items: Vec<Item>) -> Group {
    let sampling = Some(Duration::from_millis(10));
    Group { period: Duration::from_millis(100), sampling, items }
}

/// The counter alone.
pub(crate) fn counter() -> Vec<Group> {
    vec![group(vec![item(COUNTER, "dcs:s=Counter", None)])]
}

impl Listener {
    pub(crate) fn start(settings: Settings) -> Self {
        Self::run(OpcUaSubscriber::new(settings, clock))
    }

    pub(crate) fn run(mut driver: OpcUaSubscriber) -> Self {
        let ear = Ear::default();
        let (stop, stopped) = oneshot::channel();
        let mut sink = ear.clone();
        let task = tokio::spawn(async move {
            let stop = Box::pin(async move {
                let _ = stopped.await;
            });
            driver.run(&mut sink, stop).await;
            driver
        });
        Self { ear, stop: Some(stop), task }
    }

    pub(crate) async fn stop(mut self) -> OpcUaSubscriber {
        let _ = self.stop.take().unwrap().send(());
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap()
    }

    pub(crate) fn said(&self) -> Vec<Said> {
        self.ear.record.lock().unwrap().said.clone()
    }

    pub(crate) fn of(&self, tag: TagId) -> Vec<Said> {
        self.said().into_iter().filter(|said| said.tag == tag).collect()
    }

    /// Waits until the last of a tag is good and has this value.
    pub(crate) async fn until_is(&self, tag: TagId, value: impl Into<Value>) {
        let value = value.into();
        let met = |said: &[Said]| {
            said.iter().rfind(|s| s.tag == tag).is_some_and(|s| s.value.same(&value))
        };
        self.until(&format!("{tag:?} is {value:?}"), 10, met).await;
    }

    pub(crate) fn opened(&self) -> usize {
        self.ear.record.lock().unwrap().opened
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.ear.record.lock().unwrap().errors.clone()
    }

    /// Waits until what was said fulfils a condition.
    pub(crate) async fn until(&self, what: &str, seconds: u64, met: impl Fn(&[Said]) -> bool) {
        let wait = async {
            loop {
                let news = self.ear.news.notified();
                if met(&self.said()) {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(200), news).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(seconds), wait).await.is_err() {
            let said = self.said();
            let last = &said[said.len().saturating_sub(20)..];
            panic!("not within {seconds} s: {what}; errors {:?}; last {last:#?}", self.errors());
        }
    }

    /// As [`until`](Self::until), without copying what was said.
    #[allow(dead_code, reason = "the bench waits with it")]
    pub(crate) async fn wait_for_samples(&self, samples: usize, seconds: u64) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while self.ear.record.lock().unwrap().said.len() < samples {
            assert!(Instant::now() < end, "{samples} samples not within {seconds} s");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn until_counter_is(&self, last: u64) {
        let met = |said: &[Said]| said.iter().any(|said| count(said) == Some(last));
        self.until(&format!("the counter is {last}"), 15, met).await;
    }
}

pub(crate) fn count(said: &Said) -> Option<u64> {
    match said.value {
        Value::UInt(count) if said.tag == COUNTER => Some(count),
        _ => None,
    }
}

/// Every count from the first seen to `last` was said, in order; what is said
/// again is the same count.
pub(crate) fn nothing_lost(said: &[Said], last: u64) {
    let counts: Vec<u64> = said.iter().filter_map(count).collect();
    for pair in counts.windows(2) {
        let step = pair[1].checked_sub(pair[0]);
        assert!(matches!(step, Some(0 | 1)), "{} came after {}", pair[1], pair[0]);
    }
    assert_eq!(counts.last(), Some(&last));
}

/// Wherever counts are missing, a Bad sample stands between: a hole is always
/// declared.
pub(crate) fn no_hole_undeclared(said: &[Said], last: u64) {
    let (mut before, mut declared) = (None, true);
    for said in said.iter().filter(|said| said.tag == COUNTER) {
        let Some(count) = count(said) else {
            declared = true;
            continue;
        };
        if let Some(before) = before {
            assert!(count >= before, "{count} came after {before}");
            assert!(count - before <= 1 || declared, "hole from {before} to {count} undeclared");
        }
        (before, declared) = (Some(count), false);
    }
    assert_eq!(before, Some(last));
}
