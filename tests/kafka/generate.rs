//! The generator against the product: what one says it sent is what the other counts.

use std::collections::BTreeMap;

use crate::client::Reader;
use crate::deployment::Deployment;
use crate::support::broker;
use crate::totals::wanted;

#[test]
fn window_counts_equal_the_generators_own_totals_after_kill_9_in_the_middle() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::with_window("generate", broker.address(), "- 7d/1h");
    let arguments = "--events 30000 --sensors 200 --rate 40 --bad 0.01 --inspections 200000 --calendar flat";
    let totals = deployment.generate(arguments);
    let wanted = wanted(&totals);
    assert!(wanted.len() > 20, "{totals}");

    let process = deployment.start("a");
    Reader::of_progress(deployment.address(), &deployment.topic("state")).wait_for(100);
    process.kill();
    let _process = deployment.start("a");
    let mut newest = BTreeMap::new();
    Reader::committed(deployment.address(), &deployment.topic("windows")).wait_until(
        "the totals",
        |record| {
            if let Some(record) = record.filter(|record| record.value.is_some()) {
                newest
                    .insert(String::from_utf8(record.key.clone()).unwrap(), record.json()["counts"].clone());
            }
            wanted.iter().all(|((cell, measure), count)| {
                newest.get(&format!("{cell}|7d")).is_some_and(|counts| counts[measure] == *count)
            })
        },
    );
}
