//! The domain's metrics, made from the read model when somebody scrapes: nothing to keep in step, nothing left behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::table::{self, DOMAIN, Kind};
use crate::config::MetricsRegion;
use crate::taxonomy::Grade;
use crate::view::{Region, View};

/// Collects `hazard_*`.
pub(super) struct Domain {
    view: Arc<View>,
    finest: MetricsRegion,
    series_max: usize,
    descriptions: Vec<Desc>,
}

/// Series of one metric, by the values of its labels.
type Series = BTreeMap<Vec<String>, f64>;

impl Domain {
    pub fn new(view: Arc<View>, finest: MetricsRegion, series_max: usize) -> Self {
        let descriptions =
            DOMAIN.iter().chain([table::row("hazstream_series_dropped")]).map(describe).collect();
        Domain { view, finest, series_max, descriptions }
    }

    /// The region's level if it has series of its own. A region that the taxonomy does not know counts as one of the city.
    fn shown(&self, code: &str) -> Option<&str> {
        let Some(region) = self.view.region(code) else { return Some("unknown") };
        let finest = match region.level.as_str() {
            "town" => MetricsRegion::Town,
            "county" => MetricsRegion::County,
            _ => MetricsRegion::City,
        };
        (finest <= self.finest).then_some(region.level.as_str())
    }

    /// The region itself or the county, or else the city, that it lies in.
    fn county(&self, code: &str) -> String {
        let mut at = self.view.region(code);
        while let Some(Region { level, parent: Some(parent), .. }) = at
            && level == "town"
        {
            at = self.view.region(parent);
        }
        at.map_or_else(|| code.to_owned(), |region| region.code.clone())
    }

    fn windows(&self) -> (Series, Series) {
        let (mut counts, mut coverage) = (Series::new(), Series::new());
        for key in self.view.window_keys(|key| self.shown(&key.region).is_some()) {
            let Some(record) = self.view.window(&key) else { continue };
            let level = self.shown(&key.region).unwrap_or_default();
            let cell = || vec![key.region.clone(), level.to_owned(), key.sector.clone()];
            if let Some(ratio) = record.coverage.and_then(crate::view::Coverage::ratio) {
                coverage.insert(cell(), ratio);
            }
            for (measure, count) in record.counts {
                let mut labels = cell();
                labels.extend([measure, key.window.clone()]);
                counts.insert(labels, count as f64);
            }
        }
        (counts, coverage)
    }

    fn alerts(&self) -> Series {
        let mut series = Series::new();
        for alert in self.view.alerts(|alert| alert.status != "resolved") {
            let region = self.county(alert.region.as_deref().unwrap_or("unknown"));
            *series.entry(vec![region, alert.level, alert.status]).or_default() += 1.0;
        }
        series
    }

    /// The age of the oldest alert of each kind. The clock is the log's, so that a replayed or made-up time ages as well.
    fn oldest_alerts(&self) -> Series {
        let mut series = Series::new();
        let Some(now) = self.view.tallies().iter().map(|task| task.clock).max() else { return series };
        for alert in self.view.alerts(|alert| alert.status != "resolved") {
            let Some(starts_at) = alert.starts_at() else { continue };
            let region = self.county(alert.region.as_deref().unwrap_or("unknown"));
            let age = (now.since_ms(starts_at) as f64 / 1000.0).max(0.0);
            let oldest = series.entry(vec![region, alert.level, alert.status]).or_default();
            *oldest = oldest.max(age);
        }
        series
    }

    fn unwatched(&self) -> Series {
        let mut series = Series::new();
        for (region, unwatched) in self.view.tallies().into_iter().flat_map(|task| task.unwatched) {
            for (reason, ms) in [("no_task", unwatched.no_task_ms), ("silent", unwatched.silent_ms)] {
                series.insert(vec![region.clone(), reason.to_owned()], ms as f64 / 1000.0);
            }
        }
        series
    }

    fn open_hazards(&self) -> Series {
        let mut series = Series::new();
        for task in self.view.tallies() {
            for ((region, grade), count) in task.open_hazards.unwrap_or_default() {
                let grade = match grade {
                    Grade::General => "general",
                    Grade::Major => "major",
                };
                *series.entry(vec![self.county(&region), grade.to_owned()]).or_default() += count as f64;
            }
        }
        series
    }

    fn regions(&self) -> Series {
        let shown = self.view.regions().filter(|region| self.shown(&region.code).is_some());
        shown
            .map(|region| {
                let labels = [&region.code, &region.level, &region.name_zh, &region.name_en];
                (labels.map(String::clone).to_vec(), 1.0)
            })
            .collect()
    }

    fn silent_gateways(&self) -> Series {
        let sources = self.view.sources();
        sources
            .iter()
            .map(|source| {
                let labels = vec![source.input.name().to_owned(), source.partition.to_string()];
                (labels, source.silent_gateways.len() as f64)
            })
            .collect()
    }
}

impl Collector for Domain {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (counts, coverage) = self.windows();
        // In the order of the table.
        let made = [
            counts,
            coverage,
            self.alerts(),
            self.open_hazards(),
            self.regions(),
            self.silent_gateways(),
            self.oldest_alerts(),
            self.unwatched(),
        ];
        let mut dropped = Series::new();
        let mut families = Vec::new();
        for (row, series) in DOMAIN.iter().zip(made) {
            dropped.insert(vec![row.name.to_owned()], series.len().saturating_sub(self.series_max) as f64);
            families.push(family(row, series, self.series_max));
        }
        families.push(family(table::row("hazstream_series_dropped"), dropped, usize::MAX));
        // The text format has no family without series.
        families.retain(|family| !family.get_metric().is_empty());
        families
    }
}

fn describe(row: &table::Row) -> Desc {
    let labels = row.labels.iter().map(|label| (*label).to_owned()).collect();
    Desc::new(row.name.to_owned(), row.help.to_owned(), labels, Default::default())
        .expect("the names in the table are those of Prometheus")
}

fn family(row: &table::Row, series: Series, series_max: usize) -> MetricFamily {
    let metrics = series.into_iter().take(series_max).map(|(values, value)| {
        let pairs = row.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value);
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        match row.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram(_) => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        metric
    });
    let mut family = MetricFamily::default();
    family.set_name(row.name.to_owned());
    family.set_help(row.help.to_owned());
    let counts = row.kind == Kind::Counter;
    family.set_field_type(if counts { MetricType::COUNTER } else { MetricType::GAUGE });
    family.set_metric(metrics.collect());
    family
}
