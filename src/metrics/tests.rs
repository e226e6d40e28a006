//! Metrics by example: what a report does to each series.

use std::collections::BTreeMap;
use std::time::Duration;

use super::strict;
use super::*;
use crate::log::{Input, Output};
use crate::taxonomy::Grade;
use crate::view::Region;
use crate::worker::report::{LateSeen, Ledger, RestoreReport, RulesReport, TroubleReport, Unwatched};

fn region(code: &str, level: &str, parent: Option<&str>) -> Region {
    Region {
        code: code.into(),
        level: level.into(),
        parent: parent.map(Into::into),
        name_zh: format!("区{code}"),
        name_en: "a \"quoted\\name\"".into(),
    }
}

fn metrics(finest: MetricsRegion, series_max: usize) -> (Arc<View>, Metrics) {
    let view = Arc::new(View::new([
        region("330600", "city", None),
        region("330604", "county", Some("330600")),
        region("330604104", "town", Some("330604")),
        region("unknown", "unknown", None),
    ]));
    (Arc::clone(&view), Metrics::new(view, finest, series_max))
}

fn read(metrics: &Metrics) -> strict::Samples {
    let text = metrics.text().unwrap();
    strict::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

fn window(view: &View, region: &str, count: i64) {
    let value = format!(
        r#"{{"region":"{region}","sector":"mining","window":"1h","slide":"1m","as_of":"2026-11-23T02:16:00Z",
            "complete_to":null,"coverage":{{"heard":1,"expected":4}},"counts":{{"readings":{count}}}}}"#
    );
    view.apply(&output(Topic::Windows, &format!("{region}|mining|1h"), value));
}

fn output(topic: Topic, key: &str, value: String) -> Output {
    Output { topic, partition: None, key: key.into(), value: Some(value.into_bytes()), headers: Vec::new() }
}

pub(crate) fn collect_report() -> CollectReport {
    CollectReport {
        input: Input::Sensors,
        partition: 3,
        ledger: Ledger { consumed: 100, counted: 90, duplicate: 5, rejected: 3, held: 2 },
        added: Ledger { consumed: 10, counted: 8, duplicate: 1, rejected: 1, held: 0 },
        rejects: BTreeMap::from([(Reason::ClockAhead, 1)]),
        late: LateSeen::default(),
        adopted: 1,
        limited: BTreeMap::from([("held_max", 4)]),
        next_offset: 100,
        end_offset: 130,
        watermark: EventTime::from_ms(1_000_000),
        frontier: EventTime::from_ms(1_030_000),
        clock: EventTime::from_ms(1_031_500),
        idle: false,
        tables: BTreeMap::from([("ids", 77)]),
        silent_gateways: vec!["GW-7".into()],
    }
}

fn assess_report(partition: u32, held_by: Option<(Input, u32)>) -> Report {
    Report::Assess(Box::new(AssessReport {
        partition,
        partitions: 6,
        clock: EventTime::from_ms(10_000),
        event_clock: EventTime::from_ms(4_000),
        held_by,
        cells: 9,
        slices: 99,
        open_hazards: Some(BTreeMap::from([
            (("330604104".to_owned(), Grade::Major), 2),
            (("330604".to_owned(), Grade::Major), 1),
        ])),
        unwatched: BTreeMap::from([(
            "330604".to_owned(),
            Unwatched { no_task_ms: 90_000, silent_ms: 1_500 },
        )]),
        limited: BTreeMap::new(),
        transitions: BTreeMap::from([("firing", 2)]),
        next_offset: 7,
        end_offset: 8,
    }))
}

