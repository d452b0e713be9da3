//! Orders for an OPC UA server, from the queue of its link to the one who writes.

use std::future::Future;
use std::time::Instant;

use forehearth_driver::WriteError;
use forehearth_driver_opcua::Writer;
use forehearth_source::Slip;
use tokio::sync::mpsc;

/// Hands one order after the other to the writer.
pub struct Relay {
    queue: mpsc::Receiver<Slip>,
    writer: Writer,
}

impl Relay {
    /// A relay of a link that may be written to.
    pub const fn new(queue: mpsc::Receiver<Slip>, writer: Writer) -> Self {
        Self { queue, writer }
    }

    /// Works until `link` ends; then what waits is answered.
    pub async fn serve_while(mut self, link: impl Future<Output = ()>) {
        tokio::select! {
            () = link => {}
            () = self.serve() => {}
        }
        self.queue.close();
        while let Ok(slip) = self.queue.try_recv() {
            let _ = slip.reply.send(Err(not_sent("the link is closed")));
        }
    }

    /// Never ends: the link does.
    async fn serve(&mut self) {
        while let Some(Slip { order, until, reply }) = self.queue.recv().await {
            let end = if Instant::now() >= until {
                Err(not_sent("its time was over before the link was free"))
            } else {
                self.writer.write(order).await
            };
            let _ = reply.send(end);
        }
        std::future::pending().await
    }
}

fn not_sent(reason: &str) -> WriteError {
    WriteError::NotSent { reason: reason.to_owned() }
}
