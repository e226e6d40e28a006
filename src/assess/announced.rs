//! Rules on record: which ones are in force is said by the tallies log itself, so that every task, every replay and every
//! restored state changes them at the same place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rule::{Condition, Rule};
use super::window::Windows;
use crate::event::EventTime;
use crate::tally::{NEWEST, StateError, Tally, codec};

/// The format version of an announcement. When it came tallies were of the one before, so that a program that knows none
/// says by this number that it is too old.
const VERSION: u8 = 2;

/// "From here on, judge by these rules": a record of the tallies log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Counts the announcements from 1.
    pub number: u64,
    /// Since when the rules stood where they were found: of two texts the later one is the newer.
    pub at: EventTime,
    /// The windows that the rules' conditions index, by name.
    windows: Vec<String>,
    rules: Vec<Rule>,
}

/// A record of the tallies log.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What an input partition tells.
    Tally(Box<Tally>),
    /// A change of rules.
    Rules(Announcement),
}

impl Entry {
    /// Reads a stored form.
    ///
    /// # Errors
    /// When a newer program wrote it, or it is damaged.
    pub fn decode(stored: &[u8]) -> Result<Entry, StateError> {
        match stored.first() {
            Some(&VERSION) => Announcement::decode(stored).map(Entry::Rules),
            _ => Tally::decode(stored).map(|tally| Entry::Tally(Box::new(tally))),
        }
    }
}

impl Announcement {
    /// These rules over these windows.
    pub fn new(number: u64, at: EventTime, rules: &[Rule], windows: &Windows) -> Self {
        let windows = windows.windows.iter().map(|window| window.name.clone()).collect();
        Announcement { number, at, windows, rules: rules.to_vec() }
    }

    /// What [`rules_hash`] says of its rules.
    pub fn hash(&self) -> String {
        rules_hash(&self.rules)
    }

    /// Its rules over the windows that are configured here, and the names of those that watch another one: nobody can judge
    /// them here.
    pub fn resolve(&self, windows: &Windows) -> (Vec<Rule>, Vec<String>) {
        let (mut rules, mut aside) = (Vec::new(), Vec::new());
        for rule in &self.rules {
            let mut rule = rule.clone();
            if let Condition::Count { window, .. } = &mut rule.condition {
                match self.windows.get(*window).and_then(|name| windows.find(name)) {
                    Some(here) => *window = here,
                    None => {
                        aside.push(rule.name);
                        continue;
                    }
                }
            }
            rules.push(rule);
        }
        (rules, aside)
    }

    /// The stored form, in the log and in a task's state.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(VERSION, self)
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// When a newer program wrote it, or it is damaged.
    pub fn decode(stored: &[u8]) -> Result<Self, StateError> {
        codec::decode(stored, VERSION..=VERSION, NEWEST, || "an announcement of rules".into())
    }
}

/// The rules in force in one task: those that it was started with, until the log says otherwise.
#[derive(Clone, Debug)]
pub struct InForce {
    rules: Arc<Vec<Rule>>,
    hash: String,
    announced: Option<Announcement>,
    aside: Vec<String>,
    changed: bool,
}

impl InForce {
    /// The rules that a task is started with.
    pub fn given(rules: &[Rule]) -> Self {
        let hash = rules_hash(rules);
        InForce { rules: Arc::new(rules.to_vec()), hash, announced: None, aside: Vec::new(), changed: false }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<Vec<Rule>> {
        &self.rules
    }

    /// What [`rules_hash`] says of all of them, those that nobody can judge here among them.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The announcement that put them in force; `None`: the task was started with them.
    pub fn announced(&self) -> Option<&Announcement> {
        self.announced.as_ref()
    }

    /// The names of those that watch a window which is not configured here.
    pub fn aside(&self) -> &[String] {
        &self.aside
    }

    /// Puts the announced rules in force; returns those before.
    pub fn take(&mut self, announced: Announcement, windows: &Windows) -> Arc<Vec<Rule>> {
        let (rules, aside) = announced.resolve(windows);
        (self.hash, self.aside, self.changed) = (announced.hash(), aside, true);
        self.announced = Some(announced);
        std::mem::replace(&mut self.rules, Arc::new(rules))
    }

    /// The stored form, if it must be written again.
    pub fn take_changed(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.changed).then(|| self.announced.as_ref().map(Announcement::encode))?
    }
}

