//! What must have come out, by the oracle, against what did.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::{Reader, read_all};
use crate::deployment::Deployment;
use crate::oracle::{self, City, Ledger, Message, Outcome};

/// The settings of settings.yaml that decide about counting.
const SETTINGS: oracle::Settings = oracle::Settings {
    dedup_horizon_ms: 600_000,
    max_future_skew_ms: 60_000,
    allowed_disorder_ms: 2_000,
    longest_horizon_ms: 120_000,
    max_event_bytes: 65_536,
    hold_for_ms: None,
};
/// Its windows: name, size, slide.
const WINDOWS: [(&str, i64, i64); 2] = [("20s", 20_000, 2_000), ("2m", 120_000, 4_000)];
/// What the contract counts.
const MEASURES: [&str; 10] = [
    "inspections",
    "hazards_found_general",
    "hazards_found_major",
    "hazards_closed_general",
    "hazards_closed_major",
    "readings",
    "alarms_blue",
    "alarms_yellow",
    "alarms_orange",
    "alarms_red",
];
/// The rule of rules.yaml that counts: hazards found over `2m` in a county's small workshops.
const CLUSTER: (&str, &str, u64) = ("cluster", "hazards_found_major", 3);

/// Region and sector.
type CellName = (String, String);
/// Cell, window, end of the window.
type Close = (CellName, &'static str, i64);
type Counts = BTreeMap<String, u64>;

/// The oracle's answer for everything that lies in the input topics.
pub struct Truth {
    outcome: Outcome,
    /// The times of each measure's facts in each cell, sorted.
    times: BTreeMap<CellName, BTreeMap<String, Vec<i64>>>,
    /// When the first event arrived, and when the last counted one happened.
    span_ms: (i64, i64),
}

impl Truth {
    /// Read the inputs and judge them.
    pub fn of(deployment: &Deployment) -> Truth {
        let mut messages = Vec::new();
        for input in ["sensors", "inspections"] {
            let records = read_all(deployment.address(), &deployment.topic(input));
            messages.extend(records.into_iter().map(|record| Message {
                input,
                partition: record.partition,
                offset: record.offset,
                arrival_ms: record.stamp_ms,
                value: record.value,
            }));
        }
        let city = City::shipped();
        let outcome = oracle::judge(city.clone(), &SETTINGS, &messages);
        let mut times: BTreeMap<CellName, BTreeMap<String, Vec<i64>>> = BTreeMap::new();
        for fact in &outcome.facts {
            for region in city.ancestors(&fact.region, fact.time_ms) {
                for sector in city.sector_ancestors(&fact.sector) {
                    let cell = times.entry((region.clone(), sector)).or_default();
                    cell.entry(fact.measure.clone()).or_default().push(fact.time_ms);
                }
            }
        }
        times.values_mut().flat_map(BTreeMap::values_mut).for_each(|times| times.sort_unstable());
        let began_ms = messages.iter().map(|message| message.arrival_ms).min().expect("events");
        let sent = outcome.facts.iter().filter(|fact| fact.source.2 >= 0).map(|fact| fact.time_ms);
        let span_ms = (began_ms, sent.max().expect("events"));
        Truth { outcome, times, span_ms }
    }

    /// What became of each input's messages, all partitions together.
    pub fn ledger(&self, input: &str) -> Ledger {
        let mut sum = Ledger::default();
        for (_, ledger) in self.outcome.ledgers.iter().filter(|((of, _), _)| *of == input) {
            sum.consumed += ledger.consumed;
            sum.counted += ledger.counted;
            sum.duplicate += ledger.duplicate;
            sum.rejected += ledger.rejected;
        }
        sum
    }

    /// Wait until every window that ends at the end of the input is closed, then compare everything.
    pub fn expect(&self, deployment: &Deployment) {
        let mut missing: BTreeSet<Close> = BTreeSet::new();
        for (window, size_ms, slide_ms) in WINDOWS {
            let end_ms = (self.span_ms.1.div_euclid(slide_ms) + 1) * slide_ms;
            let cells = self.times.keys().filter(|cell| !self.counts(cell, size_ms, end_ms).is_empty());
            missing.extend(cells.map(|cell| (cell.clone(), window, end_ms)));
        }
        let closes = deployment.topic("window-closes");
        Reader::committed(deployment.address(), &closes).wait_until("the last windows to close", |record| {
            if let Some(record) = record {
                missing.remove(&close(&record.json()));
            }
            missing.is_empty()
        });
        self.expect_closes(deployment);
        self.expect_latest(deployment);
        self.expect_rejects(deployment);
        self.expect_alerts(deployment);
    }

    /// Every window end since the start: the last record says what the oracle says, and none is missing.
    fn expect_closes(&self, deployment: &Deployment) {
        let mut written: BTreeMap<Close, Counts> = BTreeMap::new();
        for record in read_all(deployment.address(), &deployment.topic("window-closes")) {
            written.insert(close(&record.json()), counts(&record.json()));
        }
        let mut wrong = Vec::new();
        for ((cell, window, end_ms), found) in &written {
            let size_ms = size_ms(window);
            let wanted = self.counts(cell, size_ms, *end_ms);
            if *found != wanted {
                wrong.push(format!("{cell:?} {window} as of {end_ms}: {found:?}, by the oracle {wanted:?}"));
            }
        }
        for (window, size_ms, slide_ms) in WINDOWS {
            for cell in self.times.keys() {
                let first_ms = (self.span_ms.0.div_euclid(slide_ms) + 1) * slide_ms;
                for end_ms in (first_ms..=self.span_ms.1).step_by(usize::try_from(slide_ms).unwrap()) {
                    let wanted = self.counts(cell, size_ms, end_ms);
                    if !wanted.is_empty() && !written.contains_key(&(cell.clone(), window, end_ms)) {
                        wrong.push(format!(
                            "{cell:?} {window} as of {end_ms}: missing, by the oracle {wanted:?}"
                        ));
                    }
                }
            }
        }
        assert_none("window closes", &wrong);
    }

    /// The newest state of each cell says what the oracle says of the moment that it names.
    fn expect_latest(&self, deployment: &Deployment) {
        let mut latest: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
        for record in read_all(deployment.address(), &deployment.topic("windows")) {
            latest.insert(record.key.clone(), record.json());
        }
        let mut wrong = Vec::new();
        for value in latest.values() {
            let (cell, window, as_of_ms) = close(value);
            let (found, wanted) = (counts(value), self.counts(&cell, size_ms(window), as_of_ms));
            if found != wanted {
                wrong
                    .push(format!("{cell:?} {window} as of {as_of_ms}: {found:?}, by the oracle {wanted:?}"));
            }
        }
        let named: BTreeSet<CellName> = latest.values().map(|value| close(value).0).collect();
        let unnamed = self.times.keys().filter(|cell| !named.contains(cell));
        wrong.extend(unnamed.map(|cell| format!("{cell:?} was never written")));
        assert_none("latest windows", &wrong);
    }

    /// Each refused event is a dead letter once, and nothing else is.
    fn expect_rejects(&self, deployment: &Deployment) {
        let letters = read_all(deployment.address(), &deployment.topic("rejects"));
        assert_eq!(letters.len(), self.outcome.rejects.len(), "dead letters");
    }

    /// An alert for each major hazard and each cluster, and each alert's events without a gap or a repetition.
    fn expect_alerts(&self, deployment: &Deployment) {
        let mut stories: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in read_all(deployment.address(), &deployment.topic("alert-events")) {
            let event = record.json();
            stories.entry(event["id"].as_str().expect("an id").to_string()).or_default().push(event);
        }
        let mut latest: BTreeMap<String, Value> = BTreeMap::new();
        for record in read_all(deployment.address(), &deployment.topic("alerts")) {
            latest.insert(String::from_utf8(record.key.clone()).unwrap(), record.json());
        }
        let (mut hazards, mut clusters) = (BTreeSet::new(), BTreeSet::new());
        for (id, story) in &stories {
            let mut before = Value::Null;
            for (event, seq) in story.iter().zip(1..) {
                assert_eq!(event["seq"], seq, "alert {id}: events are neither lost nor repeated: {story:#?}");
                assert_eq!(event["transition"]["from"], before, "alert {id}: {story:#?}");
                before = event["transition"]["to"].clone();
            }
            assert_eq!(
                latest[id]["status"], before,
                "alert {id}: its latest state is that of its last event"
            );
            let text = |key: &str| story[0][key].as_str().unwrap_or_default().to_string();
            match text("rule").as_str() {
                "major_hazard" => {
                    hazards.insert(story[0]["subject"]["id"].as_str().expect("a hazard's id").to_string());
                }
                "cluster" => {
                    clusters.insert((text("region"), text("sector")));
                }
                other => panic!("no such rule in rules.yaml: {other}"),
            }
        }
        assert_eq!(hazards, self.outcome.major_hazards, "alerts of major hazards");
        assert_eq!(clusters, self.clusters(), "alerts of clusters");
    }

    fn clusters(&self) -> BTreeSet<CellName> {
        let (_, measure, threshold) = CLUSTER;
        let is_county = |region: &str| region.len() == 6 && !region.ends_with("00");
        let cells =
            self.times.keys().filter(|(region, sector)| is_county(region) && sector == "small_workshops");
        let crossed = cells.filter(|(region, sector)| {
            let ends = self.outcome.crossings((region, sector), measure, (120_000, 4_000), threshold);
            !ends.is_empty()
        });
        crossed.cloned().collect()
    }

    fn counts(&self, cell: &CellName, size_ms: i64, as_of_ms: i64) -> Counts {
        let before = |times: &[i64], end_ms: i64| times.partition_point(|time| *time < end_ms) as u64;
        let Some(measures) = self.times.get(cell) else { return Counts::new() };
        let counted = measures.iter().map(|(measure, times)| {
            (measure.clone(), before(times, as_of_ms) - before(times, as_of_ms - size_ms))
        });
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

/// Which cell, window and moment a record speaks of.
fn close(value: &Value) -> Close {
    let text = |key: &str| value[key].as_str().expect(key).to_string();
    let window = WINDOWS.iter().find(|(name, ..)| value["window"] == *name).expect("a known window").0;
    let as_of: jiff::Timestamp = text("as_of").parse().unwrap();
    ((text("region"), text("sector")), window, as_of.as_millisecond())
}

/// The counts of the contract's measures that are not zero.
fn counts(value: &Value) -> Counts {
    let count = |measure: &str| value["counts"][measure].as_u64().expect("every measure of the contract");
    let counts = MEASURES.map(|measure| (measure.to_string(), count(measure)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn size_ms(window: &str) -> i64 {
    WINDOWS.iter().find(|(name, ..)| *name == window).expect("a known window").1
}

fn assert_none(what: &str, wrong: &[String]) {
    let shown = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} {what} differ from the oracle, the first of them:\n{shown}", wrong.len());
}
