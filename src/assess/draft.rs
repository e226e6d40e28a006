//! How an alert is worded: labels, places and both languages' summaries.

use std::collections::BTreeMap;

use super::rule::Rule;
use crate::event::EventTime;
use crate::tally::Subject;
use crate::taxonomy::{Level, Taxonomy};
use crate::warn::{Alert, Deadline, Evidence, Status, SubjectRef, alert_id};

/// What is known at the moment at which a rule speaks.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The rule that speaks.
    pub rule: &'a Rule,
    /// About what.
    pub subject: Subject,
    /// Where: a region code.
    pub region: &'a str,
    /// In which sector: a code.
    pub sector: &'a str,
    /// How bad.
    pub level: Level,
    /// The window's name.
    pub window: Option<&'a str>,
    /// The number that crossed.
    pub value: f64,
    /// What it was held against.
    pub threshold: f64,
    /// To which moment the value belongs.
    pub as_of: EventTime,
    /// When it began.
    pub starts_at: EventTime,
    /// Deadline of its handling.
    pub deadline: Option<Deadline>,
    /// Offsets behind it.
    pub evidence: Evidence,
    /// More placeholders for the summaries: name, English, Chinese.
    pub words: Vec<(&'static str, String, String)>,
}

impl Draft<'_> {
    /// The id of the alert.
    pub fn id(&self) -> String {
        alert_id(&self.subject, self.rule.id_hash())
    }

    /// The alert as it would stand; the book decides its status.
    pub fn alert(&self, taxonomy: &Taxonomy, clock: EventTime) -> Alert {
        let names = Names::of(taxonomy, self.region, self.sector);
        let labels = labels(self.rule, self.level, self.region, self.sector);
        let mut words = vec![
            ("place", names.place_en, names.place_zh),
            ("sector", names.sector_en, names.sector_zh),
            ("value", number(self.value), number(self.value)),
            ("threshold", number(self.threshold), number(self.threshold)),
            ("window", self.window.unwrap_or("").to_owned(), self.window.unwrap_or("").to_owned()),
        ];
        let subject = SubjectRef::from(&self.subject);
        let id = subject.id.clone().unwrap_or_default();
        words.push(("subject", id.clone(), id));
        words.extend(self.words.iter().cloned());
        let annotations = BTreeMap::from([
            ("summary".to_owned(), fill(&self.rule.summary, &words, false)),
            ("summary_zh".to_owned(), fill(&self.rule.summary_zh, &words, true)),
        ]);
        Alert {
            id: self.id(),
            rule: self.rule.name.clone(),
            rule_hash: self.rule.hash.clone(),
            status: Status::Pending,
            level: self.level,
            region: self.region.into(),
            sector: self.sector.into(),
            subject,
            window: self.window.map(str::to_owned),
            value: self.value,
            threshold: self.threshold,
            as_of: self.as_of,
            starts_at: self.starts_at,
            ends_at: None,
            updated_at: clock,
            acknowledged_by: None,
            assigned_to: None,
            escalation: "none".into(),
            deadline: self.deadline.clone(),
            labels,
            annotations,
            evidence: self.evidence.clone(),
        }
    }
}

/// The rule's own labels, and those that every alert has.
pub fn labels(rule: &Rule, level: Level, region: &str, sector: &str) -> BTreeMap<String, String> {
    let mut labels = rule.labels.clone();
    labels.insert("alertname".into(), rule.name.clone());
    labels.insert("level".into(), level_code(level).into());
    labels.insert("severity".into(), severity(level).into());
    labels.insert("region".into(), region.into());
    labels.insert("sector".into(), sector.into());
    labels
}

struct Names {
    place_en: String,
    place_zh: String,
    sector_en: String,
    sector_zh: String,
}

impl Names {
    /// Names of a region (with its county before a town) and of a sector; codes where the taxonomy has none.
    fn of(taxonomy: &Taxonomy, region: &str, sector: &str) -> Names {
        let place = |code: &str| {
            taxonomy
                .regions
                .by_code(code)
                .map(|id| (taxonomy.regions.name_en(id).to_owned(), taxonomy.regions.name_zh(id).to_owned()))
        };
        let (mut place_en, mut place_zh) = place(region).unwrap_or_else(|| (region.into(), region.into()));
        if region.len() == 9
            && let Some((county_en, county_zh)) = region.get(..6).and_then(place)
        {
            place_en = format!("{place_en}, {county_en}");
            place_zh = format!("{county_zh}{place_zh}");
        }
        let (sector_en, sector_zh) = match taxonomy.sectors.find(sector) {
            Some(id) => (taxonomy.sectors.name_en(id).to_owned(), taxonomy.sectors.name_zh(id).to_owned()),
            None => (sector.into(), sector.into()),
        };
        Names { place_en, place_zh, sector_en, sector_zh }
    }
}

/// Replaces `{name}` by its word; what is not known stays as it is.
fn fill(template: &str, words: &[(&'static str, String, String)], chinese: bool) -> String {
    words.iter().fold(template.to_owned(), |text, (name, english, zh)| {
        text.replace(&format!("{{{name}}}"), if chinese { zh } else { english })
    })
}

/// A number as a person writes it: without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The level's code on the wire.
pub const fn level_code(level: Level) -> &'static str {
    match level {
        Level::Blue => "blue",
        Level::Yellow => "yellow",
        Level::Orange => "orange",
        Level::Red => "red",
    }
}

/// The severity label that Alertmanager's users expect.
const fn severity(level: Level) -> &'static str {
    match level {
        Level::Blue => "info",
        Level::Yellow => "warning",
        Level::Orange => "error",
        Level::Red => "critical",
    }
}
