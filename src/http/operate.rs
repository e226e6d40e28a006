//! What operations ask: metrics, health, the log level.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::problem::Problem;

/// Everything that is counted, in Prometheus' text format; docs/metrics.md lists it.
#[utoipa::path(get, path = "/metrics", tag = "operate", responses(
    (status = 200, description = "Prometheus' text format 0.0.4", body = String, content_type = "text/plain"),
))]
pub async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = app
        .observer
        .metrics_text()
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Answers as long as the process can answer.
#[utoipa::path(get, path = "/livez", tag = "operate", responses(
    (status = 200, description = "Alive", body = String, content_type = "text/plain"),
))]
pub async fn livez() -> &'static str {
    "alive\n"
}

/// Whether the process has started: every worker was ready once, or waits for a broker. What it waits for is on /readyz.
#[utoipa::path(get, path = "/startupz", tag = "operate", responses(
    (status = 200, description = "Started", body = String, content_type = "text/plain"),
    (status = 503, description = "Starting: a reason on each line", body = String, content_type = "text/plain"),
))]
pub async fn startupz(State(app): State<App>) -> (StatusCode, String) {
    let reasons = app.observer.not_started();
    if reasons.is_empty() {
        return (StatusCode::OK, "started\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
}

/// Whether the process is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct Readiness {
    /// Every worker is a stable member of the group and has restored what it owns, which may be nothing.
    pub ready: bool,
    /// Why not; empty when ready.
    pub reasons: Vec<String>,
}

/// Whether every worker is a stable member of the group and has restored its state; if not, why not.
#[utoipa::path(get, path = "/readyz", tag = "operate", responses(
    (status = 200, description = "Ready", body = Readiness),
    (status = 503, description = "Not ready, with the reasons", body = Readiness),
))]
pub async fn readyz(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let reasons = app.observer.not_ready();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reasons.is_empty(), reasons }))
}

/// The log filter in force.
#[utoipa::path(get, path = "/-/log-level", tag = "operate", responses(
    (status = 200, description = "A level, or directives per module", body = String, content_type = "text/plain"),
))]
pub async fn log_level(State(app): State<App>) -> Result<String, Problem> {
    let level = app.log.level();
    level
        .map(|level| level + "\n")
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// Changes which log lines are written, until the process ends: a level (`debug`), or directives per module
/// (`info,hazstream::kafka=debug`).
#[utoipa::path(put, path = "/-/log-level", tag = "operate",
    request_body(content = String, content_type = "text/plain", example = "debug"),
    responses(
        (status = 200, description = "The filter now in force", body = String, content_type = "text/plain"),
        (status = 400, description = "Not a filter; the old one stays", body = Problem,
         content_type = "application/problem+json"),
    ))]
pub async fn set_log_level(State(app): State<App>, body: String) -> Result<String, Problem> {
    let level = body.trim();
    app.log.set(level).map_err(|error| Problem::bad_request(error.to_string()))?;
    tracing::info!(level, "log level changed");
    Ok(format!("{level}\n"))
}
