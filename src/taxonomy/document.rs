//! YAML as a tree whose every node knows its line.
//!
//! A typed reader stops at the first wrong key. Here the whole text is read first and then asked for its fields
//! ([`Fields`](super::fields::Fields)), so that one pass tells every unknown key, absent field and wrong value.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{NonFiniteFloatPolicy, Spanned};

use super::problem::Problems;

/// A value and the line where it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// Counted from 1.
    pub line: u32,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Reads `text`; a syntax error or duplicate key is one problem, and then there is no tree.
    pub fn read(text: &str, problems: &mut Problems) -> Option<Node> {
        // A field knows better than the parser how to say that it must be finite.
        let options = serde_saphyr::options! { non_finite_float_policy: NonFiniteFloatPolicy::AsString };
        match serde_saphyr::from_str_with_options::<Spanned<Data>>(text, options) {
            Ok(spanned) => Some(Node::from(spanned)),
            Err(error) => {
                let line = error.location().map_or(0, |at| at.line() as u32);
                let rendered = error.without_snippet().to_string();
                let first = rendered.lines().next().unwrap_or("unreadable").to_owned();
                problems.add(line, "", format!("not valid YAML: {first}"), "mend the syntax at this line");
                None
            }
        }
    }

    /// The node as it would stand in a message.
    pub fn shown(&self) -> String {
        match &self.data {
            Data::Null => "null".to_owned(),
            Data::Flag(flag) => flag.to_string(),
            Data::Number(number) => number.to_string(),
            Data::Text(text) => text.clone(),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
        }
    }
}

impl Node {
    /// The texts of a map, by key.
    pub fn texts_by_key(&self, problems: &mut Problems) -> BTreeMap<String, String> {
        let Data::Map(map) = &self.data else {
            problems.add(
                self.line,
                self.shown(),
                "a map of texts is expected here",
                "write `key: value` lines",
            );
            return BTreeMap::new();
        };
        map.iter().map(|(key, value)| (key.shown(), value.shown())).collect()
    }
}

impl From<Spanned<Data>> for Node {
    fn from(spanned: Spanned<Data>) -> Self {
        Node { line: spanned.defined.line() as u32, data: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        Data::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Data, E> {
        Ok(Data::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Data, E> {
        Ok(Data::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Data, E> {
        Ok(Data::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Data, E> {
        Ok(Data::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Data, A::Error> {
        let mut nodes = Vec::new();
        while let Some(item) = list.next_element::<Spanned<Data>>()? {
            nodes.push(Node::from(item));
        }
        Ok(Data::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<Data>, Spanned<Data>>()? {
            entries.push((Node::from(key), Node::from(value)));
        }
        Ok(Data::Map(entries))
    }
}
