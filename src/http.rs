//! `/metrics`, `/healthz`, `/readyz` and `/version` for scrapers and kubelets.
//!
//! Read-only and without secrets. `/healthz` says that the process answers; `/readyz` that the
//! manifests were read and handed to the speaker, with the reason when not.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Scrape;

/// What the endpoints look at.
pub(crate) trait Status: Send + Sync + 'static {
    /// Everything a scrape needs.
    fn scrape(&self) -> impl Future<Output = Scrape> + Send;
    /// `Err` says what is missing.
    fn ready(&self) -> Result<(), String>;
}

/// Takes the address.
///
/// # Errors
/// One line with the address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot serve HTTP at {address}: {e}; give another --http ADDR"))
}

/// Serves until the future is dropped.
pub(crate) async fn serve<S: Status>(listener: TcpListener, status: Arc<S>) {
    if let Err(error) = axum::serve(listener, app(status)).await {
        tracing::error!(%error, "the HTTP endpoint ended");
    }
}

fn app<S: Status>(status: Arc<S>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<S>))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz::<S>))
        .route("/version", get(async || concat!(env!("CARGO_PKG_VERSION"), "\n")))
        .with_state(status)
}

async fn metrics<S: Status>(State(status): State<Arc<S>>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], status.scrape().await.text())
}

async fn readyz<S: Status>(State(status): State<Arc<S>>) -> (StatusCode, String) {
    match status.ready() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    struct Fixed(Result<(), String>);

    impl Status for Fixed {
        async fn scrape(&self) -> Scrape {
            Scrape::default()
        }

        fn ready(&self) -> Result<(), String> {
            self.0.clone()
        }
    }

    async fn ask(ready: Result<(), String>, path: &'static str) -> String {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Arc::new(Fixed(ready))));
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let text = answer.await.unwrap();
        server.abort();
        text
    }

    #[tokio::test]
    async fn the_endpoints_answer() {
        let metrics = ask(Ok(()), "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(metrics.contains("openmetrics-text"), "{metrics}");
        assert!(metrics.contains("cosmos_objects{outcome=\"refused\"} 0"), "{metrics}");
        assert!(ask(Ok(()), "/healthz").await.ends_with("\r\n\r\nok\n"));
        assert!(ask(Ok(()), "/version").await.contains(env!("CARGO_PKG_VERSION")));
        assert!(ask(Ok(()), "/readyz").await.starts_with("HTTP/1.1 200"));
        let not_yet = ask(Err("no manifests yet".into()), "/readyz").await;
        assert!(not_yet.starts_with("HTTP/1.1 503"), "{not_yet}");
        assert!(not_yet.ends_with("no manifests yet\n"), "{not_yet}");
    }

    #[tokio::test]
    async fn a_taken_address_says_what_to_do() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let text = bind(first.local_addr().unwrap()).await.unwrap_err();
        assert!(text.contains("--http"), "{text}");
    }
}
