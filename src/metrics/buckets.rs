//! A histogram that takes whole buckets or weighted values: tasks count by themselves, a lock per event would cost more
//! than the event.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};

use super::table::{self, Kind, Row};

/// Collects one histogram of the table; its clones share what they saw.
#[derive(Clone)]
pub(super) struct Buckets {
    row: &'static Row,
    bounds: &'static [f64],
    description: Desc,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    /// By bound, and one more for what is beyond the last.
    counts: Vec<u64>,
    sum: f64,
}

impl Buckets {
    /// The histogram of that name, empty.
    pub fn new(name: &str) -> Self {
        let row = table::row(name);
        let Kind::Histogram(bounds) = row.kind else { unreachable!("{name} is a histogram in the table") };
        let description = Desc::new(row.name.to_owned(), row.help.to_owned(), Vec::new(), Default::default())
            .expect("the names in the table are those of Prometheus");
        let seen = Arc::new(Mutex::new(Seen { counts: vec![0; bounds.len() + 1], sum: 0.0 }));
        Buckets { row, bounds, description, seen }
    }

    /// Takes in so many values of one size.
    pub fn add(&self, value: f64, times: u64) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.counts[bucket] += times;
        seen.sum += value * times as f64;
    }

    /// Takes in counts by bucket, and their values' sum.
    pub fn merge(&self, counts: &[u64], sum: f64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (mine, theirs) in seen.counts.iter_mut().zip(counts) {
            *mine += theirs;
        }
        seen.sum += sum;
    }
}

impl Collector for Buckets {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buckets = Vec::new();
        let mut total = 0;
        for (count, bound) in seen.counts.iter().zip(self.bounds) {
            total += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(total);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(total + seen.counts[self.bounds.len()]);
        histogram.set_sample_sum(seen.sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(self.row.name.to_owned());
        family.set_help(self.row.help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
