//! The shell around axum: metrics, health, the read API. It reads the [`Observer`] and changes nothing but the log level.

mod operate;
mod page;
mod problem;
mod read;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Html;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::logging::LogControl;
use crate::observer::Observer;

pub use operate::Readiness;
pub use page::Page;
pub use problem::Problem;
pub use server::Server;

/// What every handler may look at.
#[derive(Clone)]
pub struct App {
    /// What workers told.
    pub observer: Arc<Observer>,
    /// Changes the log level.
    pub log: LogControl,
    /// Entries of one page, at most.
    pub page_max: usize,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hazstream",
        description = "Sliding-window counts and alerts of safety hazards: what this process knows after its last commit. \
                       A replica shows the partitions that it owns."
    ),
    tags(
        (name = "read", description = "Counts, alerts, regions, sources"),
        (name = "operate", description = "Metrics, health, log level")
    )
)]
struct Description;

/// Every documented route, and its document.
fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(read::windows))
        .routes(routes!(read::alerts))
        .routes(routes!(read::regions))
        .routes(routes!(read::sources))
        .routes(routes!(operate::metrics))
        .routes(routes!(operate::livez))
        .routes(routes!(operate::startupz))
        .routes(routes!(operate::readyz))
        .routes(routes!(operate::log_level, operate::set_log_level))
}

/// The OpenAPI document, as docs/openapi.json and `/api/openapi.json` have it.
pub fn openapi() -> String {
    let (_, document) = documented().split_for_parts();
    let text = document.to_pretty_json().expect("the document is made of strings, numbers and lists");
    text + "\n"
}

/// Everything that is served.
fn router(app: App) -> Router {
    let (router, document) = documented().split_for_parts();
    let document = document.to_pretty_json().expect("the document is made of strings, numbers and lists");
    router
        .route("/", get(async || Html(include_str!("index.html"))))
        .route(
            "/api/openapi.json",
            get(async move || ([(axum::http::header::CONTENT_TYPE, "application/json")], document.clone())),
        )
        .fallback(async |uri: Uri| {
            Problem::new(
                StatusCode::NOT_FOUND,
                format!("nothing is at {}: see / for what there is", uri.path()),
            )
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let detail = format!("{} does not take {method}", uri.path());
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(CompressionLayer::new())
        // A 503 of /readyz is an answer, not a failure: it is not logged as an error at every probe.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .with_state(app)
}

#[cfg(test)]
mod tests;
