//! What a rule's summaries may say: placeholders, and the words that take their place in both languages.

use jiff::tz::TimeZone;

use super::draft::Draft;
use super::rule::{Condition, EventKind, Silent};
use crate::tally::What;
use crate::taxonomy::{Level, Taxonomy};

/// The word for a placeholder.
pub struct Word {
    name: &'static str,
    en: String,
    zh: String,
}

impl Word {
    fn new(name: &'static str, (en, zh): (String, String)) -> Word {
        Word { name, en, zh }
    }

    fn same(name: &'static str, text: impl Into<String>) -> Word {
        let text = text.into();
        Word::new(name, (text.clone(), text))
    }
}

/// The placeholders that a rule which watches this may use.
pub fn placeholders(condition: &Condition) -> Vec<&'static str> {
    let own: &[&str] = match condition {
        Condition::Count { .. } => &["value", "threshold", "window"],
        Condition::Event { on: EventKind::Overdue, .. } => &["subject", "kind", "stage", "due"],
        Condition::Event { .. } => &["subject", "kind", "stage"],
        Condition::SensorLevel { .. } => &["subject", "quantity", "unit", "side", "value", "threshold"],
        Condition::NoData(Silent::Sensor) => &["subject", "last"],
        Condition::NoData(Silent::Gateway) => &["subject", "value", "threshold"],
        Condition::NoData(Silent::Cell(_)) => &["value", "threshold"],
    };
    [&["place", "sector", "level"], own].concat()
}

/// The words for them.
pub fn words(draft: &Draft<'_>, taxonomy: &Taxonomy, zone: &TimeZone) -> Vec<Word> {
    let mut words = vec![
        Word::new("place", place(taxonomy, draft.region)),
        Word::new("sector", sector(taxonomy, draft.sector)),
        Word::same("value", number(draft.value)),
        Word::same("threshold", number(draft.threshold)),
        Word::new("window", window(draft.window.unwrap_or_default())),
        Word::same("subject", draft.subject.id().unwrap_or_default()),
    ];
    let level_now = match draft.what {
        Some(What::Level { level, .. }) => *level,
        _ => Some(draft.level),
    };
    words.push(Word::new("level", level(level_now)));
    match draft.what {
        Some(What::Level { quantity, side, .. }) => {
            words.extend(measured(taxonomy, quantity));
            words.push(Word::same("side", side));
        }
        Some(What::Silent { last }) => words.push(Word::same("last", last.shown(zone))),
        Some(What::Stage { kind, stage, .. } | What::Held { kind, stage }) => {
            words.extend(reached(taxonomy, kind, stage));
        }
        Some(What::Overdue { kind, stage, due }) => {
            words.extend(reached(taxonomy, kind, stage));
            words.push(Word::same("due", due.shown(zone)));
        }
        _ => {}
    }
    words
}

/// A summary in English, and one in Chinese: `{name}` is replaced by its word; what is no placeholder stays as it is.
pub fn fill((summary, summary_zh): (&str, &str), words: &[Word]) -> (String, String) {
    (filled(summary, words, |word| &word.en), filled(summary_zh, words, |word| &word.zh))
}

/// The names in braces.
pub fn named(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|piece| Some(piece.split_once('}')?.0))
}

fn filled(template: &str, words: &[Word], language: impl Fn(&Word) -> &str) -> String {
    let word = |name: &str| words.iter().find(|word| word.name == name).map(&language);
    let mut pieces = template.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}').and_then(|(name, rest)| Some([word(name)?, rest])) {
            Some(word_and_rest) => text.extend(word_and_rest),
            None => text.extend(["{", piece]),
        }
    }
    text
}

/// English and Chinese names; the code twice, where the taxonomy has none.
fn names(code: &str, known: Option<(&str, &str)>) -> (String, String) {
    let (en, zh) = known.unwrap_or((code, code));
    (en.to_owned(), zh.to_owned())
}

/// A region's names, with its county's before a town's.
fn place(taxonomy: &Taxonomy, code: &str) -> (String, String) {
    let regions = &taxonomy.regions;
    let known = |code: &str| regions.by_code(code).map(|id| (regions.name_en(id), regions.name_zh(id)));
    let (en, zh) = names(code, known(code));
    match code.get(..6).filter(|_| code.len() == 9).and_then(known) {
        Some((county_en, county_zh)) => (format!("{en}, {county_en}"), format!("{county_zh}{zh}")),
        None => (en, zh),
    }
}

fn sector(taxonomy: &Taxonomy, code: &str) -> (String, String) {
    let sectors = &taxonomy.sectors;
    names(code, sectors.find(code).map(|id| (sectors.name_en(id), sectors.name_zh(id))))
}

fn measured(taxonomy: &Taxonomy, code: &str) -> [Word; 2] {
    let known = taxonomy.quantities.find(code).map(|id| taxonomy.quantities.get(id));
    let called = known.map(|quantity| (quantity.name_en.as_str(), quantity.name_zh.as_str()));
    let unit = known.map_or("", |quantity| &quantity.unit);
    [Word::new("quantity", names(code, called)), Word::same("unit", unit)]
}

fn reached(taxonomy: &Taxonomy, kind: &str, stage: &str) -> [Word; 2] {
    let known = taxonomy.kinds.find(kind).map(|id| taxonomy.kinds.get(id));
    let called = known.map(|kind| (kind.name_en.as_str(), kind.name_zh.as_str()));
    let known = known.and_then(|kind| Some(kind.get(kind.stage(stage)?)));
    let stage_called = known.map(|stage| (stage.name_en.as_str(), stage.name_zh.as_str()));
    [Word::new("kind", names(kind, called)), Word::new("stage", names(stage, stage_called))]
}

fn level(level: Option<Level>) -> (String, String) {
    match level {
        Some(level) => (level.code().to_owned(), format!("{}色", level.name_zh())),
        None => ("normal".to_owned(), "正常".to_owned()),
    }
}

/// A window's name, and the time that it says in Chinese: `24h` is 24小时.
fn window(name: &str) -> (String, String) {
    let units = [("s", "秒"), ("m", "分钟"), ("h", "小时"), ("d", "天")];
    let zh = units.iter().find_map(|(unit, zh)| {
        let number = name.strip_suffix(unit).filter(|number| number.parse::<u32>().is_ok())?;
        Some(format!("{number}{zh}"))
    });
    (name.to_owned(), zh.unwrap_or_else(|| name.to_owned()))
}

/// A number as a person writes it: without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
