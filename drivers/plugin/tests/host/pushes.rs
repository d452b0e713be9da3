//! A plugin that pushes: what it says is handed on, its silence and its floods are not.

use std::time::Duration;

use forehearth_driver::{BoxFuture, LinkCounters, LinkNews, NobodyListens, PushDriver, Sink};
use forehearth_driver_plugin::PluginPusher;
use forehearth_model::{Quality, Scan};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::plant::{Plant, clock};

struct Listener {
    scans: mpsc::Sender<Vec<Scan>>,
    news: mpsc::UnboundedSender<String>,
}

impl Sink for Listener {
    fn deliver(&mut self, scans: Vec<Scan>) -> BoxFuture<'_, Result<(), NobodyListens>> {
        Box::pin(async move { self.scans.send(scans).await.map_err(|_| NobodyListens) })
    }

    fn link(&mut self, news: LinkNews<'_>, _counters: &LinkCounters) {
        let _ = self.news.send(match news {
            LinkNews::Opened => "opened".to_owned(),
            LinkNews::Down(error) => error.to_string(),
            LinkNews::Alive => return,
        });
    }
}

struct Run {
    scans: mpsc::Receiver<Vec<Scan>>,
    news: mpsc::UnboundedReceiver<String>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    plant: Plant,
}

fn run(mood: &str) -> Run {
    let plant = Plant::new(mood);
    let mut driver = PluginPusher::new(plant.settings.clone(), clock);
    let (to_scans, scans) = mpsc::channel(1);
    let (to_news, news) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let mut sink = Listener { scans: to_scans, news: to_news };
        let stop = Box::pin(async { drop(stopped.await) });
        driver.run(&mut sink, stop).await;
    });
    Run { scans, news, stop, task, plant }
}

impl Run {
    async fn qualities(&mut self) -> Vec<Quality> {
        let scans = timeout(Duration::from_secs(10), self.scans.recv()).await.unwrap().unwrap();
        scans.iter().flat_map(|scan| &scan.samples).map(|sample| sample.quality).collect()
    }

    async fn news(&mut self) -> String {
        timeout(Duration::from_secs(10), self.news.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn what_is_pushed_arrives_and_is_said_again_while_the_plugin_lives() {
    let mut run = run("push");
    assert_eq!(run.news().await, "opened");
    assert_eq!(run.qualities().await, [Quality::Good; 4]);
    assert_eq!(run.qualities().await, [Quality::Good; 4], "said again");
    run.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), run.task).await.unwrap().unwrap();
    assert!(!run.plant.lives(), "it ended when it was asked to");
}

#[tokio::test]
async fn one_that_hangs_is_found_by_its_silence_and_started_again() {
    let mut run = run("push-hangs");
    assert_eq!(run.news().await, "opened");
    assert_eq!(run.qualities().await, [Quality::Good; 4]);
    // Said once more at most, then Bad: all eight tags of both groups.
    let mut qualities = run.qualities().await;
    while qualities == [Quality::Good; 4] {
        qualities = run.qualities().await;
    }
    assert_eq!(qualities, [Quality::BadNoCommunication; 8]);
    assert!(run.news().await.contains("answer a ping"));
    assert_eq!(run.news().await, "opened");
    run.task.abort();
}

#[tokio::test]
async fn one_that_pushes_beyond_its_credit_is_ended() {
    let mut run = run("push-overdraws");
    assert_eq!(run.news().await, "opened");
    assert_eq!(run.qualities().await, [Quality::BadNoCommunication; 8]);
    assert!(run.news().await.contains("5000 readings were sent with credit for 4096"));
    run.task.abort();
}

#[tokio::test]
async fn one_that_pushes_and_hears_no_acknowledgement_is_ended() {
    let mut run = run("push-floods");
    assert_eq!(run.news().await, "opened");
    let mut qualities = run.qualities().await;
    while qualities == [Quality::Good; 4] {
        qualities = run.qualities().await;
    }
    assert_eq!(qualities, [Quality::BadNoCommunication; 8]);
    let news = run.news().await;
    assert!(news.contains("did not read what it is told"), "{news}");
    run.task.abort();
}
