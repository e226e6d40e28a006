//! The city by its claims: proportions, rhythm, determinism, and totals that add up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::event::{DecodeSettings, Decoder, Reason};
use crate::log::{Headers, Record, Topic, TopicPartition};
use crate::taxonomy::Grade;

struct Sent {
    input: Input,
    key: String,
    value: Vec<u8>,
    time: EventTime,
    emission: EventTime,
    repeat: bool,
    fault: Option<Fault>,
}

impl Sent {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.value).unwrap()
    }
}

fn run(plan: CityPlan) -> (Vec<Sent>, Totals) {
    let mut city = City::new(plan, &Taxonomy::shipped()).unwrap();
    let mut sent = Vec::new();
    while let Some(message) = city.next() {
        sent.push(Sent {
            input: message.input,
            key: String::from_utf8(message.key.to_vec()).unwrap(),
            value: message.value.to_vec(),
            time: message.time,
            emission: message.emission,
            repeat: message.repeat,
            fault: message.fault,
        });
    }
    (sent, city.totals())
}

fn plan(events: u64) -> CityPlan {
    CityPlan { events: Some(events), sensors: 300, rate: 10.0, bad_share: 0.02, ..CityPlan::default() }
}

/// Inspections alone, and what follows from them.
fn people(days: i64) -> CityPlan {
    let usual = CityPlan::default();
    CityPlan { sensors: 0, until: Some(usual.start.plus_ms(days * 86_400_000)), ..usual }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn the_same_plan_gives_the_same_bytes_and_another_seed_others() {
    let bytes =
        |seed| run(CityPlan { seed, ..plan(3_000) }).0.into_iter().map(|sent| sent.value).collect::<Vec<_>>();
    assert!(bytes(7) == bytes(7));
    assert!(bytes(7) != bytes(8));
}

#[test]
fn messages_are_the_same_when_asked_for_minute_by_minute() {
    let (all, _) = run(plan(3_000));
    let mut city = City::new(plan(3_000), &Taxonomy::shipped()).unwrap();
    let mut at = CityPlan::default().start;
    for sent in &all {
        while sent.emission > at {
            assert!(city.next_until(at).is_none());
            at = at.plus_ms(60_000);
        }
        assert_eq!(city.next_until(at).unwrap().value, sent.value);
    }
}

#[test]
fn exactly_the_number_of_messages_asked_for_is_sent_in_the_order_of_sending() {
    let (sent, _) = run(plan(5_000));
    assert_eq!(sent.len(), 5_000);
    assert!(sent.is_sorted_by_key(|sent| sent.emission));
    assert!(sent.iter().all(|sent| sent.time <= sent.emission));
}

#[test]
fn totals_equal_a_count_of_the_messages_themselves() {
    let (sent, totals) = run(CityPlan { unknown_region_share: 0.1, ..plan(20_000) });
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<String, BTreeMap<String, BTreeMap<&'static str, u64>>> = BTreeMap::new();
    let (mut duplicates, mut bad) = (0, 0);
    for message in &sent {
        if message.fault.is_some() {
            bad += 1;
            continue;
        }
        let value = message.json();
        if !seen.insert(text(&value, "id").to_owned()) {
            duplicates += 1;
            continue;
        }
        let county =
            text(&value, "region").get(..6).filter(|code| code.starts_with("3306")).unwrap_or("unknown");
        let cell = counts
            .entry(county.to_owned())
            .or_default()
            .entry(text(&value, "sector").to_owned())
            .or_default();
        let mut add = |measure| *cell.entry(measure).or_default() += 1;
        match (text(&value, "type"), text(&value, "status"), text(&value, "grade")) {
            ("reading", ..) => add("readings"),
            ("item", ..) => add("items"),
            ("record", ..) => add("records"),
            ("hazard", "closed", "general") => add("hazards_closed_general"),
            ("hazard", "closed", "major") => add("hazards_closed_major"),
            ("inspection", ..) => {
                add("inspections");
                for hazard in value["hazards"].as_array().unwrap() {
                    add(if text(hazard, "grade") == "major" {
                        "hazards_found_major"
                    } else {
                        "hazards_found_general"
                    });
                }
            }
            _ => {}
        }
    }
    for sectors in counts.values_mut() {
        sectors.retain(|_, measures| !measures.is_empty());
    }
    assert_eq!(totals.counts, counts);
    let sum = |of: fn(&super::Sent) -> u64| totals.inputs.values().map(of).sum::<u64>();
    assert_eq!((sum(|input| input.duplicates), sum(|input| input.bad)), (duplicates, bad));
    assert_eq!(sum(|input| input.sent), 20_000);
    assert_eq!(totals.rejects.values().sum::<u64>(), bad);
    assert!(duplicates > 100 && bad > 200 && counts.contains_key("unknown"));
}

#[test]
fn every_message_decodes_and_every_fault_is_rejected_for_its_own_reason() {
    let taxonomy = std::sync::Arc::new(Taxonomy::shipped());
    let decoder = |input| Decoder::new(std::sync::Arc::clone(&taxonomy), DecodeSettings::default(), input);
    let mut decoders = Input::ALL.map(decoder);
    let (sent, _) = run(CityPlan { scenarios: Scenario::demo(), bad_share: 0.1, ..plan(20_000) });
    let mut faults = BTreeSet::new();
    for message in &sent {
        let at = TopicPartition { topic: Topic::Input(message.input), partition: 0 };
        let (key, value) = (Some(message.key.as_bytes()), Some(message.value.as_slice()));
        let record = Record { at, offset: 0, arrival: message.emission, key, value, headers: Headers::NONE };
        let decoded =
            decoders[message.input as usize].decode(&record).map(|_| ()).map_err(|reject| reject.reason);
        // A clock that runs ahead is valid JSON: collect tells it by the time of arrival.
        let expected = match message.fault.map(Fault::reason) {
            None | Some(Reason::ClockAhead) => Ok(()),
            Some(reason) => Err(reason),
        };
        assert_eq!(decoded, expected, "{}", String::from_utf8_lossy(&message.value));
        faults.extend(message.fault.map(|fault| fault.reason().code()));
    }
    assert_eq!(faults.len(), Fault::ALL.len());
}

#[test]
fn shares_of_duplicates_late_and_disordered_messages_are_those_of_the_plan() {
    let (sent, _) = run(plan(40_000));
    let share = |of: &dyn Fn(&&Sent) -> bool| sent.iter().filter(of).count() as f64 / sent.len() as f64;
    let delay = |sent: &&Sent| sent.emission.since_ms(sent.time);
    let cases = [
        ("duplicates", share(&|sent| sent.repeat), 0.01),
        ("late", share(&|sent| delay(sent) >= 3_600_000 && !sent.repeat), 0.02),
        ("disorder", share(&|sent| (1..60_000).contains(&delay(sent)) && !sent.repeat), 0.03),
        ("bad", share(&|sent| sent.fault.is_some()), 0.02),
    ];
    for (name, found, wanted) in cases {
        assert!((found / wanted - 1.0).abs() < 0.2, "{name}: {found} instead of {wanted}");
    }
}

#[test]
fn inspections_have_the_proportions_of_the_bureau() {
    let (_, totals) = run(people(7));
    let sum = |measure| -> f64 {
        let cells = totals.counts.values().flat_map(|sectors| sectors.values());
        cells.filter_map(|measures| measures.get(measure)).sum::<u64>() as f64
    };
    let inspections = sum("inspections");
    assert!((inspections / (7.0 * 6_104.0) - 1.0).abs() < 0.05, "{inspections} inspections");
    let found = sum("hazards_found_general") + sum("hazards_found_major");
    assert!((found / inspections - 0.536).abs() < 0.015, "{} hazards an inspection", found / inspections);
    let majors = sum("hazards_found_major") / found * 10_000.0;
    assert!((4.0..11.0).contains(&majors), "{majors} majors in 10,000");
    // Half of what is found is mended within three days, so about half of a week's finds are closed in it.
    assert!((0.35..0.75).contains(&(sum("hazards_closed_general") / found)));
    assert_eq!(totals.counts.len(), 7, "six counties and the unknown one");
}

#[test]
fn every_chain_of_stages_is_legal_in_event_time_and_sent_in_its_order() {
    let taxonomy = Taxonomy::shipped();
    let scenarios = vec![Scenario { story: Story::Typhoon, after_ms: 0 }];
    let quick = CityPlan { sensors: 200, rate: 0.01, inspections_per_day: 600.0, ..people(60) };
    let (sent, _) = run(CityPlan { scenarios, late_share: 0.2, ..quick });
    let mut newest = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for message in sent.iter().filter(|message| !message.repeat) {
        let value = message.json();
        let stages: Vec<(&str, String, &str, Option<Grade>)> = match text(&value, "type") {
            "inspection" => {
                let hazards = value["hazards"].as_array().unwrap().iter();
                hazards
                    .map(|hazard| ("hazard", text(hazard, "hazard_id").to_owned(), "found", grade(hazard)))
                    .collect()
            }
            "hazard" => {
                vec![("hazard", text(&value, "hazard_id").to_owned(), text(&value, "status"), grade(&value))]
            }
            "item" => {
                vec![(text(&value, "kind"), text(&value, "item_id").to_owned(), text(&value, "stage"), None)]
            }
            _ => vec![],
        };
        for (code, id, stage, grade) in stages {
            let kind = taxonomy.kinds.get(taxonomy.kinds.find(code).unwrap());
            let to = kind.stage(stage).unwrap_or_else(|| panic!("{code} has no stage {stage}"));
            let before = newest.insert((code.to_owned(), id), (message.time, to));
            assert!(before.is_none_or(|(time, _)| time <= message.time));
            assert!(
                kind.may_follow(before.map(|(_, stage)| stage), to, grade),
                "{code}: {before:?} → {stage}"
            );
            kinds.insert(code.to_owned());
        }
    }
    // Supervision orders and accidents are too rare to be sure of.
    for usual in ["hazard", "issue", "hot_work", "confined_space", "task", "order_task", "hotspot", "callout"]
    {
        assert!(kinds.contains(usual), "{kinds:?}");
    }
}

fn grade(value: &Value) -> Option<Grade> {
    Some(if text(value, "grade") == "major" { Grade::Major } else { Grade::General })
}

#[test]
fn scenarios_play_in_the_first_hour() {
    let usual = CityPlan::default();
    let hour = CityPlan { until: Some(usual.start.plus_ms(3_600_000)), late_share: 0.0, ..usual };
    let (sent, _) = run(CityPlan { scenarios: Scenario::demo(), ..hour });
    let minute = |message: &Sent| message.time.since_ms(CityPlan::default().start) / 60_000;
    let mut peak = BTreeMap::new();
    let mut majors = BTreeMap::new();
    let mut heard = BTreeMap::new();
    for message in &sent {
        let value = message.json();
        if let Some(reading) = value["value"].as_f64() {
            let highest = peak
                .entry((text(&value, "sector").to_owned(), text(&value, "quantity").to_owned()))
                .or_insert(0.0);
            *highest = f64::max(*highest, reading);
        }
        if text(&value, "gateway_id") == "GW-000001" {
            *heard.entry(minute(message) / 10).or_insert(0) += 1;
        }
        for hazard in value["hazards"].as_array().into_iter().flatten() {
            if text(hazard, "grade") == "major" && !message.repeat {
                *majors.entry(text(&value, "landlord_id").to_owned()).or_insert(0) += 1;
            }
        }
    }
    let peak = |sector: &str, quantity: &str| peak[&(sector.to_owned(), quantity.to_owned())];
    assert!(peak("hazardous_chemicals", "combustible_gas") > 50.0);
    assert!(peak("mining", "methane") > 3.0);
    assert_eq!(majors["LL-330681005-007"], 4);
    // Silent from minute 8 to 48.
    assert!(heard[&0] > 50 && heard[&4] > 10, "{heard:?}");
    assert!([1, 2, 3].iter().all(|ten| !heard.contains_key(ten)), "{heard:?}");
}

#[test]
fn a_typhoon_is_a_burst_of_twenty() {
    let usual = CityPlan { inspections_per_day: 0.0, sensors: 300, rate: 5.0, ..CityPlan::default() };
    let (scenarios, until) =
        (vec![Scenario { story: Story::Typhoon, after_ms: 1_200_000 }], usual.start.plus_ms(3_600_000));
    let (sent, _) = run(CityPlan { scenarios, until: Some(until), duplicate_share: 0.0, ..usual.clone() });
    let within = |from: i64, to: i64| {
        let readings = sent.iter().filter(|message| message.input == Input::Sensors);
        readings.filter(|message| (from..to).contains(&(message.time.since_ms(usual.start) / 60_000))).count()
            as f64
    };
    assert!((within(20, 30) / within(10, 20) - 20.0).abs() < 0.5);
    let called = sent
        .iter()
        .filter(|message| message.input == Input::Items && message.json()["stage"] == "sent")
        .count();
    assert_eq!(called, 3_429);
}

#[test]
fn inputs_that_are_not_asked_for_get_nothing() {
    let (sent, totals) = run(CityPlan { inputs: vec![Input::Sensors, Input::Records], ..plan(3_000) });
    assert_eq!(sent.len(), 3_000);
    assert_eq!(Vec::from_iter(totals.inputs.keys().copied()), ["records", "sensors"]);
}

#[test]
fn a_sensor_keeps_its_key_and_its_turn() {
    let (sent, _) = run(CityPlan { duplicate_share: 0.0, bad_share: 0.0, ..plan(3_000) });
    let mut turns: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in sent.iter().filter(|message| message.input == Input::Sensors) {
        let value = message.json();
        assert_eq!(message.key, text(&value, "sensor_id"));
        turns.entry(message.key.clone()).or_default().push(value["seq"].as_u64().unwrap());
    }
    for (sensor, mut turns) in turns {
        turns.sort_unstable();
        assert!(turns.iter().copied().eq(0..turns.len() as u64), "{sensor}: {turns:?}");
    }
}

#[test]
fn plans_that_cannot_be_carried_out_are_refused() {
    let leak = vec![Scenario { story: Story::GasLeak, after_ms: 0 }];
    let cases = [
        CityPlan { late_share: 1.5, ..plan(1) },
        CityPlan { rate: f64::NAN, ..plan(1) },
        CityPlan { late_share: 0.6, disorder_share: 0.6, ..plan(1) },
        CityPlan { sensors: 0, scenarios: leak, ..plan(1) },
    ];
    for case in cases {
        assert!(City::new(case.clone(), &Taxonomy::shipped()).is_err(), "{case:?}");
    }
}
