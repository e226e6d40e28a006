//! Events go in by `hazstream generate`, without a pause, while pods come and go; counts and alerts are read back by the
//! stock console consumer at `read_committed`.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::cluster::{Cluster, folder, run};
use crate::image::content;
use crate::totals::wanted;

/// A city that sends in real time until it is stopped: the image's own program, in what the image holds.
pub struct City {
    generate: Child,
}

impl City {
    /// Starts it: many inspections, so that alerts come and go within minutes, and a few invalid events.
    pub fn start(cluster: &Cluster) -> City {
        let generate = cluster
            .command("chroot")
            .arg(content())
            .args(
                "/usr/local/bin/hazstream generate --to kafka --speed 1 --for 1h --events 10000000"
                    .split(' '),
            )
            .args("--sensors 300 --rate 100 --inspections 20000000 --bad 0.01 --calendar flat".split(' '))
            .args("--scenario gas_leak@30s --scenario workshop_cluster@60s --totals /totals.json".split(' '))
            .env("HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS", crate::cluster::KAFKA)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder().join("log/generate.log")).unwrap())
            .spawn()
            .unwrap();
        City { generate }
    }

    /// Stops it; what it says it sent.
    pub fn stop(mut self) -> Value {
        run(std::process::Command::new("kill").arg(self.generate.id().to_string()));
        let status = self.generate.wait().unwrap();
        assert!(status.success(), "generate: {status}");
        serde_json::from_slice(&std::fs::read(content().join("totals.json")).unwrap()).unwrap()
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // After `stop` it has ended already.
        self.generate.kill().ok();
        self.generate.wait().ok();
    }
}

/// Everything committed in a topic up to now, in the order of each partition; tombstones are left out.
pub fn read_all(cluster: &Cluster, topic: &str) -> Vec<Value> {
    let mut consume = cluster.command("scripts/kafka");
    let said = run(consume.args(["consume", topic, "--timeout-ms", "4000"]));
    said.lines().filter(|line| *line != "null").map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the newest count of every county, sector and measure over a week is what the generator says it sent.
pub fn expect_totals(cluster: &Cluster, totals: &Value) {
    let wanted = wanted(totals);
    assert!(wanted.len() > 20, "{totals}");
    cluster.wait_until("the generator's totals", || {
        let mut newest = BTreeMap::new();
        for window in read_all(cluster, "hazard.windows") {
            if window["window"] == "7d" {
                let cell = |key: &str| window[key].as_str().unwrap();
                newest.insert(format!("{}|{}", cell("region"), cell("sector")), window["counts"].clone());
            }
        }
        let differ = wanted.iter().filter(|((cell, measure), count)| {
            newest.get(cell).is_none_or(|counts| counts[measure] != **count)
        });
        let differ: Vec<String> = differ
            .map(|((cell, measure), count)| {
                let found = newest.get(cell).map(|counts| &counts[measure]);
                format!("{cell} {measure}: {count} sent, {found:?} counted")
            })
            .collect();
        match differ.len() {
            0 => Ok(()),
            some => Err(format!("{some} of {} differ: {:?}", wanted.len(), differ.first())),
        }
    });
}

/// Each alert's events follow one another without a gap or a repetition, and its newest state is that of its last event.
pub fn expect_alerts_exactly_once(cluster: &Cluster) -> usize {
    let mut stories: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in read_all(cluster, "hazard.alert-events") {
        stories.entry(event["id"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    let alerts = read_all(cluster, "hazard.alerts");
    let latest: BTreeMap<&str, &Value> =
        alerts.iter().map(|alert| (alert["id"].as_str().unwrap(), alert)).collect();
    for (id, story) in &stories {
        let mut before = Value::Null;
        for (event, seq) in story.iter().zip(1..) {
            assert_eq!(event["seq"], seq, "alert {id}: an event is lost or repeated: {story:#?}");
            assert_eq!(event["transition"]["from"], before, "alert {id}: {story:#?}");
            before = event["transition"]["to"].clone();
        }
        assert_eq!(latest[id.as_str()]["status"], before, "alert {id}: its newest state");
    }
    stories.len()
}
