//! The taxonomy's files, read as plainly as can be.

use std::path::Path;

use serde_json::Value;

/// Regions, sectors, quantities and clauses.
#[derive(Clone, Debug)]
pub struct City {
    regions: Vec<Region>,
    /// Code and parent.
    sectors: Vec<(String, Option<String>)>,
    quantities: Vec<Value>,
    clauses: Vec<String>,
    kinds: Vec<Kind>,
}

/// A kind of item, with its stages.
#[derive(Clone, Debug)]
pub struct Kind {
    pub code: String,
    pub stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub code: String,
    pub is_start: bool,
    pub is_terminal: bool,
    pub after: Vec<String>,
    pub deadline_ms: Option<i64>,
}

#[derive(Clone, Debug)]
struct Region {
    code: String,
    parent: String,
    from_ms: i64,
    to_ms: i64,
}

/// An alarm set point.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub is_high: bool,
    pub set_point: f64,
    /// The value that has to be left behind, on the good side, before the alarm can end.
    pub restore: f64,
    pub level: String,
    pub on_delay_ms: i64,
    pub off_delay_ms: i64,
}

impl City {
    /// Reads the taxonomy that is shipped.
    pub fn shipped() -> City {
        City::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/taxonomy"))
    }

    /// Reads a taxonomy's folder.
    pub fn read(folder: &Path) -> City {
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).expect(file);
        let yaml = |file: &str| -> Value { serde_saphyr::from_str(&text(file)).expect(file) };
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let sectors = list(&yaml("sectors.yaml"), "sectors")
            .iter()
            .map(|sector| (owned(&sector["code"]), sector["parent"].as_str().map(str::to_owned)))
            .collect();
        let clauses = list(&yaml("clauses.yaml"), "standards")
            .iter()
            .flat_map(|standard| list(standard, "clauses"))
            .map(|clause| owned(&clause["code"]))
            .collect();
        let kinds = list(&yaml("kinds.yaml"), "kinds")
            .iter()
            .map(|kind| Kind {
                code: owned(&kind["code"]),
                stages: list(kind, "stages").iter().map(stage).collect(),
            })
            .collect();
        let regions = text("regions.csv")
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                Region {
                    code: fields[0].to_owned(),
                    parent: fields[2].to_owned(),
                    from_ms: date_ms(fields[5]).unwrap_or(i64::MIN),
                    to_ms: date_ms(fields[6]).unwrap_or(i64::MAX),
                }
            })
            .collect();
        City { regions, sectors, quantities: list(&yaml("quantities.yaml"), "quantities"), clauses, kinds }
    }

    /// The regions that an event there and then counts for: itself first, or the longest known prefix; or `unknown`.
    pub fn ancestors(&self, sent: &str, time_ms: i64) -> Vec<String> {
        let city = format!("{}00", &sent[..4.min(sent.len())]);
        let candidates = [sent.get(..9).unwrap_or(""), sent.get(..6).unwrap_or(""), &city];
        let known = candidates.iter().find(|code| self.regions.iter().any(|region| region.code == ***code));
        let Some(known) = known else { return vec!["unknown".to_owned()] };
        let mut chain = vec![(*known).to_owned()];
        loop {
            let code = chain.last().expect("it has the region itself");
            let row = self
                .regions
                .iter()
                .find(|row| row.code == *code && row.from_ms <= time_ms && time_ms < row.to_ms)
                .or_else(|| self.regions.iter().find(|row| row.code == *code));
            match row {
                Some(row) if !row.parent.is_empty() => chain.push(row.parent.clone()),
                _ => return chain,
            }
        }
    }

    /// The sector, its parents, and `all`.
    pub fn sector_ancestors(&self, sector: &str) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = Some(sector.to_owned());
        while let Some(code) = next {
            next =
                self.sectors.iter().find(|(known, _)| *known == code).and_then(|(_, parent)| parent.clone());
            chain.push(code);
        }
        if chain.last().is_none_or(|last| last != "all") {
            chain.push("all".to_owned());
        }
        chain
    }

    /// Whether events may name this sector.
    pub fn has_sector(&self, code: &str) -> bool {
        code == "all" || self.sectors.iter().any(|(known, _)| known == code)
    }

    /// Whether hazards may name this clause.
    pub fn has_clause(&self, code: &str) -> bool {
        self.clauses.iter().any(|known| known == code)
    }

    /// The kind of that code.
    pub fn kind(&self, code: &str) -> Option<Kind> {
        self.kinds.iter().find(|kind| kind.code == code).cloned()
    }

    /// The unit of a quantity; `None` when there is no such quantity.
    pub fn unit(&self, quantity: &str) -> Option<String> {
        Some(owned(&self.quantity(quantity)?["unit"]))
    }

    /// The limits for a quantity in a sector: those of the nearest sector upwards that has its own, or the general ones.
    pub fn limits(&self, quantity: &str, sector: &str) -> Vec<Limit> {
        let Some(quantity) = self.quantity(quantity) else { return Vec::new() };
        let own = quantity["sectors"].as_array().cloned().unwrap_or_default();
        let nearest = self
            .sector_ancestors(sector)
            .into_iter()
            .find_map(|sector| own.iter().find(|own| owned(&own["sector"]) == sector).cloned());
        let limits = nearest.map_or(quantity["limits"].clone(), |own| own["limits"].clone());
        limits.as_array().cloned().unwrap_or_default().iter().map(limit).collect()
    }

    /// After how long without a value a sensor of this quantity is missed.
    pub fn no_data_ms(&self, quantity: &str) -> i64 {
        self.quantity(quantity).map_or(0, |quantity| duration_ms(&quantity["no_data_after"]))
    }

    fn quantity(&self, code: &str) -> Option<&Value> {
        self.quantities.iter().find(|quantity| quantity["code"] == code)
    }
}

fn stage(value: &Value) -> Stage {
    Stage {
        code: owned(&value["code"]),
        is_start: value["start"].as_bool().unwrap_or(false),
        is_terminal: value["terminal"].as_bool().unwrap_or(false),
        after: value["after"].as_array().into_iter().flatten().map(owned).collect(),
        deadline_ms: value["deadline"].is_string().then(|| duration_ms(&value["deadline"])),
    }
}

fn limit(value: &Value) -> Limit {
    let is_high = owned(&value["side"]).starts_with('H');
    let set_point = value["set_point"].as_f64().expect("a set point");
    let deadband = value["deadband"].as_f64().unwrap_or(0.0);
    let beyond = if is_high { set_point - deadband } else { set_point + deadband };
    Limit {
        is_high,
        set_point,
        restore: value["restore"].as_f64().unwrap_or(beyond),
        level: owned(&value["level"]),
        on_delay_ms: duration_ms(&value["on_delay"]),
        off_delay_ms: duration_ms(&value["off_delay"]),
    }
}

fn owned(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// `500ms`, `30s`, `5m`, `1h`, `7d`; absent is 0.
fn duration_ms(value: &Value) -> i64 {
    let Some(text) = value.as_str() else { return 0 };
    let digits = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("a unit of time, not {other:?}"),
    };
    digits.parse::<i64>().expect("a number") * unit
}

/// The beginning of the day in Shaoxing.
fn date_ms(text: &str) -> Option<i64> {
    let day: jiff::civil::Date = text.parse().ok()?;
    Some(day.in_tz("Asia/Shanghai").expect("the zone is known").timestamp().as_millisecond())
}
