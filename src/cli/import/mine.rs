//! A mine's record of violations → inspections with the hazards they found, and the stages until each is closed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::event::EventTime;
use crate::taxonomy::{RegionLevel, Taxonomy};

/// One violation.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    mine: String,
    written: Date,
    major: bool,
    description: String,
}

/// Where the mines stand in the city, and how long a hazard stays open.
pub struct Mapping<'a> {
    /// The town of the first mine.
    pub region: &'a str,
    /// The sector of all of them.
    pub sector: &'a str,
    /// After how long a hazard counts as mended.
    pub closed_after_ms: i64,
    /// The zone in which dates begin.
    pub zone: &'a TimeZone,
    /// The topic's name.
    pub topic: &'a str,
}

#[derive(Deserialize)]
struct Written {
    mine_name: String,
    iss_dt: String,
    likelihood: String,
    inj_illness: String,
    negligence: String,
}

/// Hazards in one message: far below the largest that is accepted.
const LISTED_MAX: usize = 100;
const LIKELY: [&str; 3] = ["Reasonably", "Highly", "Occurred"];
const UNLIKELY: [&str; 3] = ["Unlikely", "NoLikelihood", ""];
const LASTING: [&str; 2] = ["Permanent", "Fatal"];
const PASSING: [&str; 3] = ["LostDays", "NoLostDays", ""];

/// Reads the rows in the file's order, or names every row that cannot be read.
pub fn read(name: &str, text: &str) -> Result<Vec<Row>, Vec<String>> {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    for (at, written) in reader.deserialize().enumerate() {
        match written.map_err(|error| error.to_string()).and_then(row) {
            Ok(row) => rows.push(row),
            Err(problem) => problems.push(format!("{name}:{}: {problem}", at + 2)),
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(format!("{name}:1: no rows: the file needs a head line and one row a violation"));
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

fn row(written: Written) -> Result<Row, String> {
    let Written { mine_name: mine, iss_dt, likelihood, inj_illness, negligence } = written;
    let date = iss_dt.parse().map_err(|_| format!("iss_dt is `{iss_dt}`: write a date as 2009-07-06"))?;
    let likely = either("likelihood", &likelihood, &LIKELY, &UNLIKELY)?;
    let lasting = either("inj_illness", &inj_illness, &LASTING, &PASSING)?;
    let description = [likelihood, inj_illness, negligence].join(", ");
    Ok(Row { mine, written: date, major: likely && lasting, description })
}

/// Whether a value is one of the grave ones; an error where it is neither grave nor light.
fn either(column: &str, value: &str, grave: &[&str], light: &[&str]) -> Result<bool, String> {
    match (grave.contains(&value), light.contains(&value)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(format!("{column} is `{value}`: it must be one of {}", [grave, light].concat().join(", "))),
    }
}

/// The events as lines for `backtest`, in the order of time.
pub fn events(rows: &[Row], mapping: &Mapping<'_>, taxonomy: &Taxonomy) -> Result<Vec<Value>, String> {
    let towns = towns(rows, mapping, taxonomy)?;
    let mut visits: BTreeMap<(Date, &str), Vec<(usize, &Row)>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        visits.entry((row.written, row.mine.as_str())).or_default().push((at, row));
    }
    let mut timed = Vec::new();
    for ((date, mine), found) in &visits {
        let (number, town) = &towns[mine];
        let at = noon(*date, mapping.zone)?;
        let due = at.plus_ms(mapping.closed_after_ms);
        let who = Mine { id: format!("MINE-{number:04}"), name: mine, town, mapping };
        for (part, listed) in found.chunks(LISTED_MAX).enumerate() {
            timed.push((at, who.inspection(&format!("{number}-{date}-{part}"), at, listed)));
        }
        for (row_at, row) in found {
            let stages: &[&str] = if row.major { &["submitted", "accepted", "closed"] } else { &["closed"] };
            for (nth, stage) in stages.iter().enumerate() {
                let moment = due.plus_ms(nth as i64 * 1_000);
                timed.push((moment, who.stage(*row_at, row, stage, moment)));
            }
        }
    }
    // Stable: what happens at one moment stays in the order of the rows.
    timed.sort_by_key(|(at, _)| *at);
    Ok(timed.into_iter().map(|(_, event)| event).collect())
}

/// What was read, for a person.
pub fn summary(rows: &[Row], events: usize) -> String {
    let majors = rows.iter().filter(|row| row.major).count();
    let mut mines: Vec<&str> = rows.iter().map(|row| row.mine.as_str()).collect();
    mines.sort_unstable();
    mines.dedup();
    format!("{} violations at {} mines, {majors} of them major: {events} events", rows.len(), mines.len())
}

/// Each mine's number and town, in the order of its first row.
fn towns<'a>(
    rows: &'a [Row],
    mapping: &Mapping<'_>,
    taxonomy: &Taxonomy,
) -> Result<BTreeMap<&'a str, (usize, String)>, String> {
    let regions = &taxonomy.regions;
    if taxonomy.sectors.find(mapping.sector).is_none() {
        return Err(format!("--sector {}: the taxonomy lists no such sector", mapping.sector));
    }
    let all = regions.iter().filter(|id| regions.level(*id) == RegionLevel::Town);
    let all: Vec<&str> = all.map(|id| regions.code(id)).collect();
    let first = all.iter().position(|code| *code == mapping.region);
    let first =
        first.ok_or_else(|| format!("--region {}: the taxonomy lists no such town", mapping.region))?;
    let mut towns = BTreeMap::new();
    for row in rows {
        let number = towns.len();
        towns
            .entry(row.mine.as_str())
            .or_insert_with(|| (number, all[(first + number) % all.len()].to_owned()));
    }
    if towns.len() > all.len() {
        return Err(format!("{} mines, but only {} towns: split the file", towns.len(), all.len()));
    }
    Ok(towns)
}

