//! Rules as written: a YAML file → [`Rule`]s, or every mistake at once.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::rule::{Cells, Condition, EventKind, Place, Rule, Silent};
use super::window::Windows;
use super::words::{named, placeholders};
use crate::taxonomy::document::Node;
use crate::taxonomy::fields::{At, Fields};
use crate::taxonomy::problem::{Problem, Problems, choose};
use crate::taxonomy::{Grade, KindId, Level, Taxonomy};

/// The rules that are shipped.
const SHIPPED: &str = include_str!("../../config/rules.yaml");

const RULE_KEYS: [&str; 13] = [
    "name",
    "count",
    "event",
    "level_at_least",
    "quantity",
    "no_data",
    "threshold",
    "clear",
    "for",
    "level",
    "labels",
    "summary",
    "summary_zh",
];

/// The shipped rules over these windows.
///
/// # Errors
/// When they name a window that is not configured.
pub fn shipped_rules(taxonomy: &Taxonomy, windows: &Windows) -> Result<Vec<Rule>, Vec<Problem>> {
    read_rules("config/rules.yaml (shipped)", SHIPPED, taxonomy, windows)
}

/// Reads the rules of a file with this name and text.
///
/// # Errors
/// Every mistake, in the order of the file.
pub fn read_rules(
    file: &str,
    text: &str,
    taxonomy: &Taxonomy,
    windows: &Windows,
) -> Result<Vec<Rule>, Vec<Problem>> {
    let mut problems = Problems::of(file);
    let mut rules = Vec::new();
    if let Some(root) = Node::read(text, &mut problems)
        && let Some(fields) = Fields::of(&root, &["rules"], &mut problems)
    {
        let mut names = BTreeSet::new();
        for node in fields.required_list("rules", &mut problems) {
            let mut reader = Reader { taxonomy, windows, problems: &mut problems };
            if let Some(rule) = reader.rule(node, &mut names) {
                rules.push(rule);
            }
        }
    }
    let problems = problems.into_vec();
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

struct Reader<'a> {
    taxonomy: &'a Taxonomy,
    windows: &'a Windows,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn rule(&mut self, node: &Node, names: &mut BTreeSet<String>) -> Option<Rule> {
        let fields = Fields::of(node, &RULE_KEYS, self.problems)?;
        let name = fields.required_code("name", self.problems);
        if let Some(At { line, value }) = name
            && !names.insert(value.to_owned())
        {
            self.problems.add(line, value, "two rules have this name", "give each rule its own name");
        }
        let condition = self.condition(&fields);
        let level = self.choice(&fields, "level", &LEVELS);
        if level.is_none() && !matches!(condition, Some(Condition::SensorLevel { .. }) | None) {
            self.problems.add(
                fields.line,
                "",
                "`level` is missing",
                "add `level: blue`, yellow, orange or red",
            );
        }
        let for_ms = fields.duration_ms("for", self.problems).map_or(0, |at| at.value);
        let summary = fields.required_text("summary", self.problems);
        let summary_zh = fields.required_text("summary_zh", self.problems);
        for text in [summary, summary_zh].into_iter().flatten() {
            condition.iter().for_each(|condition| self.placeholders(condition, text));
        }
        let labels = self.labels(&fields);
        let mut rule = Rule {
            name: name?.value.to_owned(),
            hash: String::new(),
            level,
            for_ms,
            condition: condition?,
            labels,
            summary: summary?.value.to_owned(),
            summary_zh: summary_zh?.value.to_owned(),
        };
        // The hash of what was resolved: comments and order of keys do not change which rule it is.
        let digest = Sha256::digest(format!("{rule:?}").as_bytes());
        rule.hash = digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        Some(rule)
    }

    fn condition(&mut self, fields: &Fields<'_>) -> Option<Condition> {
        let kinds = ["count", "event", "level_at_least", "no_data"];
        let written: Vec<&str> = kinds.into_iter().filter(|kind| fields.get(kind).is_some()).collect();
        let [kind] = written[..] else {
            let remedy = "write exactly one of count, event, level_at_least, no_data";
            self.problems.add(fields.line, written.join(", "), "a rule watches one thing", remedy);
            return None;
        };
        if kind != "count" {
            for key in ["threshold", "clear"] {
                if let Some(node) = fields.get(key) {
                    let remedy = "leave it out, or write a count rule";
                    self.problems.add(
                        node.line,
                        node.shown(),
                        format!("only a count rule has `{key}`"),
                        remedy,
                    );
                }
            }
        }
        match kind {
            "count" => self.count(fields),
            "event" => self.event(fields.get("event")?),
            "level_at_least" => {
                let at_least = self.choice(fields, "level_at_least", &LEVELS)?;
                let quantity = fields.text("quantity", self.problems);
                if let Some(At { line, value }) = quantity
                    && self.taxonomy.quantities.find(value).is_none()
                {
                    let remedy = "use a code of quantities.yaml";
                    self.problems.add(line, value, "no such quantity", remedy);
                }
                Some(Condition::SensorLevel { at_least, quantity: quantity.map(|at| at.value.to_owned()) })
            }
            _ => self.no_data(fields.get("no_data")?),
        }
    }

    fn count(&mut self, rule: &Fields<'_>) -> Option<Condition> {
        let fields =
            Fields::of(rule.get("count")?, &["measure", "window", "region", "sector"], self.problems)?;
        let measure = fields.required_text("measure", self.problems);
        if let Some(At { line, value }) = measure
            && self.taxonomy.measures.find(value).is_none()
        {
            let known: Vec<&str> =
                self.taxonomy.measures.iter().map(|id| self.taxonomy.measures.code(id)).collect();
            self.problems.add(line, value, "no such measure", choose(value, known));
        }
        let window = fields.required_text("window", self.problems).and_then(|At { line, value }| {
            let found = self.windows.find(value);
            if found.is_none() {
                let names = self.windows.windows.iter().map(|window| window.name.as_str());
                self.problems.add(line, value, "no such window is configured", choose(value, names));
            }
            found
        });
        let cells = self.cells(&fields);
        let threshold = self.whole(rule, "threshold", true);
        let clear = self.whole(rule, "clear", false).or(threshold);
        if let (Some(threshold), Some(clear)) = (threshold, clear)
            && clear > threshold
        {
            let remedy = "it falls back below `clear`: at most the threshold";
            self.problems.add(rule.line, clear.to_string(), "`clear` is above `threshold`", remedy);
        }
        Some(Condition::Count {
            measure: measure?.value.to_owned(),
            window: window?,
            threshold: threshold?,
            clear: clear?,
            cells: cells?,
        })
    }

    fn event(&mut self, node: &Node) -> Option<Condition> {
        let fields = Fields::of(node, &["kind", "is", "stages", "grade"], self.problems)?;
        let kind = fields.required_text("kind", self.problems);
        let found: Option<KindId> = kind.and_then(|kind| self.taxonomy.kinds.find(kind.value));
        if let (Some(At { line, value }), None) = (kind, found) {
            self.problems.add(line, value, "no such kind", "use a code of kinds.yaml, or `hazard`");
        }
        let on = self.choice(&fields, "is", &EVENTS).unwrap_or(EventKind::Stage);
        let stages = fields.texts("stages", self.problems);
        for At { line, value } in stages.iter().filter(|_| found.is_some()) {
            if found.is_some_and(|kind| self.taxonomy.kinds.get(kind).stage(value).is_none()) {
                self.problems.add(
                    *line,
                    *value,
                    "this kind has no such stage",
                    "see its stages in kinds.yaml",
                );
            }
        }
        let grade = self.choice(&fields, "grade", &GRADES);
        Some(Condition::Event {
            on,
            kind: kind?.value.to_owned(),
            stages: stages.iter().map(|at| at.value.to_owned()).collect(),
            grade,
        })
    }

    fn no_data(&mut self, node: &Node) -> Option<Condition> {
        let fields = Fields::of(node, &["of", "region", "sector"], self.problems)?;
        if fields.get("of").is_none() {
            self.problems.add(fields.line, "", "`of` is missing", "add `of: sensor`, gateway or cell");
        }
        match self.choice(&fields, "of", &["sensor", "gateway", "cell"].map(|name| (name, name)))? {
            "sensor" => Some(Condition::NoData(Silent::Sensor)),
            "gateway" => Some(Condition::NoData(Silent::Gateway)),
            _ => Some(Condition::NoData(Silent::Cell(self.cells(&fields)?))),
        }
    }

    fn cells(&mut self, fields: &Fields<'_>) -> Option<Cells> {
        if fields.get("region").is_none() {
            self.problems.add(fields.line, "", "`region` is missing", "add `region: city`, county or town");
        }
        let place = self.choice(fields, "region", &PLACES);
        let sector = fields.required_text("sector", self.problems)?;
        let known = |code: &str| code == "all" || self.taxonomy.sectors.find(code).is_some();
        if sector.value != "each" && !known(sector.value) {
            let codes = self.taxonomy.sectors.iter().map(|id| self.taxonomy.sectors.code(id));
            let codes: Vec<&str> = codes.chain(["all", "each"]).collect();
            let remedy = choose(sector.value, codes);
            self.problems.add(sector.line, sector.value, "no such sector", remedy);
            return None;
        }
        Some(Cells { place: place?, sector: (sector.value != "each").then(|| sector.value.to_owned()) })
    }

    fn placeholders(&mut self, condition: &Condition, At { line, value }: At<&str>) {
        let known = placeholders(condition);
        for name in named(value).filter(|name| !known.contains(name)) {
            let remedy = choose(name, known.iter().copied());
            self.problems.add(line, name, "a rule of this kind has no such placeholder", remedy);
        }
    }

    fn choice<T: Copy>(&mut self, fields: &Fields<'_>, key: &str, names: &[(&str, T)]) -> Option<T> {
        let At { line, value } = fields.text(key, self.problems)?;
        let found = names.iter().find(|(name, _)| *name == value).map(|&(_, choice)| choice);
        if found.is_none() {
            let remedy = choose(value, names.iter().map(|&(name, _)| name));
            self.problems.add(line, value, format!("`{key}` is none of its values"), remedy);
        }
        found
    }

    fn whole(&mut self, fields: &Fields<'_>, key: &str, required: bool) -> Option<u64> {
        let at = if required {
            fields.required_number(key, self.problems)?
        } else {
            fields.number(key, self.problems)?
        };
        if at.value < 1.0 || at.value.fract() != 0.0 || at.value > 1e15 {
            let remedy = "write a whole number from 1";
            self.problems.add(at.line, at.value.to_string(), format!("`{key}` is not a count"), remedy);
            return None;
        }
        Some(at.value as u64)
    }

    fn labels(&mut self, fields: &Fields<'_>) -> BTreeMap<String, String> {
        let Some(node) = fields.get("labels") else { return BTreeMap::new() };
        node.texts_by_key(self.problems)
    }
}

