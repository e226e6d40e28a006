//! A histogram that takes whole buckets: tasks count lateness themselves, a lock per event would cost more than the event.

use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};

use super::table;
use crate::worker::report::{LATE_SECONDS, LateSeen};

/// Collects `hazstream_late_seconds`.
pub(super) struct Late {
    seen: std::sync::Arc<Mutex<LateSeen>>,
    description: Desc,
}

impl Late {
    pub fn new(seen: std::sync::Arc<Mutex<LateSeen>>) -> Self {
        let row = table::row("hazstream_late_seconds");
        let description = Desc::new(row.name.to_owned(), row.help.to_owned(), Vec::new(), Default::default())
            .expect("the names in the table are those of Prometheus");
        Late { seen, description }
    }
}

impl Collector for Late {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut buckets = Vec::new();
        let mut total = 0;
        for (count, bound) in seen.counts.iter().zip(LATE_SECONDS) {
            total += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(total);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(total + seen.counts[LATE_SECONDS.len()]);
        histogram.set_sample_sum(seen.sum_seconds);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let row = table::row("hazstream_late_seconds");
        let mut family = MetricFamily::default();
        family.set_name(row.name.to_owned());
        family.set_help(row.help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
