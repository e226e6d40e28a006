//! Every metric: name, kind, labels, help, buckets. docs/metrics.md is made from this table.

use crate::worker::report::LATE_SECONDS;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// What is now.
    Gauge,
    /// Counts in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name, with its unit.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Commits: 9 ms is usual on a near broker, 100 ms on three of them, 10 s is a broker that died.
pub const COMMIT_SECONDS: &[f64] =
    &[0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Two commits lie between an event and what is judged of it: 20 ms at best. 1 s is the objective, 10 s a session time-out,
/// an hour an outage that is being made up for.
pub const END_TO_END_SECONDS: &[f64] =
    &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Row {
    Row { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Row {
    Row { name, kind: Kind::Gauge, labels, help }
}

/// The metrics of the domain: made from the read model when they are asked for.
pub const DOMAIN: [Row; 8] = [
    gauge(
        "hazard_window_count",
        &["region", "region_level", "sector", "measure", "window"],
        "Newest count of a measure in a sliding window; sum over one region_level and one sector only, for levels and sectors contain each other.",
    ),
    gauge(
        "hazard_coverage_ratio",
        &["region", "region_level", "sector"],
        "Sensors heard within their no-data time, divided by sensors expected.",
    ),
    gauge(
        "hazard_alerts",
        &["region", "level", "status"],
        "Alerts by county, level and status; resolved ones are left out.",
    ),
    gauge(
        "hazard_open_hazards",
        &["region", "grade"],
        "Hazards that were found and are not closed, by county.",
    ),
    gauge(
        "hazard_region_info",
        &["region", "region_level", "name_zh", "name_en"],
        "1 for each region that has series, with its names.",
    ),
    gauge("hazard_silent_gateways", &["input", "partition"], "Gateways of which no sensor is heard."),
    gauge(
        "hazard_alert_oldest_seconds",
        &["region", "level", "status"],
        "For how long the oldest of these alerts has stood, by the clock of the log.",
    ),
    counter(
        "hazard_unwatched_seconds_total",
        &["region", "reason"],
        "Time in which a county was not watched: no_task, nothing was judged in time; silent, too few sources were heard. Kept in the state, so it survives restarts; over a deployment take the maximum.",
    ),
];

/// The metrics of the program.
pub const PROGRAM: [Row; 40] = [
    gauge("hazstream_build_info", &["version"], "1, with the version that runs."),
    gauge(
        "hazstream_config_info",
        &["rules", "taxonomy", "settings"],
        "1, with the first digits of the hashes of what is in force and must be the same in all replicas.",
    ),
    gauge(
        "hazstream_rules_file_info",
        &["rules"],
        "1, with the first digits of the hash of the rules that were last found, and valid, where the settings say.",
    ),
    gauge(
        "hazstream_rules_number",
        &[],
        "Number of the announcement of the rules in force; 0: none was made yet.",
    ),
    gauge(
        "hazstream_rules_aside",
        &[],
        "Rules in force that this process cannot judge, since it has not the window that they watch.",
    ),
    counter(
        "hazstream_rules_reloads_total",
        &["result"],
        "Changes seen of the rules file: taken, or refused because of a mistake in it.",
    ),
    gauge(
        "hazstream_rules_last_reload_successful",
        &[],
        "0 while the rules file has a mistake in it, and the rules before it stay in force.",
    ),
    counter(
        "hazstream_limits_reloads_total",
        &["result"],
        "Changes seen of the file of sensors' limits: taken, or refused because of a mistake or of more than limits.",
    ),
    gauge(
        "hazstream_limits_last_reload_successful",
        &[],
        "0 while the file of sensors' limits has a mistake, or more than limits changed, and the limits before stay in force.",
    ),
    counter(
        "hazstream_events_total",
        &["input", "outcome"],
        "Events by what became of them: counted, duplicate or rejected.",
    ),
    counter("hazstream_consumed_total", &["input"], "Records read from an input."),
    gauge("hazstream_held_events", &["input", "partition"], "Stages that wait for their predecessor."),
    gauge(
        "hazstream_conservation_difference",
        &["input", "partition"],
        "consumed - (counted + duplicate + rejected + held). Anything but 0 is a defect.",
    ),
    counter("hazstream_rejects_total", &["reason"], "Events sent to the dead letters, by reason."),
    counter(
        "hazstream_clock_quarantined_total",
        &["input"],
        "Events whose time was too far ahead of the clock.",
    ),
    counter(
        "hazstream_adopted_total",
        &["input"],
        "Hazards and items first seen in the middle of their life.",
    ),
    Row {
        name: "hazstream_late_seconds",
        kind: Kind::Histogram(&LATE_SECONDS),
        labels: &[],
        help: "How far late events were behind their partition's watermark.",
    },
    Row {
        name: "hazstream_end_to_end_seconds",
        kind: Kind::Histogram(END_TO_END_SECONDS),
        labels: &[],
        help: "From an event's arrival in its topic to the commit of what was judged of it. Each event counts with the age of the oldest one of its tally, once for each tallies partition that it reaches.",
    },
    counter("hazstream_limit_dropped_total", &["limit"], "What a configured limit dropped."),
    gauge(
        "hazstream_lag_records",
        &["input", "partition"],
        "Records of an input partition that are still to be read.",
    ),
    gauge(
        "hazstream_tallies_lag_records",
        &["partition"],
        "Records of a tallies partition that are still to be read.",
    ),
    gauge(
        "hazstream_watermark_age_seconds",
        &["input", "partition"],
        "How far an input partition's watermark is behind the clock.",
    ),
    gauge(
        "hazstream_partition_idle",
        &["input", "partition"],
        "1 if the partition is read to its end and silent, so that it follows the clock.",
    ),
    gauge(
        "hazstream_event_clock_age_seconds",
        &["partition"],
        "How far the event clock of a tallies partition is behind the clock.",
    ),
    gauge(
        "hazstream_event_clock_held",
        &["input", "partition"],
        "Tallies partitions whose event clock this input partition holds back.",
    ),
    gauge(
        "hazstream_table_entries",
        &["input", "partition", "table"],
        "Entries of the bounded tables of an input partition.",
    ),
    gauge("hazstream_cells", &["partition"], "Cells that a tallies partition keeps."),
    gauge("hazstream_slices", &["partition"], "Slices that a tallies partition keeps."),
    counter("hazstream_alert_transitions_total", &["status"], "Alert transitions, by the status reached."),
    Row {
        name: "hazstream_commit_seconds",
        kind: Kind::Histogram(COMMIT_SECONDS),
        labels: &[],
        help: "Duration of a transaction's commit, its flush included.",
    },
    counter("hazstream_transactions_total", &["result"], "Transactions, by how they ended."),
    counter("hazstream_outputs_total", &["topic"], "Records written and committed, by topic."),
    counter("hazstream_rebalances_total", &["worker"], "Rebalances of the group that a worker took part in."),
    gauge(
        "hazstream_member_stable",
        &["worker"],
        "1 if the worker is a member of the group and no rebalance is under way.",
    ),
    gauge("hazstream_assigned_partitions", &["worker"], "Partitions that a worker owns."),
    gauge(
        "hazstream_restore_progress_ratio",
        &["worker"],
        "How much of its tasks' state a worker has restored.",
    ),
    gauge(
        "hazstream_restore_seconds",
        &["worker"],
        "How long the worker's last restore took, or the present one has taken so far.",
    ),
    gauge(
        "hazstream_worker_waiting",
        &["worker"],
        "1 if the worker waits for something outside; the log and /readyz say for what.",
    ),
    gauge(
        "hazstream_series_dropped",
        &["metric"],
        "Series left out of this page because of limits.series_max.",
    ),
    gauge("hazstream_ready", &[], "1 if /readyz says yes."),
];

/// Every metric.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    DOMAIN.iter().chain(&PROGRAM)
}

pub(super) fn row(name: &str) -> &'static Row {
    rows()
        .find(|row| row.name == name)
        .unwrap_or_else(|| unreachable!("{name} is not in the table of metrics"))
}

/// docs/metrics.md.
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         <!-- Made from the table in src/metrics/table.rs: `HAZSTREAM_TEST_WRITE=1 cargo test --lib drift` writes it anew. -->\n\n\
         On `/metrics`, in Prometheus' text format. `hazard_*` is the domain, `hazstream_*` the program. A replica shows the\n\
         partitions that it owns: over a deployment, sum. Regions down to `metrics.region_level` have series (counties by\n\
         default); enterprises, sensors and hazards never do. No metric has more than `limits.series_max` series.\n\
         `promtool check metrics` is content with all but the name `hazard_window_count`, whose ending it keeps for histograms.\n\n\
         | Metric | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for row in rows() {
        let kind = match row.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!("| `{}` | {kind} | {} | {} |\n", row.name, labels.join(" "), row.help));
    }
    text
}
