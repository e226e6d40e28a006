//! Rules and limits that are changed while processes run.

use std::collections::BTreeMap;

use hazstream::taxonomy::SHIPPED;

use crate::client::{Reader, Sender, read_all};
use crate::deployment::{Deployment, Process};
use crate::support::broker;

/// A rule that holds wherever anything was ever read.
const HEARD: &str = "
  - name: heard
    count: {measure: readings, window: 7d, region: county, sector: all}
    threshold: 1
    level: blue
    summary: \"{value} in {place}\"
    summary_zh: \"{place} {value}\"
";

/// A rule about sensors' levels.
const LEVEL: &str =
    "rules: [{name: red, level_at_least: red, summary: \"{value}\", summary_zh: \"{value}\"}]\n";

#[test]
fn changed_rules_are_in_force_in_every_process_from_the_same_place_and_broken_ones_never() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::with_window("reload", broker.address(), "- 7d/1h");
    let before = deployment.rules();
    let both = [deployment.start("a"), deployment.start("b")];
    both.iter().for_each(|process| process.wait_until("its share", |process| process.owned() > 0));
    deployment.generate("--events 5000 --sensors 100 --rate 40 --inspections 20000 --calendar flat");
    Reader::of_progress(deployment.address(), &deployment.topic("state")).wait_for(100);

    deployment.file("rules.yaml", &(before.to_owned() + HEARD));
    in_force(&both, 2);
    let mut events = Reader::committed(deployment.address(), &deployment.topic("alert-events"));
    events.wait_until("the new rule's alert", |read| {
        read.is_some_and(|read| read.json()["rule"] == "heard" && read.json()["transition"]["to"] == "firing")
    });

    deployment.file("rules.yaml", &(before.to_owned() + &HEARD.replace("blue", "pink")));
    for process in &both {
        process.wait_until("the mistake", |process| successful(process) == Some(0.0));
        let refused = |process: &Process| process.log().contains("refused") && process.log().contains("pink");
        process.wait_until("the line that tells it", refused);
    }
    in_force(&both, 2);

    deployment.file("rules.yaml", before);
    in_force(&both, 3);
    events.wait_until("its end", |read| {
        read.is_some_and(|read| {
            read.json()["rule"] == "heard" && read.json()["transition"]["reason"] == "rule_gone"
        })
    });
    both.iter().for_each(|process| {
        process.wait_until("the mended file", |process| successful(process) == Some(1.0))
    });
    let [one, other] = both;
    one.kill();
    other.stop();

    let mut changes: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for read in read_all(deployment.address(), &deployment.topic("tallies")) {
        changes.entry(read.partition).or_default().extend(read.value.filter(|value| value[0] == 2));
    }
    assert_eq!(changes.len(), 3, "one list for each partition");
    assert!(
        changes.values().all(|list| list.len() == 3 && *list == changes[&0]),
        "each once, the same everywhere"
    );

    // Over both changes the stored log says what was sent, to the byte.
    let backtest = deployment.run("backtest --json --from kafka");
    let said = String::from_utf8_lossy(&backtest.stderr);
    assert_eq!(backtest.status.code(), Some(0), "{said}");
    assert!(said.contains(" identical, 0 different, 0 missing, 0 additional"), "{said}");
}

#[test]
fn changed_limits_are_in_force_in_a_running_process_and_whatever_else_changes_never() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("limits", broker.address());
    deployment.file("rules.yaml", LEVEL);
    let quantities = SHIPPED[2];
    let process = deployment.start("a");
    let sender = Sender::new(deployment.address());
    let mut readings = 0;
    let mut read = || {
        readings += 1;
        let time = jiff::Timestamp::now();
        let event = format!(
            r#"{{"type":"reading","id":"r-{readings}","time":"{time}","region":"330604104","sector":"chemical_parks","enterprise_id":"e","sensor_id":"s","quantity":"combustible_gas","value":45,"unit":"%LEL"}}"#
        );
        sender.send(&deployment.topic("sensors"), "s", event.as_bytes());
        sender.flush();
    };
    read();
    Reader::committed(deployment.address(), &deployment.topic("windows")).wait_for(1);

    let limits = |process: &Process| {
        process.metric("hazstream_limits_last_reload_successful").first().map(|(_, value)| *value)
    };
    deployment.file("taxonomy/quantities.yaml", &quantities.replacen("unit: \"%LEL\"", "unit: ppm", 1));
    process.wait_until("a restart to be asked for", |process| {
        limits(process) == Some(0.0) && process.log().contains("more than limits differs")
    });
    let lower = quantities.replacen("set_point: 50, deadband: 5,", "set_point: 40, deadband: 5,", 1);
    assert_ne!(lower, quantities);
    deployment.file("taxonomy/quantities.yaml", &lower);
    process.wait_until("the lower limits", |process| limits(process) == Some(1.0));
    let mut events = Reader::committed(deployment.address(), &deployment.topic("alert-events"));
    events.wait_until("the alert that they mean", |event| {
        read();
        event.is_some_and(|event| {
            let event = event.json();
            event["rule"] == "red" && event["transition"]["to"] == "firing"
        })
    });
    process.stop();
}

fn successful(process: &Process) -> Option<f64> {
    process.metric("hazstream_rules_last_reload_successful").first().map(|(_, value)| *value)
}

/// Waits until the announcement of this number is in force, and both processes say the same of the rules.
fn in_force(both: &[Process; 2], number: u32) {
    both[0].wait_until(&format!("rules {number} in both"), |_| {
        let numbers = both.iter().flat_map(|process| process.metric("hazstream_rules_number"));
        let [one, other] = both.each_ref().map(|process| process.metric("hazstream_config_info"));
        // Who judges no partition tells of none.
        numbers.map(|(_, value)| value).fold(0.0, f64::max) == f64::from(number)
            && one == other
            && one.len() == 1
    });
}
