//! regions.csv → [`Regions`]: rows, their checks, and who belonged to whom when.
//!
//! A code may stand in several rows, each with its own dates and parent: so a town moves between counties, and events
//! are rolled up by the date on which they happened. Dates are days of China Standard Time, `from` included, `to` not.

use std::collections::BTreeMap;

use super::RegionId;
use super::problem::{Problem, Problems, choose, nearest};
use super::regions::{Chain, Region, RegionLevel, Regions};
use crate::event::EventTime;

const COLUMNS: [&str; 7] = ["code", "level", "parent", "name_zh", "name_en", "from", "to"];

/// China Standard Time is UTC+8 all year, everywhere that GB/T 2260 numbers.
const CHINA_OFFSET_MS: i64 = 8 * 3_600_000;

struct Row<'t> {
    line: u32,
    code: &'t str,
    level: RegionLevel,
    parent: &'t str,
    name_zh: &'t str,
    name_en: &'t str,
    from: EventTime,
    to: EventTime,
}

/// Reads and checks the whole file; every mistake is told at once.
pub(super) fn read(file: &str, text: &str) -> Result<Regions, Vec<Problem>> {
    let mut problems = Problems::of(file);
    let records = records(text, &mut problems);
    let rows = rows(&records, &mut problems);
    let mut by_code: BTreeMap<&str, Vec<&Row<'_>>> = BTreeMap::new();
    for row in &rows {
        by_code.entry(row.code).or_default().push(row);
    }
    for rows in by_code.values_mut() {
        rows.sort_by_key(|row| (row.from, row.line));
    }
    for same in by_code.values() {
        check_dates(same, &mut problems);
        check_parents(same, &by_code, &mut problems);
    }
    if rows.is_empty() && problems.is_empty() {
        problems.add(0, "", "no region is listed", "list at least one city");
    }
    if by_code.len() >= usize::from(u16::MAX) {
        problems.add(0, by_code.len().to_string(), "too many regions", "list at most 65,534 codes");
    }
    if !problems.is_empty() {
        return Err(problems.into_vec());
    }
    Ok(Regions::new(resolve(&rows, &by_code)))
}

/// Line by line, because the CSV reader's own line numbers run behind after blank lines and comments.
fn records(text: &str, problems: &mut Problems) -> Vec<(u32, BTreeMap<String, String>)> {
    let mut header: Option<Vec<String>> = None;
    let mut records = Vec::new();
    let lines = (1..).zip(text.lines().map(str::trim));
    for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .buffer_capacity(text.len())
            .from_reader(text.as_bytes());
        let fields: Vec<String> = reader
            .records()
            .flatten()
            .next()
            .map(|record| record.iter().map(str::to_owned).collect())
            .unwrap_or_default();
        let Some(columns) = &header else {
            header = Some(check_header(line, fields, problems));
            if !problems.is_empty() {
                break; // Every row would only repeat what is wrong with the header.
            }
            continue;
        };
        if fields.len() != columns.len() {
            let message = format!("{} fields where the header has {}", fields.len(), columns.len());
            let remedy = "write every comma, leaving the field empty, and close every quote";
            problems.add(line, fields.first().map_or("", String::as_str), message, remedy);
            continue;
        }
        records.push((line, columns.iter().cloned().zip(fields).collect()));
    }
    records
}

fn check_header(line: u32, mut columns: Vec<String>, problems: &mut Problems) -> Vec<String> {
    // Spreadsheets put a byte order mark before the first name.
    columns.iter_mut().for_each(|name| *name = name.trim_start_matches('\u{feff}').to_owned());
    for name in &columns {
        if !COLUMNS.contains(&name.as_str()) {
            problems.add(line, name, "unknown column", choose(name, COLUMNS));
        }
    }
    for name in &COLUMNS[..5] {
        if !columns.iter().any(|column| column == name) {
            problems.add(
                line,
                "",
                format!("the column `{name}` is missing"),
                format!("write {}", COLUMNS.join(",")),
            );
        }
    }
    columns
}

