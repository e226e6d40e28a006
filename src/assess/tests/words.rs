//! What the shipped rules say, as an officer reads it.

use super::*;

/// 2026-12-03 23:59 in China.
const DUE: EventTime = EventTime::from_ms(1_796_313_540_000);

fn signal(subject: Subject, what: What) -> Signal {
    Signal {
        subject,
        region: "330681102".into(),
        sector: "mining".into(),
        enterprise_id: None,
        at: EventTime::from_ms(0),
        offset: None,
        what,
    }
}

/// The shipped rules, in China's time.
fn shipped() -> Settings {
    let windows = shipped_windows();
    let rules = shipped_rules(&Taxonomy::shipped(), &windows).unwrap();
    Settings { windows, rules, zone: TimeZone::fixed(jiff::tz::offset(8)), ..settings(3, 2, Emit::Latest) }
}

/// What the alerts about one subject say, and with which status, as it goes through all this.
fn said(subject: &Subject, all: Vec<What>) -> Vec<[String; 3]> {
    let mut tally = tallies(&[at(0, &[])]).remove(0);
    tally.signals = all.into_iter().map(|what| signal(subject.clone(), what)).collect();
    let events = alert_events(&run(shipped(), &[tally], None));
    let text = |event: &AlertEvent, name: &str| event.alert.annotations[name].clone();
    events
        .iter()
        .map(|event| {
            [event.transition.to.code().to_owned(), text(event, "summary"), text(event, "summary_zh")]
        })
        .collect()
}

fn level(level: Option<Level>, side: &str, value: f64, set_point: f64) -> What {
    What::Level { quantity: "methane".into(), level, side: side.into(), value, set_point }
}

#[test]
fn a_sensors_alert_names_what_is_measured_its_unit_and_its_level_in_both_languages() {
    let all = vec![level(Some(Level::Orange), "HH", 1.51, 1.5), level(Some(Level::Yellow), "H", 1.2, 1.0)];
    let [fired, resolved] = &said(&Subject::Sensor("SX-1".into()), all)[..] else { panic!("two events") };
    assert_eq!(
        fired,
        &[
            "firing",
            "Methane at sensor SX-1 in Yingdianjie Town, Zhuji City: 1.51 %CH4 against HH 1.5 %CH4 (orange)",
            "诸暨市应店街镇传感器 SX-1 甲烷浓度 1.51 %CH4，HH 限值 1.5 %CH4（橙色）",
        ]
    );
    assert_eq!(resolved[0], "resolved");
    assert!(resolved[2].ends_with("甲烷浓度 1.2 %CH4，H 限值 1 %CH4（黄色）"), "{}", resolved[2]);
}

#[test]
fn an_overdue_order_says_when_it_was_due_and_still_does_when_it_is_closed() {
    let (kind, stage) = ("order_supervision".to_owned(), "received".to_owned());
    let closed = What::Stage {
        kind: kind.clone(),
        stage: "closed".into(),
        grade: None,
        clause: None,
        level: None,
        due: None,
        terminal: true,
    };
    let order = Subject::Item { kind: kind.clone(), id: "DB-7".into() };
    let [fired, resolved] = &said(&order, vec![What::Overdue { kind, stage, due: DUE }, closed])[..] else {
        panic!("two events")
    };
    assert!(fired[1].ends_with("is overdue at stage Received since 2026-12-03 23:59:00"), "{}", fired[1]);
    assert!(fired[2].ends_with("督办单 DB-7 在“签收”环节逾期，期限 2026-12-03 23:59:00"), "{}", fired[2]);
    assert_eq!((resolved[0].as_str(), &resolved[1..]), ("resolved", &fired[1..]));
}

#[test]
fn a_cluster_says_how_many_and_within_how_long() {
    let cell = |region: &str| Cell { region: region.into(), sector: "mining".into() };
    let mut tally = tallies(&[at(0, &[5, 6, 7])]).remove(0);
    tally.cells = vec![cell("330681")];
    let events = alert_events(&run(shipped(), &[tally], None));
    assert_eq!(events[0].alert.annotations["summary_zh"], "诸暨市矿山24小时内发现重大隐患3处（阈值3）");
}

#[test]
fn an_id_that_looks_like_a_placeholder_stays_what_it_is() {
    let all = vec![level(Some(Level::Red), "HH", 3.0, 3.0)];
    let [fired] = &said(&Subject::Sensor("{value}".into()), all)[..] else { panic!("one event") };
    assert!(fired[1].starts_with("Methane at sensor {value} in "), "{}", fired[1]);
}
