//! Rules that are changed while two processes run.

use std::collections::BTreeMap;

use crate::client::{Reader, read_all};
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
