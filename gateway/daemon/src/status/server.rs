//! The small HTTP server behind `[status] listen`.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

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
