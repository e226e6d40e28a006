//! Fields taken from a map by key and type; whatever is wrong with one is told, and the others are still read.

use super::document::{Data, Node};
use super::problem::{Problems, choose};

/// A map of known keys, from which fields are taken; unknown keys have been told.
#[derive(Debug)]
pub struct Fields<'n> {
    /// The line where the map begins.
    pub line: u32,
    entries: Vec<(String, &'n Node)>,
}

/// A text and its line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At<T> {
    /// Counted from 1.
    pub line: u32,
    /// The value.
    pub value: T,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which must be a map with no keys but `known`.
    pub fn of(node: &'n Node, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Data::Map(map) = &node.data else {
            let keys = known.join(", ");
            problems.add(node.line, node.shown(), "a map is expected here", format!("write the keys {keys}"));
            return None;
        };
        let mut entries = Vec::new();
        for (key, value) in map {
            let name = key.shown();
            if known.contains(&name.as_str()) {
                entries.push((name, value));
            } else {
                let remedy = choose(&name, known.iter().copied());
                problems.add(key.line, name, "unknown key", remedy);
            }
        }
        Some(Fields { line: node.line, entries })
    }

    /// The node under `key`; an explicit null counts as absent.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        (!matches!(node.data, Data::Null)).then_some(*node)
    }

    /// The text under `key`, if it is there.
    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<At<&'n str>> {
        let node = self.get(key)?;
        match &node.data {
            Data::Text(text) if !text.trim().is_empty() => Some(At { line: node.line, value: text }),
            Data::Text(text) => {
                problems.add(
                    node.line,
                    text,
                    format!("`{key}` is empty"),
                    "write a text, or leave the key out",
                );
                None
            }
            _ => {
                let remedy = "put it in double quotes, if a text is meant";
                problems.add(node.line, node.shown(), format!("`{key}` must be a text"), remedy);
                None
            }
        }
    }

    /// The text under `key`, which must be there.
    pub fn required_text(&self, key: &str, problems: &mut Problems) -> Option<At<&'n str>> {
        self.require(key, problems)?;
        self.text(key, problems)
    }

    /// A code under `key`: lower-case letters, digits and underscores, at most 64 of them, a letter first.
    pub fn required_code(&self, key: &str, problems: &mut Problems) -> Option<At<&'n str>> {
        let code = self.required_text(key, problems)?;
        let mut bytes = code.value.bytes();
        let good = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && code.value.len() <= 64;
        if !good {
            let remedy = "use a–z, 0–9 and _, a letter first, at most 64 characters";
            problems.add(code.line, code.value, format!("`{key}` is not a code"), remedy);
            return None;
        }
        Some(code)
    }

    /// The finite number under `key`, if it is there.
    pub fn number(&self, key: &str, problems: &mut Problems) -> Option<At<f64>> {
        let node = self.get(key)?;
        match node.data {
            Data::Number(number) if number.is_finite() => Some(At { line: node.line, value: number }),
            _ => {
                let message = format!("`{key}` must be a finite number");
                problems.add(
                    node.line,
                    node.shown(),
                    message,
                    "write it without quotes and without its unit",
                );
                None
            }
        }
    }

    /// The finite number under `key`, which must be there.
    pub fn required_number(&self, key: &str, problems: &mut Problems) -> Option<At<f64>> {
        self.require(key, problems)?;
        self.number(key, problems)
    }

    /// The flag under `key`; false when absent.
    pub fn flag(&self, key: &str, problems: &mut Problems) -> bool {
        match self.get(key) {
            None => false,
            Some(Node { data: Data::Flag(flag), .. }) => *flag,
            Some(node) => {
                problems.add(
                    node.line,
                    node.shown(),
                    format!("`{key}` must be true or false"),
                    "write true or false",
                );
                false
            }
        }
    }

    /// The duration under `key` in milliseconds, if it is there.
    pub fn duration_ms(&self, key: &str, problems: &mut Problems) -> Option<At<i64>> {
        let node = self.get(key)?;
        let shown = node.shown();
        let parsed = if shown == "0" { Some(0) } else { duration_ms(&shown) };
        if parsed.is_none() {
            let remedy = "write a whole number and ms, s, m, h or d, such as 10s or 5m";
            problems.add(node.line, shown, format!("`{key}` is not a duration"), remedy);
        }
        Some(At { line: node.line, value: parsed? })
    }

    /// The duration under `key` in milliseconds, which must be there.
    pub fn required_duration_ms(&self, key: &str, problems: &mut Problems) -> Option<At<i64>> {
        self.require(key, problems)?;
        self.duration_ms(key, problems)
    }

    /// The texts of the list under `key`; none when absent.
    pub fn texts(&self, key: &str, problems: &mut Problems) -> Vec<At<&'n str>> {
        let mut texts = Vec::new();
        for node in self.list(key, problems) {
            match &node.data {
                Data::Text(text) => texts.push(At { line: node.line, value: text.as_str() }),
                _ => {
                    problems.add(node.line, node.shown(), format!("`{key}` lists texts"), "write codes only")
                }
            }
        }
        texts
    }

    /// The items of the list under `key`; none when absent.
    pub fn list(&self, key: &str, problems: &mut Problems) -> &'n [Node] {
        match self.get(key) {
            None => &[],
            Some(Node { data: Data::List(items), .. }) => items,
            Some(node) => {
                let message = format!("`{key}` must be a list");
                problems.add(node.line, node.shown(), message, "begin each entry with `- `, or write [a, b]");
                &[]
            }
        }
    }

    /// The items of the list under `key`, which must be there.
    pub fn required_list(&self, key: &str, problems: &mut Problems) -> &'n [Node] {
        match self.require(key, problems) {
            Some(_) => self.list(key, problems),
            None => &[],
        }
    }

    fn require(&self, key: &str, problems: &mut Problems) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() {
            problems.add(self.line, "", format!("`{key}` is missing"), format!("add `{key}: …`"));
        }
        node
    }
}

