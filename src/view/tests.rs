//! The read model by example: what reports show, and what goes again.

use super::*;

fn output(topic: Topic, key: &str, value: Option<&str>) -> Output {
    let value = value.map(|text| text.as_bytes().to_vec());
    Output { topic, partition: None, key: key.as_bytes().to_vec(), value, headers: Vec::new() }
}

fn window(region: &str, count: i64) -> String {
    format!(
        r#"{{"region":"{region}","sector":"all","window":"1h","slide":"1m","as_of":"2026-11-23T02:16:00Z",
            "complete_to":null,"coverage":{{"heard":9,"expected":12}},"counts":{{"readings":{count}}}}}"#
    )
}

fn alert(id: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","rule":"r","status":"{status}","level":"red","region":"330604","sector":"all","value":3}}"#
    )
}

fn assess(partition: u32, partitions: u32) -> Report {
    Report::Assess(Box::new(AssessReport {
        partition,
        partitions,
        clock: Default::default(),
        event_clock: Default::default(),
        held_by: None,
        cells: 0,
        slices: 0,
        open_hazards: None,
        unwatched: BTreeMap::new(),
        limited: BTreeMap::new(),
        transitions: BTreeMap::new(),
        next_offset: 0,
        end_offset: 0,
    }))
}

#[test]
fn the_newest_record_of_a_key_is_shown_and_a_tombstone_removes_it() {
    let view = View::default();
    let key = WindowKey::parse("330604|all|1h").unwrap();
    view.apply(&output(Topic::Windows, "330604|all|1h", Some(&window("330604", 1))));
    view.apply(&output(Topic::Windows, "330604|all|1h", Some(&window("330604", 2))));
    let found = view.window(&key).unwrap();
    assert_eq!((found.counts["readings"], found.coverage.unwrap().ratio()), (2, Some(0.75)));
    view.apply(&output(Topic::Windows, "330604|all|1h", None));
    assert_eq!(view.window(&key), None);

    view.apply(&output(Topic::Alerts, "a", Some(&alert("a", "firing"))));
    view.apply(&output(Topic::Alerts, "a", Some(&alert("a", "resolved"))));
    let alerts = view.alerts(|_| true);
    assert_eq!(
        (alerts.len(), alerts[0].status.as_str(), &alerts[0].rest["value"]),
        (1, "resolved", &3.into())
    );
}

#[test]
fn what_nobody_can_read_is_passed_over() {
    let view = View::default();
    view.apply(&output(Topic::Windows, "no-key", Some("{}")));
    view.apply(&output(Topic::Windows, "a|b|c", Some("{}")));
    view.apply(&output(Topic::Alerts, "a", Some("not json")));
    view.apply(&output(Topic::AlertEvents, "a", Some(&alert("a", "firing"))));
    assert_eq!(view.window(&WindowKey::parse("a|b|c").unwrap()), None);
    assert_eq!(view.alerts(|_| true), []);
}

#[test]
fn a_released_partition_takes_its_cells_and_alerts_along_and_no_others() {
    let view = View::default();
    let regions: Vec<String> = (0..20).map(|n| format!("3306{n:02}")).collect();
    let home = |region: &str| {
        Subject::Cell(Cell { region: region.to_owned(), sector: "all".to_owned() }).partition(4)
    };
    for region in &regions {
        view.apply(&output(Topic::Windows, &format!("{region}|all|1h"), Some(&window(region, 1))));
    }
    // The first eight digits of an id name its partition: 6 mod 4 is 2, 7 mod 4 is 3.
    for id in ["00000006aa", "00000007aa"] {
        view.apply(&output(Topic::Alerts, id, Some(&alert(id, "firing"))));
    }
    for partition in 0..4 {
        view.report(&assess(partition, 4));
    }
    view.report(&Report::Released(vec![TopicPartition { topic: Topic::Tallies, partition: 2 }]));
    let left: Vec<String> = view.window_keys(|_| true).into_iter().map(|key| key.region).collect();
    let wanted: Vec<String> = regions.iter().filter(|region| home(region) != 2).cloned().collect();
    assert!(left.len() < regions.len());
    assert_eq!(left, wanted);
    let alerts: Vec<String> = view.alerts(|_| true).into_iter().map(|alert| alert.id).collect();
    assert_eq!(alerts, ["00000007aa"]);
    assert_eq!(view.tallies().len(), 3);
}

#[test]
fn a_region_lies_in_itself_and_in_those_above_it() {
    let region = |code: &str, parent: Option<&str>| Region {
        code: code.into(),
        level: String::new(),
        parent: parent.map(Into::into),
        name_zh: String::new(),
        name_en: String::new(),
    };
    let view = View::new([
        region("330600", None),
        region("330604", Some("330600")),
        region("330604104", Some("330604")),
    ]);
    assert!(view.lies_in("330604104", "330604104") && view.lies_in("330604104", "330600"));
    assert!(!view.lies_in("330600", "330604") && !view.lies_in("elsewhere", "330600"));
}
