//! What a trial told against what was sent: alert events are held together by alert and `seq`, and compared by their bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::trial::Told;
use crate::event::{EventTime, wire_time};

/// What cannot be judged, because the record does not reach back to its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The tallies before this clock are gone.
    pub tallies_before: Option<EventTime>,
    /// How far back a count of each window reaches: its size and horizon, in milliseconds.
    pub reach_ms: BTreeMap<String, i64>,
    /// The alert events before this clock are gone.
    pub sent_before: Option<EventTime>,
}

/// How the two agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The same bytes.
    pub identical: u64,
    /// The same step of the same alert, but other bytes.
    pub different: u64,
    /// Sent, but not told.
    pub missing: u64,
    /// Told, but not sent.
    pub additional: u64,
    /// Told of tallies that the group has not judged yet.
    pub ahead: u64,
    /// Either, but the record does not reach back far enough to say.
    pub unjudged: u64,
    /// The first few that do not agree, for a person.
    pub examples: Vec<String>,
}

/// How many examples are shown.
const EXAMPLES_MAX: usize = 5;

/// What of an alert event says which it is.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    window: Option<Cow<'a, str>>,
    #[serde(with = "wire_time")]
    updated_at: EventTime,
}

/// Compares what was told with what was sent. `judged` says, by tallies partition, before which offset the group has
/// judged.
///
/// # Errors
/// An alert event that cannot be read.
pub fn compare(
    told: &[Told],
    sent: &[Vec<u8>],
    gaps: &Gaps,
    judged: &[i64],
) -> Result<Comparison, serde_json::Error> {
    let mut comparison = Comparison::default();
    let mut open = BTreeMap::new();
    // By alert: its first event of either kind, which decides whether the record reaches back far enough.
    let mut firsts: BTreeMap<String, bool> = BTreeMap::new();
    let sent: Vec<(Event<'_>, &[u8])> = sent
        .iter()
        .map(|value| Ok((serde_json::from_slice(value)?, value.as_slice())))
        .collect::<Result<_, serde_json::Error>>()?;
    for (event, _) in &sent {
        firsts.entry(event.id.to_string()).or_insert_with(|| gaps.allow(event));
    }
    for told in told {
        let event: Event<'_> = serde_json::from_slice(&told.value)?;
        firsts.entry(event.id.to_string()).or_insert_with(|| gaps.allow(&event));
        open.insert((event.id.to_string(), event.seq), (event, told));
    }
    for (event, value) in sent {
        let found = open.remove(&(event.id.to_string(), event.seq));
        match found {
            _ if !firsts[&*event.id] => comparison.unjudged += 1,
            Some((_, told)) if told.value == value => comparison.identical += 1,
            Some(_) => {
                comparison.different += 1;
                comparison.example("different", &event);
            }
            None => {
                comparison.missing += 1;
                comparison.example("missing", &event);
            }
        }
    }
    for (event, told) in open.values() {
        let judged = judged.get(told.partition as usize).copied().unwrap_or(0);
        let forgotten = gaps.sent_before.is_some_and(|before| event.updated_at <= before);
        if !firsts[&*event.id] || forgotten {
            comparison.unjudged += 1;
        } else if told.offset >= judged {
            comparison.ahead += 1;
        } else {
            comparison.additional += 1;
            comparison.example("additional", event);
        }
    }
    Ok(comparison)
}

impl Gaps {
    /// Whether everything that this alert rests on is in the record, `event` being its first there.
    fn allow(&self, event: &Event<'_>) -> bool {
        let Some(begin) = self.tallies_before else { return true };
        let reach_ms = event.window.as_deref().and_then(|window| self.reach_ms.get(window));
        event.seq == 1 && event.updated_at > begin.plus_ms(reach_ms.copied().unwrap_or(0))
    }
}

impl Comparison {
    /// Whether nothing contradicts.
    pub fn agrees(&self) -> bool {
        self.different + self.missing + self.additional == 0
    }

    fn example(&mut self, how: &str, event: &Event<'_>) {
        if self.examples.len() < EXAMPLES_MAX {
            let Event { id, seq, rule, updated_at, .. } = event;
            self.examples.push(format!("{how}: {rule} {id} seq {seq} at {updated_at}"));
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "against what was sent: {} identical, {} different, {} missing, {} additional",
            self.identical, self.different, self.missing, self.additional
        )?;
        if self.ahead > 0 {
            write!(f, "; {} of tallies that the group has not judged yet", self.ahead)?;
        }
        if self.unjudged > 0 {
            write!(f, "; {} rest on records that are gone, and are not judged", self.unjudged)?;
        }
        for example in &self.examples {
            write!(f, "\n  {example}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id seq window at-ms more`: an alert event that says no more than it must.
    fn event(text: &str) -> Vec<u8> {
        let parts: Vec<&str> = text.split(' ').collect();
        let window = if parts[2] == "-" { "null".to_owned() } else { format!("{:?}", parts[2]) };
        let at = EventTime::from_ms(parts[3].parse().unwrap());
        let more = parts.get(4).unwrap_or(&"");
        format!(
            r#"{{"id":"{}","seq":{},"rule":"r","window":{window},"updated_at":"{at}","more":"{more}"}}"#,
            parts[0], parts[1]
        )
        .into_bytes()
    }

    fn told(offset: i64, text: &str) -> Told {
        Told { clock: EventTime::MIN, partition: 0, offset, value: event(text) }
    }

    fn counts(comparison: &Comparison) -> [u64; 6] {
        let Comparison { identical, different, missing, additional, ahead, unjudged, .. } = comparison;
        [*identical, *different, *missing, *additional, *ahead, *unjudged]
    }

    /// Told | sent | gaps → identical, different, missing, additional, ahead, unjudged.
    type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a Gaps, [u64; 6]);

    #[test]
    fn each_event_is_counted_as_what_it_is() {
        let gone = |tallies, sent| Gaps {
            tallies_before: tallies,
            reach_ms: BTreeMap::from([("1s".to_owned(), 1_000)]),
            sent_before: sent,
        };
        let whole = Gaps::default();
        let at = |ms| Some(EventTime::from_ms(ms));
        let cases: [Case<'_>; 10] = [
            (&["a 1 - 5", "a 2 - 6"], &["a 1 - 5", "a 2 - 6"], &whole, [2, 0, 0, 0, 0, 0]),
            (&["a 1 - 5"], &["a 1 - 5 worse"], &whole, [0, 1, 0, 0, 0, 0]),
            (&["a 1 - 5"], &["a 1 - 5", "b 1 - 5"], &whole, [1, 0, 1, 0, 0, 0]),
            (&["a 1 - 5"], &["a 1 - 5", "a 1 - 5"], &whole, [1, 0, 1, 0, 0, 0]),
            (&["a 1 - 5", "a 2 - 5"], &["a 1 - 5"], &whole, [1, 0, 0, 1, 0, 0]),
            (&["a 1 - 5", "-", "b 1 - 5"], &["a 1 - 5"], &whole, [1, 0, 0, 0, 1, 0]),
            (&["a 1 - 8"], &["a 3 - 8"], &gone(at(5), None), [0, 0, 0, 0, 0, 2]),
            (&["a 1 - 8"], &["a 1 - 8"], &gone(at(5), None), [1, 0, 0, 0, 0, 0]),
            (&["a 1 1s 8"], &["a 1 1s 8"], &gone(at(5), None), [0, 0, 0, 0, 0, 1]),
            (&["a 1 - 3", "a 2 - 6"], &["a 2 - 6"], &gone(None, at(4)), [1, 0, 0, 0, 0, 1]),
        ];
        for (told_texts, sent, gaps, expected) in cases {
            // What stands behind "-" comes of a tally that the group has not judged.
            let ahead = told_texts.iter().position(|text| *text == "-").unwrap_or(usize::MAX);
            let told: Vec<Told> = told_texts
                .iter()
                .enumerate()
                .filter(|(_, text)| **text != "-")
                .map(|(at, text)| told(if at > ahead { 9 } else { 0 }, text))
                .collect();
            let sent: Vec<Vec<u8>> = sent.iter().map(|text| event(text)).collect();
            let comparison = compare(&told, &sent, gaps, &[9]).unwrap();
            assert_eq!(counts(&comparison), expected, "{told_texts:?}");
            assert_eq!(comparison.agrees(), expected[1..4] == [0, 0, 0]);
        }
    }

    #[test]
    fn the_first_few_that_do_not_agree_are_named() {
        let sent: Vec<Vec<u8>> = (1..=9).map(|seq| event(&format!("a {seq} - 0"))).collect();
        let comparison = compare(&[], &sent, &Gaps::default(), &[]).unwrap();
        let shown = comparison.to_string();
        assert_eq!(shown.lines().count(), 1 + EXAMPLES_MAX, "{shown}");
        assert!(shown.contains("\n  missing: r a seq 1 at 1970-01-01T00:00:00Z"), "{shown}");
    }
}
