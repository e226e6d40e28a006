//! The read API: windows, alerts, regions, sources.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::page::{Page, Wanted};
use super::problem::{Ask, Problem};
use crate::view::{AlertRecord, Region, Source, TallySource, WindowKey, WindowRecord};

/// Which windows are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WindowsQuery {
    /// Only this region.
    #[param(example = "330604")]
    region: Option<String>,
    /// This region and every region in it.
    #[param(example = "330600")]
    within: Option<String>,
    /// Only this sector; `all` for their sum.
    #[param(example = "mining")]
    sector: Option<String>,
    /// Only the window of this name.
    #[param(example = "1h")]
    window: Option<String>,
    /// Only these measures, with commas.
    #[param(example = "readings,alarms_red")]
    measure: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The newest counts of every cell and window, in the order of region, sector and window.
#[utoipa::path(get, path = "/api/v1/windows", tag = "read", params(WindowsQuery), responses(
    (status = 200, description = "One page", body = Page<WindowRecord>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub async fn windows(
    State(app): State<App>,
    Ask(query): Ask<WindowsQuery>,
) -> Result<Json<Page<WindowRecord>>, Problem> {
    let wanted = Wanted::new(query.limit, query.cursor.as_deref(), app.page_max)?;
    let view = app.observer.view();
    let is = |filter: &Option<String>, value: &str| filter.as_deref().is_none_or(|wanted| wanted == value);
    let keys = view.window_keys(|key| {
        is(&query.region, &key.region)
            && is(&query.sector, &key.sector)
            && is(&query.window, &key.window)
            && query.within.as_deref().is_none_or(|above| view.lies_in(&key.region, above))
    });
    let measures: Option<Vec<&str>> = query.measure.as_deref().map(|names| names.split(',').collect());
    let make = |key: WindowKey| {
        let mut record = view.window(&key)?;
        if let Some(measures) = &measures {
            record.counts.retain(|measure, _| measures.contains(&measure.as_str()));
        }
        Some(record)
    };
    // A dot needs no escape in an address, and stands before digits and letters: a region comes before those in it.
    let name = |key: &WindowKey| format!("{}.{}.{}", key.region, key.sector, key.window);
    Ok(Json(wanted.cut(keys, name, make)))
}

/// Which alerts are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertsQuery {
    /// Only these statuses, with commas: `pending`, `firing`, `acknowledged`, `resolved`, `unknown`.
    #[param(example = "firing,unknown")]
    status: Option<String>,
    /// Only these levels, with commas: `red`, `orange`, `yellow`, `blue`.
    #[param(example = "red,orange")]
    level: Option<String>,
    /// This region and every region in it.
    #[param(example = "330604")]
    region: Option<String>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The newest state of every alert, by id.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "read", params(AlertsQuery), responses(
    (status = 200, description = "One page", body = Page<AlertRecord>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub async fn alerts(
    State(app): State<App>,
    Ask(query): Ask<AlertsQuery>,
) -> Result<Json<Page<AlertRecord>>, Problem> {
    let wanted = Wanted::new(query.limit, query.cursor.as_deref(), app.page_max)?;
    one_of("status", query.status.as_deref(), &["pending", "firing", "acknowledged", "resolved", "unknown"])?;
    one_of("level", query.level.as_deref(), &["red", "orange", "yellow", "blue"])?;
    let view = app.observer.view();
    let among = |filter: &Option<String>, value: &str| {
        filter.as_deref().is_none_or(|f| f.split(',').any(|one| one == value))
    };
    let alerts = view.alerts(|alert| {
        among(&query.status, &alert.status)
            && among(&query.level, &alert.level)
            && query.rule.as_deref().is_none_or(|rule| rule == alert.rule)
            && query
                .region
                .as_deref()
                .is_none_or(|above| alert.region.as_deref().is_some_and(|region| view.lies_in(region, above)))
    });
    Ok(Json(wanted.cut(alerts, |alert| alert.id.clone(), Some)))
}

/// A misspelt status would look like "no such alert", which is the wrong thing to believe.
fn one_of(name: &str, given: Option<&str>, known: &[&str]) -> Result<(), Problem> {
    match given.into_iter().flat_map(|list| list.split(',')).find(|one| !known.contains(one)) {
        None => Ok(()),
        Some(other) => {
            Err(Problem::bad_request(format!("{name} is \"{other}\": use one of {}", known.join(", "))))
        }
    }
}

/// Which regions are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegionsQuery {
    /// `city`, `county`, `town` or `unknown`.
    #[param(example = "county")]
    level: Option<String>,
    /// This region and every region in it.
    #[param(example = "330604")]
    within: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The regions of the taxonomy, by code.
#[utoipa::path(get, path = "/api/v1/regions", tag = "read", params(RegionsQuery), responses(
    (status = 200, description = "One page", body = Page<Region>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub async fn regions(
    State(app): State<App>,
    Ask(query): Ask<RegionsQuery>,
) -> Result<Json<Page<Region>>, Problem> {
    let wanted = Wanted::new(query.limit, query.cursor.as_deref(), app.page_max)?;
    one_of("level", query.level.as_deref(), &["city", "county", "town", "unknown"])?;
    let view = app.observer.view();
    let regions = view.regions().filter(|region| {
        query.level.as_deref().is_none_or(|level| level == region.level)
            && query.within.as_deref().is_none_or(|above| view.lies_in(&region.code, above))
    });
    Ok(Json(wanted.cut(regions.collect(), |region| region.code.clone(), |region| Some(region.clone()))))
}

/// Where events come from, and where time stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Sources {
    /// Every input partition of this process.
    pub inputs: Vec<Source>,
    /// Every tallies partition of this process.
    pub tallies: Vec<TallySource>,
}

/// Input partitions with offsets, lag, watermark, idleness and ledger; tallies partitions with their event clock; silent
/// gateways.
#[utoipa::path(get, path = "/api/v1/sources", tag = "read", responses(
    (status = 200, description = "All of them: there are as many as partitions", body = Sources),
))]
pub async fn sources(State(app): State<App>) -> Json<Sources> {
    let view = app.observer.view();
    Json(Sources {
        inputs: view.sources().into_iter().map(Source::from).collect(),
        tallies: view.tallies().into_iter().map(TallySource::from).collect(),
    })
}
