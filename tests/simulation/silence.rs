//! Whether each sensor was missed when it had to be, and at no other time.

use std::collections::{BTreeMap, BTreeSet};

use hazstream::assess::{Condition, Rule, Silent};

use super::outcome::{alert_events, fired};
use super::schedule::Run;
use crate::oracle::{Gap, Outcome};

/// A worker that slept for no longer than a session may go on, and its clock may be ahead: for so long it may take for
/// silence what has arrived and waits to be read.
const UNREAD_MS_MAX: i64 = 9_000;

/// In a city whose sensors are expected every few seconds, a rule on silence fired for each one that was ever heard.
pub fn differences(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let is_rule = |rule: &&Rule| rule.condition == Condition::NoData(Silent::Sensor);
    for rule in run.plan.assess.rules.iter().filter(is_rule) {
        let fired: BTreeSet<String> = fired(run, rule).into_iter().map(|(id, _)| id).collect();
        let expected = if run.is_impatient { oracle.heard.clone() } else { BTreeSet::new() };
        if fired != expected {
            found.push(format!("{} fired for {fired:?}, silent are {expected:?}", rule.name));
        }
        if run.is_impatient {
            silences(run, rule, oracle, found);
        }
    }
}

/// The rule fired once for each gap in which the sensor was certainly missed, behind its last reading too, and for no gap
/// that is shorter than its no-data time.
fn silences(run: &Run, rule: &Rule, oracle: &Outcome, found: &mut Vec<String>) {
    let mut fired = BTreeMap::new();
    for event in alert_events(run).values().flatten() {
        if event["rule"] == *rule.name && event["transition"]["to"] == "firing" {
            *fired.entry(event["subject"]["id"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
    }
    for (sensor, gaps) in &oracle.gaps {
        let certain = gaps.iter().filter(|gap| gap.is_missed || gap.arrival_ms.is_none()).count();
        let is_possible = |gap: &&Gap| gap.arrival_ms.is_none_or(|ms| ms + UNREAD_MS_MAX > gap.no_data_ms);
        let possible = gaps.iter().filter(is_possible).count();
        let fired = fired.get(sensor).copied().unwrap_or(0);
        if !(certain..=possible).contains(&fired) {
            found.push(format!(
                "{sensor} was silent {fired} times, at least {certain}, at most {possible}: {gaps:?}"
            ));
        }
    }
}
