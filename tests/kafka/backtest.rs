//! A backtest of stored tallies against what the processes sent.

use std::collections::BTreeSet;
use std::process::Output;

use crate::client::{Reader, read_all};
use crate::deployment::Deployment;
use crate::support::broker;

/// A rule that fires and resolves again and again, over the generator's inspections.
const BUSY: &str = "
  - name: busy
    count: {measure: hazards_found_general, window: 20s, region: county, sector: all}
    threshold: 5
    clear: 4
    level: blue
    summary: \"{value} in {place}\"
    summary_zh: \"{place} {value}\"
";

#[test]
fn a_backtest_over_stored_tallies_reproduces_the_alerts_that_were_sent() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::with_window("backtest", broker.address(), "- 7d/1h");
    let rules = deployment.rules().to_owned() + BUSY;
    deployment.file("rules.yaml", &rules);
    deployment.generate("--events 30000 --sensors 200 --rate 40 --inspections 200000 --calendar flat");
    let process = deployment.start("a");
    Reader::of_progress(deployment.address(), &deployment.topic("state")).wait_for(100);
    process.kill();
    let process = deployment.start("a");
    Reader::committed(deployment.address(), &deployment.topic("alert-events")).wait_for(30);
    process.stop();

    let sent: BTreeSet<String> = read_all(deployment.address(), &deployment.topic("alert-events"))
        .into_iter()
        .map(|record| String::from_utf8(record.value.unwrap()).unwrap())
        .collect();
    assert!(sent.len() > 20, "{}", sent.len());
    let backtest = |arguments: &str| deployment.run(&format!("backtest --json {arguments}"));

    let same = backtest("--from kafka");
    let said = told_of(&same);
    assert_eq!(same.status.code(), Some(0), "{said}");
    let identical = format!("{} identical, 0 different, 0 missing, 0 additional", sent.len());
    assert!(said.contains(&identical), "{said}");
    let told = String::from_utf8(same.stdout.clone()).unwrap();
    let told: BTreeSet<&str> = told.lines().collect();
    assert!(sent.iter().all(|event| told.contains(event.as_str())), "printed as they were sent");

    let file = deployment.file("tallies.jsonl", "");
    let exported = backtest(&format!("--from kafka --export {file}"));
    assert_eq!(exported.status.code(), Some(0), "{}", told_of(&exported));
    let again = backtest(&format!("--from {file}"));
    assert_eq!(again.status.code(), Some(0), "{}", told_of(&again));
    assert_eq!(again.stdout, same.stdout, "a file is judged as the topics are");

    let stricter = deployment.file("stricter.yaml", &rules.replace("threshold: 5", "threshold: 6"));
    let other = backtest(&format!("--from kafka --rules {stricter}"));
    assert_eq!(other.status.code(), Some(8), "{}", told_of(&other));
    assert!(!told_of(&other).contains(" 0 different, 0 missing, 0 additional"), "{}", told_of(&other));
}

fn told_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
