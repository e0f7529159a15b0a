//! What is served besides the WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;

use crate::tokens::Tokens;

/// For how long a token of the demo is good.
const VALID: Duration = Duration::from_secs(60 * 60);
/// How many bytes a form may have.
const FORM: usize = 1024;
/// The page has its style and its own script in it, loads heartline's, which compiles WebAssembly, and talks to its own server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
    connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page, and a token for everybody who asks for one.
pub(crate) fn demo(tokens: Arc<Tokens>) -> Router {
    let mint = move |form| std::future::ready(token(&tokens, form));
    let page = || file("text/html; charset=utf-8", include_str!("page.html"));
    // The npm package `heartline`, as drivers/web/build makes it.
    let script = || file("text/javascript; charset=utf-8", include_str!("heartline.js"));
    Router::new()
        .route("/", get(page))
        .route("/heartline.js", get(script))
        .route("/token", post(mint))
        .layer(DefaultBodyLimit::max(FORM))
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, text)
}

#[derive(Deserialize)]
struct Wanted {
    user: String,
}

fn token(tokens: &Tokens, Form(Wanted { user }): Form<Wanted>) -> (StatusCode, String) {
    match tokens.mint(&user, VALID) {
        Ok(token) => (StatusCode::OK, token),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

/// Numbers for Prometheus.
pub(crate) fn metrics(recorder: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(recorder.render())))
}
