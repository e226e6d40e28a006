//! Every metric of the program and of the domain, fed from [`Report`]s and from the [`View`].
//!
//! [`table`] is the only list of names. Nothing here runs per event: tasks tally in plain structs, a commit publishes.

mod buckets;
mod domain;
mod rules;
#[cfg(test)]
pub(crate) mod strict;
mod table;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::config::MetricsRegion;
use crate::event::{EventTime, Reason};
use crate::log::{Topic, TopicPartition};
use crate::view::View;
use crate::warn::Status;
use crate::worker::report::{
    AssessReport, CollectReport, CommitReport, MemberReport, Report, TransactionResult,
};

use buckets::Buckets;
pub use rules::Rules;
pub use table::{COMMIT_SECONDS, DOMAIN, Kind, PROGRAM, Row, reference, rows};

/// Every metric, in its own registry.
pub struct Metrics {
    registry: Registry,
    events: IntCounterVec,
    consumed: IntCounterVec,
    held: IntGaugeVec,
    difference: IntGaugeVec,
    rejects: IntCounterVec,
    quarantined: IntCounterVec,
    adopted: IntCounterVec,
    late: Buckets,
    end_to_end: Buckets,
    rules: Rules,
    limit_dropped: IntCounterVec,
    lag: IntGaugeVec,
    tallies_lag: IntGaugeVec,
    watermark_age: GaugeVec,
    idle: IntGaugeVec,
    event_clock_age: GaugeVec,
    event_clock_held: IntGaugeVec,
    holders: Mutex<Holders>,
    tables: IntGaugeVec,
    cells: IntGaugeVec,
    slices: IntGaugeVec,
    transitions: IntCounterVec,
    commit_seconds: Histogram,
    transactions: IntCounterVec,
    outputs: IntCounterVec,
    rebalances: IntCounterVec,
    member_stable: IntGaugeVec,
    assigned: IntGaugeVec,
    restore_progress: GaugeVec,
    restore_seconds: GaugeVec,
    waiting: IntGaugeVec,
    ready: IntGauge,
}

/// The limits that drop something.
const LIMITS: [&str; 4] = ["held_max", "ids_max", "subjects_max", "windows.horizon"];

/// Which input partition holds which tallies partition's event clock.
type Holders = std::collections::BTreeMap<u32, (crate::log::Input, u32)>;

impl Metrics {
    /// Metrics of a process whose read model is `view`, down to regions of `finest`, with `series_max` series each.
    pub fn new(view: Arc<View>, finest: MetricsRegion, series_max: usize) -> Self {
        let registry = Registry::new();
        register(&registry, domain::Domain::new(view, finest, series_max));
        let build = int_gauges(&registry, "hazstream_build_info");
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Metrics {
            events: counters(&registry, "hazstream_events_total"),
            consumed: counters(&registry, "hazstream_consumed_total"),
            held: int_gauges(&registry, "hazstream_held_events"),
            difference: int_gauges(&registry, "hazstream_conservation_difference"),
            rejects: counters(&registry, "hazstream_rejects_total"),
            quarantined: counters(&registry, "hazstream_clock_quarantined_total"),
            adopted: counters(&registry, "hazstream_adopted_total"),
            late: shared(&registry, "hazstream_late_seconds"),
            end_to_end: shared(&registry, "hazstream_end_to_end_seconds"),
            rules: Rules::new(&registry),
            limit_dropped: counters(&registry, "hazstream_limit_dropped_total"),
            lag: int_gauges(&registry, "hazstream_lag_records"),
            tallies_lag: int_gauges(&registry, "hazstream_tallies_lag_records"),
            watermark_age: gauges(&registry, "hazstream_watermark_age_seconds"),
            idle: int_gauges(&registry, "hazstream_partition_idle"),
            event_clock_age: gauges(&registry, "hazstream_event_clock_age_seconds"),
            event_clock_held: int_gauges(&registry, "hazstream_event_clock_held"),
            holders: Mutex::default(),
            tables: int_gauges(&registry, "hazstream_table_entries"),
            cells: int_gauges(&registry, "hazstream_cells"),
            slices: int_gauges(&registry, "hazstream_slices"),
            transitions: counters(&registry, "hazstream_alert_transitions_total"),
            commit_seconds: histogram(&registry, "hazstream_commit_seconds"),
            transactions: counters(&registry, "hazstream_transactions_total"),
            outputs: counters(&registry, "hazstream_outputs_total"),
            rebalances: counters(&registry, "hazstream_rebalances_total"),
            member_stable: int_gauges(&registry, "hazstream_member_stable"),
            assigned: int_gauges(&registry, "hazstream_assigned_partitions"),
            restore_progress: gauges(&registry, "hazstream_restore_progress_ratio"),
            restore_seconds: gauges(&registry, "hazstream_restore_seconds"),
            waiting: int_gauges(&registry, "hazstream_worker_waiting"),
            ready: int_gauges(&registry, "hazstream_ready").with_label_values::<&str>(&[]),
            registry,
        };
        metrics.start_at_zero();
        metrics
    }

