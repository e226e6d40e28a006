//! A change of rules at its place in the log.

use super::*;
use crate::tally::Signal;
use crate::warn::Reason;

/// The usual rule with these numbers.
fn cluster(threshold: u64, clear: u64, for_s: i64) -> Rule {
    let mut rule = settings(threshold, clear, Emit::Latest).rules.remove(0);
    rule.for_ms = for_s * 1000;
    rule.hash = format!("{threshold} {clear} {for_s}");
    rule
}

fn signal_rule(name: &str, condition: Condition) -> Rule {
    let hash = format!("{condition:?}");
    Rule { name: name.into(), hash, level: None, for_ms: 0, condition, ..cluster(1, 1, 0) }
}

fn level_rule(at_least: Level, quantity: Option<&str>) -> Rule {
    signal_rule("level", Condition::SensorLevel { at_least, quantity: quantity.map(Into::into) })
}

fn rules(number: u64, rules: &[Rule]) -> Entry {
    let windows = settings(1, 1, Emit::Latest).windows;
    Entry::Rules(Announcement::new(number, EventTime::from_ms(0), rules, &windows))
}

/// Batches become tallies in the order in which they stand between the changes of rules.
enum Part {
    Batch((u32, Vec<Happening>)),
    Rules(Entry),
}

fn log(parts: Vec<Part>) -> Vec<Entry> {
    let batches: Vec<_> = parts
        .iter()
        .filter_map(|part| if let Part::Batch(batch) = part { Some(batch.clone()) } else { None })
        .collect();
    let mut tallies = tallies(&batches).into_iter();
    let entry = |part| match part {
        Part::Batch(_) => Entry::Tally(Box::new(tallies.next().unwrap())),
        Part::Rules(entry) => entry,
    };
    parts.into_iter().map(entry).collect()
}

fn batch(partition: u32, seconds: &[i64]) -> Part {
    Part::Batch(at(partition, seconds))
}

fn switch(number: u64, to: &[Rule]) -> Part {
    Part::Rules(rules(number, to))
}

/// The steps that a log raises, begun with these rules.
fn events(given: &[Rule], parts: Vec<Part>) -> Vec<AlertEvent> {
    let settings = Settings { rules: given.to_vec(), ..settings(1, 1, Emit::Latest) };
    let log = log(parts);
    let whole = alert_events(&run_log(settings.clone(), &log, None));
    for crash in 0..log.len() {
        let broken = alert_events(&run_log(settings.clone(), &log, Some(crash)));
        assert_eq!(broken, whole, "restored after {crash}");
    }
    whole
}

#[test]
fn a_rule_that_is_changed_is_judged_at_its_record_and_no_alert_that_stays_true_is_raised_again() {
    let three = [batch(0, &[]), batch(1, &[]), batch(0, &[5, 6, 7])];
    let told =
        events(&[cluster(3, 2, 0)], three.into_iter().chain([switch(1, &[cluster(2, 1, 0)])]).collect());
    assert_eq!(steps(&told), ["firing@10 crossed", "firing@10 rule_changed"]);
    assert_eq!(told[1].transition.from, Some(Status::Firing), "it does not page");
    assert_eq!((told[1].alert.rule_hash.as_str(), told[1].alert.threshold), ("2 1 0", 2.0));
    assert_eq!(told[0].alert.id, told[1].alert.id);
}

#[test]
fn a_lower_threshold_fires_at_the_record_and_a_higher_one_falls_back_by_the_event_clock() {
    let told = events(
        &[cluster(9, 9, 0)],
        vec![batch(0, &[]), batch(1, &[]), batch(0, &[5, 6, 7]), switch(1, &[cluster(3, 3, 0)])],
    );
    assert_eq!(steps(&told), ["firing@10 crossed"]);
    let told = events(
        &[cluster(3, 3, 0)],
        vec![
            batch(0, &[5, 6, 7]),
            batch(1, &[8]),
            switch(1, &[cluster(9, 9, 0)]),
            batch(0, &[45]),
            batch(1, &[45]),
        ],
    );
    assert_eq!(steps(&told), ["firing@10 crossed", "firing@10 rule_changed", "resolved@20 cleared"]);
}

#[test]
fn what_a_new_rule_would_have_raised_long_ago_it_does_not_raise_now() {
    let told = events(
        &[],
        vec![
            batch(0, &[5, 6, 7]),
            batch(1, &[8]),
            batch(0, &[200]),
            batch(1, &[200]),
            switch(1, &[cluster(3, 3, 0)]),
            batch(0, &[201, 202]),
        ],
    );
    assert_eq!(steps(&told), ["firing@210 crossed"]);
}

