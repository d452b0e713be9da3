//! A crew: tasks that run each under a name, and can be stopped one by one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One task of a crew, running. Dropping it ends it like a power cut.
pub struct Member<S> {
    /// Its name in the plan.
    pub name: String,
    /// Where it leaves its state.
    pub status: Arc<S>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl<S> Member<S> {
    /// Starts what `run` gives; `what` it is goes to the log when it ends
    /// without being told to. Its link then stays down and is counted in
    /// `/healthz`, the others go on.
    pub fn start<F>(
        what: &'static str,
        name: &str,
        status: Arc<S>,
        run: impl FnOnce(watch::Receiver<bool>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let work = run(stopped.clone());
        let named = name.to_owned();
        let task = tokio::spawn(async move {
            let end = Guarded(tokio::spawn(work)).await;
            match end {
                Err(error) if error.is_panic() => {
                    tracing::error!("the {what} {named} ended with a panic: {error}");
                }
                Ok(()) if !*stopped.borrow() => {
                    tracing::error!("the {what} {named} ended without being told to");
                }
                _ => {}
            }
        });
        Self { name: name.to_owned(), status, stop, task }
    }

    /// Tells it to stop, without waiting.
    pub fn tell(&self) {
        // Without a receiver it has ended already.
        let _ = self.stop.send(true);
    }

    /// Waits for its end, at most this long if there is a limit; then it is
    /// broken off. Whether it ended by itself.
    async fn ended(&mut self, within: Option<Duration>) -> bool {
        self.tell();
        match within {
            Some(within) => tokio::time::timeout(within, &mut self.task).await.is_ok(),
            None => (&mut self.task).await.is_ok(),
        }
    }
}

impl<S> Drop for Member<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A task that ends when nobody waits for it any more.
struct Guarded(JoinHandle<()>);

impl Future for Guarded {
    type Output = Result<(), tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Stops these, all at once, and waits for each, at most this long if there
/// is a limit. The names of those that had to be broken off.
pub async fn stop<S>(crew: Vec<Member<S>>, within: Option<Duration>) -> Vec<String> {
    crew.iter().for_each(Member::tell);
    let mut late = Vec::new();
    let deadline = within.map(|within| tokio::time::Instant::now() + within);
    for mut member in crew {
        let left = deadline.map(|at| at.saturating_duration_since(tokio::time::Instant::now()));
        if !member.ended(left).await {
            late.push(member.name.clone());
        }
    }
    late
}

#[cfg(test)]
mod tests {
    use super::{Member, stop};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    fn obedient(name: &str) -> Member<()> {
        Member::start("task", name, Arc::new(()), |mut told| async move {
            let _ = told.wait_for(|told| *told).await;
        })
    }

    #[tokio::test]
    async fn one_is_stopped_and_the_others_run_on() {
        let (one, other) = (obedient("one"), obedient("other"));
        assert!(stop(vec![one], None).await.is_empty());
        assert!(!other.task.is_finished());
    }

    #[tokio::test]
    async fn who_does_not_end_in_time_is_broken_off_and_named() {
        let stubborn = Member::start("task", "mule", Arc::new(()), |_| std::future::pending());
        let late = stop(vec![obedient("one"), stubborn], Some(Duration::from_millis(50))).await;
        assert_eq!(late, ["mule"]);
    }

    #[tokio::test]
    async fn a_dropped_member_s_work_is_dropped() {
        struct Flag(Arc<AtomicBool>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let gone = Arc::new(AtomicBool::new(false));
        let flag = Flag(Arc::clone(&gone));
        let member = Member::start("task", "x", Arc::new(()), |_| async move {
            let _flag = flag;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        drop(member);
        while !gone.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}