/// The first digits of the hash of these rules, in their order: the same for the same rules, however they are written.
pub fn rules_hash(rules: &[Rule]) -> String {
    short_hash(rules.iter().map(|rule| rule.hash.as_str()))
}

/// The first digits of the hash of these texts, one behind the other.
pub fn short_hash<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut digest = Sha256::new();
    texts.into_iter().for_each(|text| digest.update(text.as_bytes()));
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::WindowSpec;
    use crate::assess::load::read_rules;
    use crate::taxonomy::Taxonomy;

    fn windows(names: &[(&str, i64)]) -> Windows {
        let spec = |&(name, minutes): &(&str, i64)| WindowSpec {
            name: name.into(),
            slide_name: "1m".into(),
            size_ms: minutes * 60_000,
            slide_ms: 60_000,
            horizon_ms: 3_600_000,
        };
        Windows::new(names.iter().map(spec).collect())
    }

    fn rules(windows: &Windows) -> Vec<Rule> {
        let rule = |window: &str| {
            format!(
                "  - {{name: in_{window}, count: {{measure: readings, window: {window}, region: city, sector: all}}, \
                 threshold: 3, level: red, summary: s, summary_zh: s}}\n"
            )
        };
        let signal = "  - {name: red, level_at_least: red, summary: s, summary_zh: s}\n";
        let text = format!("rules:\n{}{}{signal}", rule("10m"), rule("1h"));
        read_rules("r.yaml", &text, &Taxonomy::shipped(), windows).unwrap()
    }

    #[test]
    fn rules_are_read_as_they_were_announced_and_know_their_windows_by_name() {
        let theirs = windows(&[("10m", 10), ("1h", 60)]);
        let announced = Announcement::new(7, EventTime::from_ms(5), &rules(&theirs), &theirs);
        let Ok(Entry::Rules(read)) = Entry::decode(&announced.encode()) else { panic!("no announcement") };
        assert_eq!(read, announced);
        assert_eq!(read.resolve(&theirs), (rules(&theirs), Vec::new()));

        let ours = windows(&[("24h", 1440), ("1h", 60)]);
        let (here, aside) = read.resolve(&ours);
        assert_eq!(aside, ["in_10m"], "nobody has that window here");
        let windows: Vec<Option<usize>> = here.iter().map(window_of).collect();
        assert_eq!(windows, [Some(1), None]);
        assert_eq!(
            here.iter().map(|rule| rule.hash.clone()).collect::<Vec<_>>(),
            hashes(&read, &["in_1h", "red"])
        );
    }

    fn window_of(rule: &Rule) -> Option<usize> {
        if let Condition::Count { window, .. } = rule.condition { Some(window) } else { None }
    }

    fn hashes(announced: &Announcement, names: &[&str]) -> Vec<String> {
        let named = announced.rules.iter().filter(|rule| names.contains(&rule.name.as_str()));
        named.map(|rule| rule.hash.clone()).collect()
    }

    #[test]
    fn a_program_that_knows_no_announcements_refuses_one_by_its_version() {
        let windows = windows(&[("10m", 10), ("1h", 60)]);
        let mut stored = Announcement::new(1, EventTime::MIN, &rules(&windows), &windows).encode();
        assert_eq!(stored[0], 2, "tallies were of version 1");
        stored[0] = NEWEST + 1;
        assert_eq!(Entry::decode(&stored), Err(StateError::Newer { version: NEWEST + 1 }));
        assert!(matches!(Announcement::decode(&[2, 255]), Err(StateError::Damaged { .. })));
    }
}
