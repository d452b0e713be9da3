//! Ctrl-C in a look: what was found so far is printed, and the exit status says that it is not all.

use std::pin::{Pin, pin};

use tokio::signal::ctrl_c;

/// How a step of a look ended.
pub enum Step<T> {
    /// By itself.
    Done(T),
    /// Ctrl-C came first.
    Stopped,
}

/// Waits for Ctrl-C from its making on.
pub struct Interrupt(Pin<Box<dyn Future<Output = ()>>>);

impl Interrupt {
    /// Begins to listen.
    pub fn new() -> Self {
        Self(Box::pin(async {
            // Without a handler Ctrl-C ends the process, which is as good.
            if ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }))
    }

    /// `step`, unless Ctrl-C comes first; it is dropped then, and what it
    /// held must be dropped too.
    pub async fn or<T>(&mut self, step: impl Future<Output = T>) -> Step<T> {
        let mut step = pin!(step);
        tokio::select! {
            biased;
            () = &mut self.0 => Step::Stopped,
            output = &mut step => Step::Done(output),
        }
    }
}