const LEVELS: [(&str, Level); 4] =
    [("blue", Level::Blue), ("yellow", Level::Yellow), ("orange", Level::Orange), ("red", Level::Red)];
const PLACES: [(&str, Place); 3] = [("city", Place::City), ("county", Place::County), ("town", Place::Town)];
const GRADES: [(&str, Grade); 2] = [("general", Grade::General), ("major", Grade::Major)];
const EVENTS: [(&str, EventKind); 3] =
    [("stage", EventKind::Stage), ("overdue", EventKind::Overdue), ("early", EventKind::Early)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::tests::shipped_windows;

    fn told(rule: &str) -> Vec<String> {
        let text = format!("rules:\n{rule}");
        match read_rules("r.yaml", &text, &Taxonomy::shipped(), &shipped_windows()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_shipped_rules_have_no_problem() {
        let rules = shipped_rules(&Taxonomy::shipped(), &shipped_windows());
        assert!(rules.as_ref().is_ok_and(|rules| rules.len() > 5), "{rules:#?}");
    }

    #[test]
    fn every_mistake_is_told_with_line_value_and_remedy() {
        let cases: &[(&str, &[&str])] = &[
            (
                "  - name: a\n    level_at_least: red\n    summary: \"{plcae}: {value} {unit}\"\n    summary_zh: \"{due}\"\n",
                &[
                    "r.yaml:4: a rule of this kind has no such placeholder (found \"plcae\"): write `place`, if that is meant",
                    "r.yaml:5: a rule of this kind has no such placeholder (found \"due\"): use one of place, sector,",
                ],
            ),
            (
                "  - name: a\n    count: {measure: readngs, window: 1h, region: county, sector: all}\n    threshold: 3\n    \
                 level: red\n    summary: s\n    summary_zh: s\n",
                &["r.yaml:3: no such measure (found \"readngs\")"],
            ),
            (
                "  - name: a\n    count: {measure: readings, window: 2h, region: village, sector: minning}\n    threshold: 0\n    \
                 level: pink\n    summary: s\n    summary_zh: s\n",
                &[
                    "no such window",
                    "`region` is none",
                    "no such sector",
                    "`threshold` is not a count",
                    "`level` is none",
                ],
            ),
            (
                "  - name: a\n    level: red\n    summary: s\n    summary_zh: s\n",
                &["a rule watches one thing"],
            ),
            (
                "  - name: a\n    event: {kind: hazrd, is: soon}\n    level: red\n    summary: s\n    summary_zh: s\n",
                &["no such kind", "`is` is none"],
            ),
            (
                "  - name: a\n    level_at_least: red\n    treshold: 3\n",
                &["unknown key", "`summary` is missing", "`summary_zh`"],
            ),
        ];
        for (rule, expected) in cases {
            let told = told(rule);
            for part in *expected {
                assert!(told.iter().any(|line| line.contains(part)), "{part}: {told:#?}");
            }
        }
    }

    #[test]
    fn the_hash_names_the_rule_and_not_its_comments() {
        let read = |text: &str| {
            read_rules("r", text, &Taxonomy::shipped(), &shipped_windows()).unwrap()[0].hash.clone()
        };
        let rule = "rules:\n  - name: a\n    level_at_least: red\n    summary: s\n    summary_zh: s\n";
        assert_eq!(read(rule), read(&format!("# why\n{rule}")));
        assert_ne!(read(rule), read(&rule.replace("red", "orange")));
    }
}