fn rows<'t>(records: &'t [(u32, BTreeMap<String, String>)], problems: &mut Problems) -> Vec<Row<'t>> {
    let mut rows = Vec::new();
    for (line, fields) in records {
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let level = check_level(*line, field("level"), problems);
        let code_is_good = level.is_none_or(|level| check_code(*line, field("code"), level, problems));
        for name in ["name_zh", "name_en"] {
            if field(name).is_empty() {
                problems.add(*line, field("code"), format!("`{name}` is empty"), "write the name");
            }
        }
        let from =
            check_date(*line, "from", field("from"), problems).map(|date| date.unwrap_or(EventTime::MIN));
        let to = check_date(*line, "to", field("to"), problems).map(|date| date.unwrap_or(END));
        if let (Some(level), true, Some(from), Some(to)) = (level, code_is_good, from, to) {
            if from >= to {
                let remedy = "`to` is the first day on which the row no longer holds";
                problems.add(*line, field("to"), "`to` is not after `from`", remedy);
            }
            rows.push(Row {
                line: *line,
                code: field("code"),
                level,
                parent: field("parent"),
                name_zh: field("name_zh"),
                name_en: field("name_en"),
                from,
                to,
            });
        }
    }
    rows
}

const END: EventTime = EventTime::from_ms(i64::MAX);

fn check_level(line: u32, level: &str, problems: &mut Problems) -> Option<RegionLevel> {
    match level {
        "city" => Some(RegionLevel::City),
        "county" => Some(RegionLevel::County),
        "town" => Some(RegionLevel::Town),
        "village" => {
            let remedy = "leave the row out: villages and grids are kept on the event and fall to their town by prefix";
            problems.add(line, level, "regions go down to the town", remedy);
            None
        }
        other => {
            problems.add(line, other, "unknown level", choose(other, ["city", "county", "town"]));
            None
        }
    }
}

/// GB/T 2260 and GB/T 10114: six digits down to the county (a city's end in 00), nine for a town.
fn check_code(line: u32, code: &str, level: RegionLevel, problems: &mut Problems) -> bool {
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let (good, remedy) = match level {
        RegionLevel::City => {
            (code.len() == 6 && code.ends_with("00"), "a city has six digits, the last two 00")
        }
        RegionLevel::County => {
            (code.len() == 6 && !code.ends_with("00"), "a county has six digits, the last two not 00")
        }
        _ => (code.len() == 9 && !code.ends_with("000"), "a town has nine digits, the last three not 000"),
    };
    if !(digits && good) {
        problems.add(line, code, format!("not the code of a {}", level.code()), remedy);
    }
    digits && good
}

fn check_date(line: u32, name: &str, text: &str, problems: &mut Problems) -> Option<Option<EventTime>> {
    if text.is_empty() {
        return Some(None);
    }
    let midnight = text
        .parse::<jiff::civil::Date>()
        .ok()
        .filter(|_| text.len() == 10)
        .and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    if midnight.is_none() {
        problems.add(line, text, format!("`{name}` is not a date"), "write YYYY-MM-DD, or nothing");
    }
    let ms = midnight?.as_millisecond() - CHINA_OFFSET_MS;
    Some(Some(EventTime::from_ms(ms)))
}

