//! The small HTTP server behind `[status] listen`.

use std::future::{Future as _, IntoFuture as _};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep};

use super::snapshot::Snapshot;
use super::{metrics, page};

/// Takes a snapshot whenever somebody asks.
pub type Source = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// Why there is no status page.
#[derive(Debug, thiserror::Error)]
#[error("status page cannot listen on {listen}: {reason}; choose another [status] listen")]
pub struct StatusError {
    /// Address as configured.
    listen: SocketAddr,
    /// What the system said.
    reason: std::io::Error,
}

/// Serves until `stop` turns true.
///
/// # Errors
/// When the address can't be listened on.
///
/// Cancel safe: dropping it closes the listener.
pub async fn serve(
    listen: SocketAddr,
    source: Source,
    mut stop: watch::Receiver<bool>,
) -> Result<(), StatusError> {
    let failed = |reason| StatusError { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let listener = Bounded { listener, places: Arc::new(Semaphore::new(CONNECTIONS)) };
    let router = Router::new()
        .route("/", get(show_page))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(show_health))
        .route("/livez", get(|| async { "alive\n" }))
        .with_state(source);
    let stopped = async move {
        // An error means that the daemon is gone, which ends the page too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.map_err(failed),
        () = stopped => Ok(()),
    }
}

/// Connections at once. Chosen: a few browsers and scrapers; slow clients may
/// fill the page's places and never the descriptors that links and disk need.
const CONNECTIONS: usize = 32;

/// How long a client may take for one request. Chosen: a browser needs
/// milliseconds; whoever sends a header byte by byte gives its place back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener that takes a new connection only when a place is free.
struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Seated;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Seated, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let until = Box::pin(tokio::time::sleep(PATIENCE));
        (Seated { stream, until, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection and the place it takes while it lives.
struct Seated {
    stream: TcpStream,
    /// When it must have asked; an answer begins it anew.
    until: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Seated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.until.as_mut().reset(Instant::now() + PATIENCE);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

async fn show_page(State(source): State<Source>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page::render(&source()))
}

async fn show_metrics(State(source): State<Source>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render(&source()))
}

async fn show_health(State(source): State<Source>) -> impl IntoResponse {
    let snapshot = source();
    let status = if snapshot.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string_pretty(&snapshot).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body + "\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{CONNECTIONS, serve};
    use crate::status::Snapshot;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::watch;

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn silent_clients_take_the_places_of_the_page_and_no_more() {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(address, Arc::new(Snapshot::default), stopped));
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(ask(address).await.starts_with("HTTP/1.1 200"));

        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let refused = tokio::time::timeout(Duration::from_millis(300), ask(address)).await;
        assert!(refused.is_err(), "one more than there are places was served");
        drop(silent);
        assert!(ask(address).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_end_its_request_gives_its_place_back() {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(serve(address, Arc::new(Snapshot::default), stopped));
        let mut slow = loop {
            match TcpStream::connect(address).await {
                Ok(stream) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        slow.write_all(b"GET /livez HTTP/1.1\r\nHost: x").await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), slow.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "the connection is ended");
    }
}