    /// A counter that appears only with its first count hides that count from `rate()`.
    fn start_at_zero(&self) {
        for reason in Reason::ALL {
            self.rejects.with_label_values(&[reason.code()]);
        }
        for status in Status::ALL {
            self.transitions.with_label_values(&[status.code()]);
        }
        for limit in LIMITS {
            self.limit_dropped.with_label_values(&[limit]);
        }
        self.rules.start_at_zero();
        for result in TransactionResult::ALL {
            self.transactions.with_label_values(&[result.code()]);
        }
    }

    /// Takes in what a worker says.
    pub fn report(&self, report: &Report) {
        match report {
            Report::Member(report) => self.member(report),
            Report::Restore(report) => {
                let ratio = if report.total == 0 { 1.0 } else { report.done as f64 / report.total as f64 };
                let worker = [report.worker.to_string()];
                self.restore_progress.with_label_values(&worker).set(ratio.min(1.0));
                self.restore_seconds.with_label_values(&worker).set(report.elapsed.as_secs_f64());
            }
            Report::Commit(report) => self.commit(report),
            Report::Collect(report) => self.collect(report),
            Report::Assess(report) => self.assess(report),
            Report::Rules(report) => self.rules.report(report),
            Report::Released(partitions) => partitions.iter().for_each(|at| self.release(*at)),
            Report::Trouble(report) => {
                let waits = i64::from(report.waits_for.is_some());
                self.waiting.with_label_values(&[report.worker.to_string()]).set(waits);
            }
        }
    }

    /// Which rules, taxonomy and settings are in force, and which rules were found.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Says whether the process is ready.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// If a metric was built wrongly; a test keeps that from happening.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn member(&self, report: &MemberReport) {
        let worker = report.worker.to_string();
        self.member_stable.with_label_values(&[&worker]).set(i64::from(report.stable));
        self.assigned.with_label_values(&[&worker]).set(signed(report.assigned.len() as u64));
        self.rebalances.with_label_values(&[&worker]).inc_by(u64::from(report.rebalanced));
    }

    fn commit(&self, report: &CommitReport) {
        self.transactions.with_label_values(&[report.result.code()]).inc();
        if report.result == TransactionResult::Committed {
            self.commit_seconds.observe(report.duration.as_secs_f64());
            for (latency, events) in &report.latencies {
                self.end_to_end.add(latency.as_secs_f64(), *events);
            }
            for (topic, count) in &report.outputs {
                self.outputs.with_label_values(&[topic]).inc_by(*count);
            }
        }
    }

    fn collect(&self, report: &CollectReport) {
        let input = report.input.name();
        let partition = report.partition.to_string();
        let at = [input, partition.as_str()];
        let added = &report.added;
        self.consumed.with_label_values(&[input]).inc_by(unsigned(added.consumed));
        for (outcome, count) in
            [("counted", added.counted), ("duplicate", added.duplicate), ("rejected", added.rejected)]
        {
            self.events.with_label_values(&[input, outcome]).inc_by(unsigned(count));
        }
        for (reason, count) in &report.rejects {
            self.rejects.with_label_values(&[reason.code()]).inc_by(*count);
        }
        let quarantined = report.rejects.get(&Reason::ClockAhead).copied().unwrap_or(0);
        self.quarantined.with_label_values(&[input]).inc_by(quarantined);
        self.adopted.with_label_values(&[input]).inc_by(report.adopted);
        self.late.merge(&report.late.counts, report.late.sum_seconds);
        for (limit, count) in &report.limited {
            self.limit_dropped.with_label_values(&[limit]).inc_by(*count);
        }
        self.held.with_label_values(&at).set(report.ledger.held);
        self.difference.with_label_values(&at).set(report.ledger.difference());
        self.lag.with_label_values(&at).set((report.end_offset - report.next_offset).max(0));
        self.watermark_age.with_label_values(&at).set(age_seconds(report.clock, report.watermark));
        self.idle.with_label_values(&at).set(i64::from(report.idle));
        for (table, entries) in &report.tables {
            self.tables.with_label_values(&[input, &partition, table]).set(signed(*entries));
        }
    }

    fn assess(&self, report: &AssessReport) {
        let partition = [report.partition.to_string()];
        self.event_clock_age.with_label_values(&partition).set(age_seconds(report.clock, report.event_clock));
        self.tallies_lag.with_label_values(&partition).set((report.end_offset - report.next_offset).max(0));
        self.cells.with_label_values(&partition).set(signed(report.cells));
        self.slices.with_label_values(&partition).set(signed(report.slices));
        for (status, count) in &report.transitions {
            self.transitions.with_label_values(&[status]).inc_by(*count);
        }
        for (limit, count) in &report.limited {
            self.limit_dropped.with_label_values(&[limit]).inc_by(*count);
        }
        self.hold(report.partition, report.held_by);
    }

    fn hold(&self, tallies: u32, by: Option<(crate::log::Input, u32)>) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match by {
            Some(by) => holders.insert(tallies, by),
            None => holders.remove(&tallies),
        };
        if before == by {
            return;
        }
        if let Some((input, partition)) = before
            && !holders.values().any(|holder| *holder == (input, partition))
        {
            // It may be gone already when its partition was released.
            drop(self.event_clock_held.remove_label_values(&[input.name(), &partition.to_string()]));
        }
        for (input, partition) in before.into_iter().chain(by) {
            let held = holders.values().filter(|holder| **holder == (input, partition)).count();
            if held > 0 {
                let at = [input.name(), &partition.to_string()];
                self.event_clock_held.with_label_values(&at).set(signed(held as u64));
            }
        }
    }

    /// What another replica shows from now on is no longer shown here. Counters stay: they are this process's.
    fn release(&self, at: TopicPartition) {
        let partition = at.partition.to_string();
        match at.topic {
            Topic::Input(input) => {
                let labels = [input.name(), partition.as_str()];
                for gauges in [&self.held, &self.difference, &self.lag, &self.idle] {
                    drop(gauges.remove_label_values(&labels));
                }
                drop(self.watermark_age.remove_label_values(&labels));
                self.remove_tables(&labels);
            }
            Topic::Tallies => {
                for gauges in [&self.tallies_lag, &self.cells, &self.slices] {
                    drop(gauges.remove_label_values(&[&partition]));
                }
                drop(self.event_clock_age.remove_label_values(&[&partition]));
                self.hold(at.partition, None);
            }
            Topic::State
            | Topic::Rejects
            | Topic::Windows
            | Topic::WindowCloses
            | Topic::Alerts
            | Topic::AlertEvents => {}
        }
    }

    fn remove_tables(&self, at: &[&str; 2]) {
        for family in self.tables.collect() {
            for metric in family.get_metric() {
                let value = |name: &str| {
                    metric
                        .get_label()
                        .iter()
                        .find(|pair| pair.name() == name)
                        .map(|pair| pair.value().to_owned())
                };
                if value("input").as_deref() == Some(at[0])
                    && value("partition").as_deref() == Some(at[1])
                    && let Some(table) = value("table")
                {
                    drop(self.tables.remove_label_values(&[at[0], at[1], &table]));
                }
            }
        }
    }
}

