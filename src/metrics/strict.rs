//! A reader of Prometheus' text format for tests: it takes nothing that the format's description does not allow, and
//! refuses what `promtool check metrics` would complain of.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by series, as `name{label="value",…}` with the labels in the order written.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Reads a page, or says what is wrong with which line.
pub(crate) fn parse(text: &str) -> Result<Samples, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut page = Page::default();
    for (index, line) in text.lines().enumerate() {
        page.line(line).map_err(|what| format!("line {}: {what}: {line}", index + 1))?;
    }
    page.end_family()?;
    Ok(page.samples)
}

#[derive(Default)]
struct Page {
    samples: Samples,
    families: BTreeSet<String>,
    help: Option<String>,
    family: Option<(String, String)>,
    /// Buckets of the family being read: by the other labels, (bound, count) in order.
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Page {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            self.end_family()?;
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            if help.trim().is_empty() {
                return Err("empty help".to_owned());
            }
            self.help = Some(name.to_owned());
            Ok(())
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            if self.help.take().as_deref() != Some(name) {
                return Err("TYPE without its HELP before it".to_owned());
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err("unknown type".to_owned());
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err("counters, and only they, end in _total".to_owned());
            }
            if !self.families.insert(name.to_owned()) {
                return Err("a family twice".to_owned());
            }
            self.family = Some((name.to_owned(), kind.to_owned()));
            Ok(())
        } else {
            self.sample(line)
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let (family, kind) = self.family.clone().ok_or("a sample before its family")?;
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let value: f64 = value.parse().map_err(|_| "no number")?;
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').ok_or("no closing brace")?)?),
            None => (series, Vec::new()),
        };
        if !is_name(name) {
            return Err("not a metric's name".to_owned());
        }
        let suffix = name.strip_prefix(family.as_str()).ok_or("a sample of another family")?;
        let allowed: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        if !allowed.contains(&suffix) {
            return Err("a name that its type does not have".to_owned());
        }
        if kind == "counter" && (value.is_nan() || value < 0.0) {
            return Err("a counter below 0".to_owned());
        }
        if kind == "histogram" {
            self.histogram_sample(suffix, &labels, value)?;
        }
        match self.samples.insert(series.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err("a series twice".to_owned()),
        }
    }

    fn histogram_sample(
        &mut self,
        suffix: &str,
        labels: &[(String, String)],
        value: f64,
    ) -> Result<(), String> {
        let others: Vec<_> = labels.iter().filter(|(name, _)| name != "le").collect();
        let buckets = self.buckets.entry(format!("{others:?}")).or_default();
        match suffix {
            "_bucket" => {
                let (_, bound) = labels.iter().find(|(name, _)| name == "le").ok_or("a bucket without le")?;
                let bound: f64 = bound.replace("+Inf", "inf").parse().map_err(|_| "le is no number")?;
                if buckets.last().is_some_and(|last| last.0 >= bound || last.1 > value) {
                    return Err("buckets that do not grow".to_owned());
                }
                buckets.push((bound, value));
            }
            "_count" if buckets.last() != Some(&(f64::INFINITY, value)) => {
                return Err("the count is not that of the bucket +Inf".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn end_family(&mut self) -> Result<(), String> {
        if let Some(name) = &self.help {
            return Err(format!("{name} has no TYPE"));
        }
        self.buckets.clear();
        self.family = None;
        Ok(())
    }
}

/// `a="x",b="y\"z"`
fn labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").ok_or("a label without =\"")?;
        if !is_name(name) || name.contains(':') || found.iter().any(|(other, _)| other == name) {
            return Err("not a label's name, or twice".to_owned());
        }
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (index, character) in behind.char_indices() {
            match (escaped, character) {
                (true, '\\' | '"' | 'n') => escaped = false,
                (true, _) => return Err("an escape that is none".to_owned()),
                (false, '\\') => escaped = true,
                (false, '"') => {
                    end = Some(index);
                    break;
                }
                (false, _) => {}
            }
            value.push(character);
        }
        found.push((name.to_owned(), value));
        rest = &behind[end.ok_or("a label without its end")? + 1..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').ok_or("labels without a comma")?;
        }
    }
    Ok(found)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP a_total h\n# TYPE a_total counter\n";
    for (text, fits) in [
        (format!("{head}a_total{{x=\"1\"}} 3\n"), true),
        (format!("{head}a_total{{x=\"1\"}} 3"), false),
        (format!("{head}a_total 1\na_total 1\n"), false),
        (format!("{head}b_total 1\n"), false),
        (format!("{head}a_total -1\n"), false),
        (format!("{head}a_total{{x=\"\\q\"}} 1\n"), false),
        (format!("{head}a_total{{x=\"1\",x=\"2\"}} 1\n"), false),
        (format!("{head}a_total 1\n{head}"), false),
        ("# TYPE a gauge\na 1\n".to_owned(), false),
        ("a 1\n".to_owned(), false),
        ("# HELP a h\n# TYPE a counter\na 1\n".to_owned(), false),
        ("# HELP a h\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n".to_owned(), false),
        ("# HELP a h\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n".to_owned(), false),
    ] {
        assert_eq!(parse(&text).is_ok(), fits, "{text}");
    }
}