fn check_dates(same: &[&Row<'_>], problems: &mut Problems) {
    for pair in same.windows(2) {
        let (earlier, later) = (pair[0].line.min(pair[1].line), pair[0].line.max(pair[1].line));
        if pair[1].from < pair[0].to {
            let message = format!("the code stands at line {earlier} already, and their dates overlap");
            let remedy = "delete one row, or end the earlier one (`to`) where the later begins (`from`)";
            problems.add(later, pair[0].code, message, remedy);
        }
        if pair[0].level != pair[1].level {
            let message = format!("another level than at line {earlier}");
            problems.add(later, pair[1].level.code(), message, "one code has one level");
        }
    }
}

fn check_parents(same: &[&Row<'_>], by_code: &BTreeMap<&str, Vec<&Row<'_>>>, problems: &mut Problems) {
    let own = prefix(same[0]);
    for row in same {
        if row.level == RegionLevel::City {
            if !row.parent.is_empty() {
                problems.add(row.line, row.parent, "a city has no parent", "leave `parent` empty");
            }
            continue;
        }
        let Some(parent) = by_code.get(row.parent).map(|rows| rows[0].level) else {
            let near = nearest(row.parent, by_code.keys().copied().filter(|code| code.len() == 6));
            let remedy =
                near.map_or(format!("add a row for {own}"), |code| format!("write {code}, if that is meant"));
            problems.add(row.line, row.parent, "the parent is not listed", remedy);
            continue;
        };
        let fits = match row.level {
            RegionLevel::County => parent == RegionLevel::City,
            _ => matches!(parent, RegionLevel::County | RegionLevel::City),
        };
        if !fits {
            let message = format!("a {} cannot belong to a {}", row.level.code(), parent.code());
            problems.add(row.line, row.parent, message, format!("write {own}"));
            continue;
        }
        // A moved town keeps its old code in one row and gets its new parent in another; a lone row must fit its code.
        if row.parent != own && !same.iter().any(|other| other.parent == own) {
            let message = format!("the parent is not the prefix of {}", row.code);
            let remedy = format!("write {own}; if it has moved, add the dated row for {own} too");
            problems.add(row.line, row.parent, message, remedy);
        }
    }
}

/// The parent that the code itself names: a county's first four digits and 00, a town's first six.
fn prefix(row: &Row<'_>) -> String {
    match row.level {
        RegionLevel::County => format!("{}00", &row.code[..4]),
        RegionLevel::Town => row.code[..6].to_owned(),
        _ => String::new(),
    }
}

fn resolve(rows: &[Row<'_>], by_code: &BTreeMap<&str, Vec<&Row<'_>>>) -> Vec<Region> {
    let mut list = vec![Region {
        code: "unknown".to_owned(),
        level: RegionLevel::Unknown,
        name_zh: "未识别区域".to_owned(),
        name_en: "Unknown region".to_owned(),
        chains: vec![Chain { until: END, ancestors: vec![Regions::UNKNOWN] }],
    }];
    let mut ids: BTreeMap<&str, RegionId> = BTreeMap::new();
    for row in rows {
        if ids.contains_key(row.code) {
            continue;
        }
        ids.insert(row.code, RegionId(list.len() as u16));
        let newest = by_code[row.code][by_code[row.code].len() - 1];
        list.push(Region {
            code: row.code.to_owned(),
            level: row.level,
            name_zh: newest.name_zh.to_owned(),
            name_en: newest.name_en.to_owned(),
            chains: Vec::new(),
        });
    }
    for (code, id) in &ids {
        list[usize::from(id.0)].chains = chains(code, by_code, &ids);
    }
    list
}

/// The chains of one code: the line upward can change wherever a row of itself or of any possible ancestor begins.
fn chains(code: &str, by_code: &BTreeMap<&str, Vec<&Row<'_>>>, ids: &BTreeMap<&str, RegionId>) -> Vec<Chain> {
    let mut starts = Vec::new();
    let mut above = vec![code];
    while let Some(code) = above.pop() {
        for row in &by_code[code] {
            starts.push(row.from);
            above.extend((!row.parent.is_empty()).then_some(row.parent));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let mut chains: Vec<Chain> = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let until = starts.get(index + 1).copied().unwrap_or(END);
        let ancestors = chain_at(code, *start, by_code, ids);
        match chains.last_mut() {
            Some(last) if last.ancestors == ancestors => last.until = until,
            _ => chains.push(Chain { until, ancestors }),
        }
    }
    chains
}

fn chain_at(
    code: &str,
    at: EventTime,
    by_code: &BTreeMap<&str, Vec<&Row<'_>>>,
    ids: &BTreeMap<&str, RegionId>,
) -> Vec<RegionId> {
    let mut chain = Vec::new();
    let mut code = code;
    while !code.is_empty() {
        chain.push(ids[code]);
        let rows = &by_code[code];
        // The newest row begun by then; before the first one, the first.
        let row = rows.iter().rev().find(|row| row.from <= at).unwrap_or(&rows[0]);
        code = row.parent;
    }
    chain
}