fn age_seconds(clock: EventTime, then: EventTime) -> f64 {
    // Before the first event there is no watermark; an age of 292 million years would spoil every graph.
    if then == EventTime::MIN { f64::NAN } else { clock.since_ms(then) as f64 / 1000.0 }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn options(row: &Row) -> Opts {
    Opts::new(row.name, row.help)
}

fn register<C: Collector + 'static>(registry: &Registry, collector: C) {
    registry
        .register(Box::new(collector))
        .expect("the registry rejects only duplicates, and each name is in one row");
}

const MADE: &str = "the names and labels in the table are those of Prometheus";

fn counters(registry: &Registry, name: &str) -> IntCounterVec {
    let row = table::row(name);
    let made = IntCounterVec::new(options(row), row.labels).expect(MADE);
    register(registry, made.clone());
    made
}

fn int_gauges(registry: &Registry, name: &str) -> IntGaugeVec {
    let row = table::row(name);
    let made = IntGaugeVec::new(options(row), row.labels).expect(MADE);
    register(registry, made.clone());
    made
}

fn gauges(registry: &Registry, name: &str) -> GaugeVec {
    let row = table::row(name);
    let made = GaugeVec::new(options(row), row.labels).expect(MADE);
    register(registry, made.clone());
    made
}

/// A histogram of which one clone is in the registry.
fn shared(registry: &Registry, name: &str) -> Buckets {
    let made = Buckets::new(name);
    register(registry, made.clone());
    made
}

fn histogram(registry: &Registry, name: &str) -> Histogram {
    let row = table::row(name);
    let Kind::Histogram(buckets) = row.kind else { unreachable!("{name} is a histogram in the table") };
    let options = HistogramOpts::new(row.name, row.help).buckets(buckets.to_vec());
    let made = Histogram::with_opts(options).expect(MADE);
    register(registry, made.clone());
    made
}

#[cfg(test)]
pub(crate) use tests::collect_report;

#[cfg(test)]
mod tests;