/// Milliseconds of a duration such as `100ms`, `10s`, `5m`, `1h`, `7d`; `None` for anything else.
pub fn duration_ms(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let mut problems = Problems::of("f");
        if let Some(node) = Node::read(text, &mut problems)
            && let Some(fields) =
                Fields::of(&node, &["code", "set_point", "on_delay", "after"], &mut problems)
        {
            fields.required_code("code", &mut problems);
            fields.number("set_point", &mut problems);
            fields.duration_ms("on_delay", &mut problems);
            fields.texts("after", &mut problems);
        }
        problems.into_vec().iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
    }

    #[test]
    fn every_wrong_field_is_told_with_its_line() {
        let cases: &[(&str, &[&str])] = &[
            ("code: a\nset_point: 1.5\non_delay: 10s\nafter: [b, c]\n", &[]),
            ("code: a\nsetpoint: 1\non_delay: ten\n", &["2: unknown key", "3: `on_delay` is not a duration"]),
            ("set_point: '1'\n", &["1: `code` is missing", "1: `set_point` must be a finite number"]),
            (
                "code: A-1\n\nset_point: .inf\n",
                &["1: `code` is not a code", "3: `set_point` must be a finite number"],
            ),
            ("code: a\nafter:\n  - b\n  - {c: d}\n", &["4: `after` lists texts"]),
            ("code: ''\nafter: b\n", &["1: `code` is empty", "2: `after` must be a list"]),
            ("- code: a\n", &["1: a map is expected here"]),
        ];
        for (text, expected) in cases {
            assert_eq!(&told(text), expected, "{text}");
        }
    }

    #[test]
    fn text_that_is_no_yaml_is_one_problem_with_its_line() {
        for (text, line) in [("code: a\ncode: b\n", "2"), ("code: [a\nb: c\n", ""), ("code: a\n\tb: c\n", "")]
        {
            let told = told(text);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("not valid YAML") && told[0].starts_with(line), "{told:?}");
        }
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        let cases = [
            ("100ms", Some(100)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("7", None),
            ("1.5h", None),
            ("-1s", None),
            ("s", None),
            ("9223372036854775807d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }
}