#[test]
fn a_rule_that_is_gone_resolves_its_alerts_with_a_reason_of_its_own_and_may_come_back() {
    let held = vec![batch(0, &[5, 6, 7]), batch(1, &[8]), switch(1, &[]), batch(0, &[9])];
    let told = events(&[cluster(3, 2, 0)], held);
    assert_eq!(steps(&told), ["firing@10 crossed", "resolved@10 rule_gone"]);

    let back = vec![
        batch(0, &[5, 6, 7]),
        batch(1, &[8]),
        switch(1, &[]),
        batch(0, &[9]),
        switch(2, &[cluster(3, 2, 0)]),
    ];
    let told = events(&[cluster(3, 2, 0)], back);
    assert_eq!(steps(&told), ["firing@10 crossed", "resolved@10 rule_gone", "firing@10 crossed"]);
    assert_eq!(told.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_rule_that_moves_to_other_cells_or_another_measure_leaves_no_alert_behind() {
    let moved = |change: fn(&mut Condition)| {
        let mut rule = cluster(3, 2, 0);
        change(&mut rule.condition);
        rule.hash = "moved".into();
        let told = events(
            &[cluster(3, 2, 0)],
            vec![batch(0, &[5, 6, 7]), batch(1, &[8]), switch(1, &[rule]), batch(0, &[9])],
        );
        assert_eq!(steps(&told), ["firing@10 crossed", "resolved@10 rule_gone"]);
    };
    moved(|condition| {
        if let Condition::Count { cells, .. } = condition {
            cells.place = Place::Town;
        }
    });
    moved(|condition| {
        if let Condition::Count { measure, .. } = condition {
            *measure = "inspections".into();
        }
    });
    moved(|condition| *condition = Condition::NoData(Silent::Sensor));
}

#[test]
fn a_pending_alert_fires_when_its_rule_no_longer_waits_and_a_firing_one_never_waits_again() {
    let parts =
        |to| vec![batch(0, &[5, 6, 7]), batch(1, &[8]), switch(1, &[to]), batch(0, &[25]), batch(1, &[25])];
    let told = events(&[cluster(3, 2, 300)], parts(cluster(3, 2, 0)));
    assert_eq!(
        steps(&told)[..3],
        ["pending@10 crossed", "pending@10 rule_changed", "firing@10 rule_changed"]
    );
    let told = events(&[cluster(3, 2, 0)], parts(cluster(3, 2, 300)));
    assert_eq!(steps(&told), ["firing@10 crossed", "firing@10 rule_changed"]);
}

#[test]
fn the_same_rules_announced_again_change_nothing() {
    let same = [cluster(3, 2, 0), level_rule(Level::Orange, None)];
    let told = events(&same, vec![batch(0, &[5, 6, 7]), switch(1, &same), batch(1, &[8]), switch(2, &same)]);
    assert_eq!(steps(&told), ["firing@10 crossed"]);
}

fn sensor(level: Option<Level>) -> Entry {
    let signal = Signal {
        subject: Subject::Sensor("s-1".into()),
        region: "330604".into(),
        sector: "mining".into(),
        enterprise_id: None,
        at: EventTime::from_ms(3_000),
        offset: Some(7),
        what: What::Level { quantity: "methane".into(), level, side: "H".into(), value: 1.5, set_point: 1.0 },
    };
    let mut tally = tallies(&[at(0, &[5])]).remove(0);
    tally.signals.push(signal);
    Entry::Tally(Box::new(tally))
}

#[test]
fn a_sensors_alert_follows_its_rule_as_far_as_is_known_and_the_next_signal_decides() {
    let check = |old: Rule, new: Rule, wanted: &[&str]| {
        let settings = Settings { rules: vec![old], ..settings(1, 1, Emit::Latest) };
        let log = [sensor(Some(Level::Orange)), rules(1, &[new]), sensor(None)];
        assert_eq!(steps(&alert_events(&run_log(settings, &log, None))), wanted);
    };
    let any = || level_rule(Level::Yellow, None);
    check(
        any(),
        level_rule(Level::Orange, None),
        &["firing@3 crossed", "firing@3 rule_changed", "resolved@3 cleared"],
    );
    // The alert has the sensor's level, orange: red it never was.
    check(any(), level_rule(Level::Red, None), &["firing@3 crossed", "resolved@3 rule_gone"]);
    let of = |quantity| level_rule(Level::Yellow, Some(quantity));
    check(of("methane"), of("oxygen"), &["firing@3 crossed", "resolved@3 rule_gone"]);
    check(of("methane"), any(), &["firing@3 crossed", "firing@3 rule_changed", "resolved@3 cleared"]);
}

#[test]
fn a_cells_silence_is_judged_at_the_record_by_the_coverage_that_is_known() {
    let cells = || CellSet { place: Place::County, sector: Some("all".into()) };
    let rule =
        Rule { level: Some(Level::Blue), ..signal_rule("quiet", Condition::NoData(Silent::Cell(cells()))) };
    let mut tally = tallies(&[at(0, &[5])]).remove(0);
    tally.coverage.push(crate::tally::Coverage { cell: 0, heard: 1, expected: 10 });
    let log = [Entry::Tally(Box::new(tally)), rules(1, &[rule]), rules(2, &[])];
    let told = alert_events(&run_log(Settings { rules: vec![], ..settings(1, 1, Emit::Latest) }, &log, None));
    let reasons: Vec<Reason> = told.iter().map(|event| event.transition.reason).collect();
    assert_eq!(reasons, [Reason::Crossed, Reason::RuleGone]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With one `threshold` before and another after, whatever the order and wherever it crashes.
    #[test]
    fn a_task_restored_anywhere_has_the_rules_of_that_place_and_goes_on_as_if_never_stopped(
        batches in batches(), thresholds in (1u64..5, 1u64..5), swap in 0usize..60, crash in 0usize..60,
    ) {
        let mut log: Vec<Entry> = tallies(&batches).into_iter().map(|tally| Entry::Tally(Box::new(tally))).collect();
        log.insert(swap.min(log.len()), rules(1, &[cluster(thresholds.0, 1, 0)]));
        log.insert((swap + 4).min(log.len()), rules(2, &[cluster(thresholds.1, 1, 0), level_rule(Level::Red, None)]));
        // Whatever file it is started with.
        let given = |threshold| settings(threshold, 1, Emit::Both);
        let whole = run_log(given(9), &log, None);
        let broken = run_log(given(9), &log, Some(crash.min(log.len() - 1)));
        prop_assert_eq!(alert_events(&whole), alert_events(&broken));
    }
}