/// Noon: the same date in every zone near by.
fn noon(date: Date, zone: &TimeZone) -> Result<EventTime, String> {
    let noon = date.at(12, 0, 0, 0).to_zoned_datetime(zone.clone()).map_err(|error| error.to_string())?;
    Ok(EventTime::from_ms(noon.timestamp().as_millisecond()))
}

struct Mine<'a> {
    id: String,
    name: &'a str,
    town: &'a str,
    mapping: &'a Mapping<'a>,
}

impl Mine<'_> {
    fn inspection(&self, id: &str, at: EventTime, found: &[(usize, &Row)]) -> Value {
        let due = self.text(at.plus_ms(self.mapping.closed_after_ms));
        let hazards: Vec<Value> = found
            .iter()
            .map(|(row_at, row)| {
                json!({"hazard_id": self.hazard(*row_at), "grade": grade(row), "description": row.description,
                       "due": due.get(..10)})
            })
            .collect();
        self.line(
            at,
            json!({"type": "inspection", "id": format!("V-{id}"), "enterprise_name": self.name,
                             "source": "department", "hazards": hazards}),
        )
    }

    fn stage(&self, row_at: usize, row: &Row, stage: &str, at: EventTime) -> Value {
        self.line(
            at,
            json!({"type": "hazard", "id": format!("{}-{stage}", self.hazard(row_at)),
                             "hazard_id": self.hazard(row_at), "status": stage, "grade": grade(row)}),
        )
    }

    fn hazard(&self, row_at: usize) -> String {
        format!("H-{}-{:06}", self.id, row_at + 1)
    }

    /// A line for `backtest`: what happened is what arrived, so a record's past is judged by its own clock.
    fn line(&self, at: EventTime, mut event: Value) -> Value {
        let time = self.text(at);
        event["time"] = json!(time);
        event["region"] = json!(self.town);
        event["sector"] = json!(self.mapping.sector);
        event["enterprise_id"] = json!(self.id);
        json!({"topic": self.mapping.topic, "key": self.id, "arrival": time, "value": event})
    }

    fn text(&self, at: EventTime) -> String {
        let stamp = jiff::Timestamp::from_millisecond(at.ms).unwrap_or_default();
        stamp.to_zoned_datetime(self.mapping.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

fn grade(row: &Row) -> &'static str {
    if row.major { "major" } else { "general" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../tests/data/mine-violations-sample.csv");

    fn mapped(text: &str) -> Vec<Value> {
        let rows = read("sample.csv", text).unwrap();
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let mapping = Mapping {
            region: "330681119",
            sector: "mining",
            closed_after_ms: 30 * 86_400_000,
            zone: &zone,
            topic: "hazard.inspections",
        };
        events(&rows, &mapping, &Taxonomy::shipped()).unwrap()
    }

    #[test]
    fn violations_written_on_one_day_are_one_inspection() {
        let events = mapped(SAMPLE);
        let visits: Vec<(String, usize)> = events
            .iter()
            .filter(|line| line["value"]["type"] == "inspection")
            .map(|line| {
                let value = &line["value"];
                (value["time"].as_str().unwrap()[..10].to_owned(), value["hazards"].as_array().unwrap().len())
            })
            .collect();
        let expected =
            [("2001-03-05", 3), ("2001-03-06", 1), ("2001-04-11", 2), ("2001-04-11", 1), ("2002-01-15", 1)];
        assert_eq!(visits, expected.map(|(date, count)| (date.to_owned(), count)));
    }

    #[test]
    fn a_hazard_is_major_where_lasting_harm_is_likely() {
        let cases = [
            ("Reasonably", "Permanent", true),
            ("Highly", "Fatal", true),
            ("Occurred", "Fatal", true),
            ("Unlikely", "Fatal", false),
            ("Highly", "LostDays", false),
            ("", "", false),
        ];
        for (likelihood, injury, major) in cases {
            let text = format!(
                "mine_name,iss_dt,likelihood,inj_illness,negligence\nM,2001-01-01,{likelihood},{injury},x\n"
            );
            assert_eq!(read("x", &text).unwrap()[0].major, major, "{likelihood} {injury}");
        }
    }

    #[test]
    fn a_hazard_is_dated_by_the_day_it_was_written_down_and_closed_a_term_later() {
        // The sample's last row is said to have occurred in 2001 but was written in 2002.
        let events = mapped(SAMPLE);
        let last: Vec<&Value> = events
            .iter()
            .map(|line| &line["value"])
            .filter(|value| value["hazard_id"] == "H-MINE-0000-000008")
            .collect();
        let stages: Vec<(&str, &str)> = last
            .iter()
            .map(|value| (value["status"].as_str().unwrap(), &value["time"].as_str().unwrap()[..10]))
            .collect();
        assert_eq!(
            stages,
            [("submitted", "2002-02-14"), ("accepted", "2002-02-14"), ("closed", "2002-02-14")]
        );
    }

    #[test]
    fn each_mine_stands_in_a_town_of_its_own() {
        let events = mapped(SAMPLE);
        let places: std::collections::BTreeSet<(&str, &str)> = events
            .iter()
            .map(|line| (line["key"].as_str().unwrap(), line["value"]["region"].as_str().unwrap()))
            .collect();
        assert_eq!(Vec::from_iter(places), [("MINE-0000", "330681119"), ("MINE-0001", "330681120")]);
    }

    #[test]
    fn every_unreadable_row_is_named_at_once() {
        let text = "mine_name,iss_dt,likelihood,inj_illness,negligence\nM,soon,Highly,Fatal,x\nM,2001-01-01,Maybe,Fatal,x\n";
        let problems = read("x.csv", text).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems[0].starts_with("x.csv:2: iss_dt is `soon`")
                && problems[1].starts_with("x.csv:3: likelihood is `Maybe`")
        );
    }
}
