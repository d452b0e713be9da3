//! What a server that means harm can't do: end the driver, fill its memory,
//! keep it busy, or keep it from the data once it behaves again.

use std::time::{Duration, Instant};

use forehearth_model::{Quality, Severity};

use crate::cuts::{flows_again, is_down};
use crate::liar::{GREETINGS, Liar, Lie, Rogue, lies};
use crate::listener::{Listener, count, counter, settings};
use crate::server::{How, Server};

/// What all hostile servers of a test together may cost, in KiB. Chosen: one
/// message of the largest size taken (16 MiB) at each of four of them; the
/// floods they send are 256 MiB each.
const MOST_MEMORY: u64 = 64 << 10;

/// How often a hostile server is called in three seconds: 250 ms and twice as
/// long each time, halved by jitter at most, are 6 attempts; each may be a
/// connection to ask for endpoints and one for the session.
const MOST_CALLS: usize = 2 * 7;

/// The most memory this process had since [`forget_peak`], in KiB.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Every value ever said was a good count or none at all.
fn nothing_made_up(listener: &Listener) {
    for said in listener.said() {
        let bad = said.quality.severity() == Severity::Bad;
        assert!(bad || count(&said).is_some(), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_was_a_server_costs_neither_memory_nor_rest() {
    forget_peak();
    let before = memory("VmRSS");
    let mut stages = Vec::new();
    for how in GREETINGS {
        let rogue = Rogue::start(how).await;
        let mut settings = settings(rogue.port, counter());
        settings.timeout = Duration::from_millis(500);
        stages.push((how, rogue, Listener::start(settings)));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (how, rogue, listener) in stages {
        let said = listener.said();
        let down = said.iter().all(|said| said.quality == Quality::BadNoCommunication);
        assert!(down && !said.is_empty(), "{how:?}: {said:?}");
        assert!(!listener.errors().is_empty(), "{how:?}");
        let calls = rogue.calls();
        assert!((2..=MOST_CALLS).contains(&calls), "{how:?}: called {calls} times");
        listener.stop().await;
    }
    let grown = memory("VmHWM").saturating_sub(before);
    eprintln!("{} rogues cost {grown} KiB at most", GREETINGS.len());
    assert!(grown <= MOST_MEMORY, "{grown} KiB");
}

/// Each of `lies` is told where the data came from until then, for three
/// seconds; then the server is honest again.
async fn lied_to(lies: Vec<Lie>) {
    let mut server = Server::start(How::default()).await;
    let mut stages = Vec::new();
    for lie in lies {
        let liar = Liar::before(server.port, lie).await;
        let listener = Listener::start(settings(liar.port, counter()));
        stages.push((liar, listener));
    }
    server.count(100).await;
    let flowing = |said: &[crate::listener::Said]| said.iter().any(|said| count(said).is_some());
    for (liar, listener) in &stages {
        listener.until(&format!("{:?}: the first value", liar.lie), 10, flowing).await;
    }
    forget_peak();
    let before = memory("VmRSS");
    let called: Vec<usize> = stages.iter().map(|(liar, _)| liar.calls()).collect();
    for (liar, _) in &stages {
        liar.arm(true);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for ((liar, listener), called) in stages.iter().zip(called) {
        listener.until(&format!("{:?}: Bad", liar.lie), 5, is_down).await;
        let calls = liar.calls() - called;
        assert!(calls <= MOST_CALLS, "{:?}: called {calls} times", liar.lie);
    }
    for (liar, _) in &stages {
        liar.arm(false);
    }
    let since = Instant::now();
    for (_, listener) in &stages {
        flows_again(listener, since).await;
    }
    let grown = memory("VmHWM").saturating_sub(before);
    eprintln!("{} liars cost {grown} KiB at most", stages.len());
    assert!(grown <= MOST_MEMORY, "{grown} KiB");
    for (_, listener) in stages {
        nothing_made_up(&listener);
        listener.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_chunks_cost_neither_memory_nor_the_data_after_them() {
    let about_chunks = |lie: &Lie| !matches!(lie, Lie::Body(_) | Lie::Kind(_) | Lie::Diagnostics);
    lied_to(lies().into_iter().filter(about_chunks).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_content_cost_neither_memory_nor_the_data_after_them() {
    let about_content = |lie: &Lie| matches!(lie, Lie::Body(_) | Lie::Kind(_) | Lie::Diagnostics);
    lied_to(lies().into_iter().filter(about_content).collect()).await;
}