#[test]
fn a_fresh_process_has_a_page_that_a_strict_reader_takes() {
    let samples = read(&metrics(MetricsRegion::County, 100).1);
    assert_eq!(samples["hazstream_rejects_total{reason=\"clock_ahead\"}"], 0.0);
    assert!(
        samples.contains_key(&format!("hazstream_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn every_metric_of_the_table_appears_once_fed_and_no_other_does() {
    let (view, metrics) = metrics(MetricsRegion::Town, 100);
    let report = Report::Collect(Box::new(collect_report()));
    view.report(&report);
    view.report(&assess_report(0, None));
    window(&view, "330604", 7);
    view.apply(&output(
        Topic::Alerts,
        "00",
        r#"{"id":"00","rule":"r","status":"firing","level":"red","region":"330604104","starts_at":"1970-01-01T00:00:04Z"}"#.into(),
    ));
    feed_everything(&metrics, &report);
    let text = metrics.text().unwrap();
    strict::parse(&text).unwrap();
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    let mut wanted: Vec<&str> = rows().map(|row| row.name).collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

fn feed_everything(metrics: &Metrics, collect: &Report) {
    metrics.report(collect);
    metrics.report(&assess_report(0, Some((Input::Items, 1))));
    metrics.report(&Report::Restore(RestoreReport {
        worker: 0,
        done: 1,
        total: 4,
        elapsed: Duration::from_secs(3),
    }));
    let member = MemberReport { worker: 0, stable: true, assigned: Vec::new(), rebalanced: true };
    metrics.report(&Report::Member(member));
    let outputs = BTreeMap::from([("windows", 5)]);
    let (duration, result) = (Duration::from_millis(9), TransactionResult::Committed);
    metrics.report(&Report::Commit(CommitReport {
        worker: 0,
        duration,
        result,
        outputs,
        latencies: vec![(Duration::from_millis(400), 70), (Duration::from_secs(7200), 2)],
    }));
    metrics.rules().configured(&["r0", "t0", "s0"].map(String::from));
    let rules = RulesReport { worker: 0, number: 2, hash: Some("r1".into()), aside: vec!["in_2h".into()] };
    metrics.report(&Report::Rules(rules));
    metrics.rules().taken("r2");
    metrics.rules().refused();
    metrics.report(&Report::Trouble(TroubleReport { worker: 0, waits_for: Some("a broker".into()) }));
}

#[test]
fn reports_add_up_and_absolute_values_stand() {
    let (_, metrics) = metrics(MetricsRegion::County, 100);
    let report = Report::Collect(Box::new(collect_report()));
    metrics.report(&report);
    metrics.report(&report);
    feed_everything(&metrics, &report);
    let samples = read(&metrics);
    for (series, value) in [
        ("hazstream_consumed_total{input=\"sensors\"}", 30.0),
        ("hazstream_config_info{rules=\"r1\",settings=\"s0\",taxonomy=\"t0\"}", 1.0),
        ("hazstream_rules_file_info{rules=\"r2\"}", 1.0),
        ("hazstream_rules_number", 2.0),
        ("hazstream_rules_aside", 1.0),
        ("hazstream_rules_reloads_total{result=\"refused\"}", 1.0),
        ("hazstream_rules_last_reload_successful", 0.0),
        ("hazstream_events_total{input=\"sensors\",outcome=\"counted\"}", 24.0),
        ("hazstream_rejects_total{reason=\"clock_ahead\"}", 3.0),
        ("hazstream_clock_quarantined_total{input=\"sensors\"}", 3.0),
        ("hazstream_limit_dropped_total{limit=\"held_max\"}", 12.0),
        ("hazstream_held_events{input=\"sensors\",partition=\"3\"}", 2.0),
        ("hazstream_conservation_difference{input=\"sensors\",partition=\"3\"}", 0.0),
        ("hazstream_lag_records{input=\"sensors\",partition=\"3\"}", 30.0),
        ("hazstream_watermark_age_seconds{input=\"sensors\",partition=\"3\"}", 31.5),
        ("hazstream_event_clock_age_seconds{partition=\"0\"}", 6.0),
        ("hazstream_event_clock_held{input=\"items\",partition=\"1\"}", 1.0),
        ("hazstream_restore_progress_ratio{worker=\"0\"}", 0.25),
        ("hazstream_restore_seconds{worker=\"0\"}", 3.0),
        ("hazstream_end_to_end_seconds_bucket{le=\"0.25\"}", 0.0),
        ("hazstream_end_to_end_seconds_bucket{le=\"1\"}", 70.0),
        ("hazstream_end_to_end_seconds_count", 72.0),
        ("hazstream_commit_seconds_bucket{le=\"0.01\"}", 1.0),
        ("hazstream_transactions_total{result=\"committed\"}", 1.0),
        ("hazstream_worker_waiting{worker=\"0\"}", 1.0),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
}

#[test]
fn late_events_fill_the_histogram() {
    let (_, metrics) = metrics(MetricsRegion::County, 100);
    let mut report = collect_report();
    for ms in [500, 5_000, 9_000_000_000] {
        report.late.add(ms);
    }
    metrics.report(&Report::Collect(Box::new(report)));
    let samples = read(&metrics);
    assert_eq!(samples["hazstream_late_seconds_bucket{le=\"10\"}"], 2.0);
    assert_eq!(samples["hazstream_late_seconds_bucket{le=\"+Inf\"}"], 3.0);
    assert_eq!(samples["hazstream_late_seconds_sum"], 9_000_005.5);
}

#[test]
fn a_broken_ledger_shows() {
    let (_, metrics) = metrics(MetricsRegion::County, 100);
    let mut report = collect_report();
    report.ledger.consumed += 2;
    metrics.report(&Report::Collect(Box::new(report)));
    assert_eq!(read(&metrics)["hazstream_conservation_difference{input=\"sensors\",partition=\"3\"}"], 2.0);
}

#[test]
fn a_released_partition_leaves_no_series() {
    let (view, metrics) = metrics(MetricsRegion::County, 100);
    let collect = Report::Collect(Box::new(collect_report()));
    let at = |topic, partition| TopicPartition { topic, partition };
    let gone = vec![at(Topic::Input(Input::Sensors), 3), at(Topic::Tallies, 0)];
    for report in [collect, assess_report(0, Some((Input::Items, 1))), Report::Released(gone)] {
        view.report(&report);
        metrics.report(&report);
    }
    let left: Vec<String> =
        read(&metrics).into_keys().filter(|series| series.contains("partition=\"")).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn the_clock_is_held_by_whoever_holds_it_now() {
    let (_, metrics) = metrics(MetricsRegion::County, 100);
    let held = |at: &str| read(&metrics).get(&format!("hazstream_event_clock_held{{{at}}}")).copied();
    let (one, two) = ((Input::Items, 1), (Input::Sensors, 2));
    metrics.report(&assess_report(0, Some(one)));
    metrics.report(&assess_report(1, Some(one)));
    assert_eq!(held("input=\"items\",partition=\"1\""), Some(2.0));
    metrics.report(&assess_report(0, Some(two)));
    assert_eq!(held("input=\"items\",partition=\"1\""), Some(1.0));
    assert_eq!(held("input=\"sensors\",partition=\"2\""), Some(1.0));
    metrics.report(&assess_report(1, None));
    assert_eq!(held("input=\"items\",partition=\"1\""), None);
}

#[test]
fn counties_have_series_and_towns_by_option_and_more_than_the_limit_is_counted() {
    let town = "hazard_window_count{region=\"330604104\",region_level=\"town\",sector=\"mining\",measure=\"readings\",window=\"1h\"}";
    let county = town.replace("330604104", "330604").replace("town", "county");
    for (finest, series_max, shown, dropped) in [
        (MetricsRegion::City, 100, [false, false], 0.0),
        (MetricsRegion::County, 100, [true, false], 0.0),
        (MetricsRegion::Town, 100, [true, true], 0.0),
        (MetricsRegion::Town, 1, [true, false], 1.0),
    ] {
        let (view, metrics) = metrics(finest, series_max);
        window(&view, "330604", 7);
        window(&view, "330604104", 5);
        let samples = read(&metrics);
        assert_eq!(
            [samples.contains_key(&county), samples.contains_key(town)],
            shown,
            "{finest:?} {series_max}"
        );
        assert_eq!(samples["hazstream_series_dropped{metric=\"hazard_window_count\"}"], dropped);
    }
}

#[test]
fn the_domain_is_summed_by_county() {
    let (view, metrics) = metrics(MetricsRegion::County, 100);
    view.report(&Report::Collect(Box::new(collect_report())));
    view.report(&assess_report(0, None));
    window(&view, "330604", 7);
    for (id, status, starts_at) in [("a", "firing", "00.5"), ("b", "firing", "03"), ("c", "resolved", "00")] {
        let alert = format!(
            r#"{{"id":"{id}","rule":"r","status":"{status}","level":"red","region":"330604104",
                "starts_at":"1970-01-01T00:00:{starts_at}Z"}}"#
        );
        view.apply(&output(Topic::Alerts, id, alert));
    }
    let samples = read(&metrics);
    let unwatched =
        |reason| samples[&format!("hazard_unwatched_seconds_total{{region=\"330604\",reason=\"{reason}\"}}")];
    assert_eq!((unwatched("no_task"), unwatched("silent")), (90.0, 1.5));
    let oldest = "hazard_alert_oldest_seconds{region=\"330604\",level=\"red\",status=\"firing\"}";
    assert_eq!(samples[oldest], 9.5, "of the two, the one since 0.5 s; the log's clock stands at 10 s");
    assert_eq!(samples["hazard_open_hazards{region=\"330604\",grade=\"major\"}"], 3.0);
    assert_eq!(samples["hazard_alerts{region=\"330604\",level=\"red\",status=\"firing\"}"], 2.0);
    assert!(
        !samples.keys().any(|series| series.starts_with("hazard_alerts{") && series.contains("resolved"))
    );
    let coverage = "hazard_coverage_ratio{region=\"330604\",region_level=\"county\",sector=\"mining\"}";
    assert_eq!(samples[coverage], 0.25);
    assert_eq!(samples["hazard_silent_gateways{input=\"sensors\",partition=\"3\"}"], 1.0);
}

#[test]
fn the_list_of_metrics_does_not_drift() {
    crate::config::assert_file_is("docs/metrics.md", &reference());
}
