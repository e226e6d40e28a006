//! YAML as a tree in which every value knows its line.
//!
//! serde's derived types stop at the first mistake; settings are to be told all of theirs at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Spanned};

use super::problem::Place;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub place: Place,
    pub content: Content,
}

/// The shapes of YAML; a scalar keeps the very characters that were written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Nothing,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Why a text is not YAML.
pub(super) struct NotYaml {
    /// From 1; 0 where it is not known.
    pub line: u64,
    pub message: String,
}

impl Node {
    pub fn scalar(place: Place, text: &str) -> Self {
        Node { place, content: Content::Scalar(text.to_owned()) }
    }

    /// Reads a YAML text; `place` turns a line into a place.
    pub fn parse(text: &str, place: &dyn Fn(u64) -> Place) -> Result<Self, NotYaml> {
        match parse(text) {
            Ok(raw) => Ok(raw.into_node(text, place)),
            Err(error) => {
                let message = error.without_snippet().to_string();
                Err(NotYaml {
                    line: error.location().map_or(0, |location| location.line()),
                    message: message.lines().next().unwrap_or_default().to_owned(),
                })
            }
        }
    }
}

/// YAML as it stands, before places are known.
struct Raw(Spanned<RawContent>);

enum RawContent {
    Nothing,
    /// A scalar that YAML reads as a text.
    Text(String),
    /// A scalar that YAML reads as a number or a truth value; the source has its characters.
    Plain(String),
    List(Vec<Raw>),
    Map(Vec<(String, Raw)>),
}

fn parse(text: &str) -> Result<Raw, serde_saphyr::Error> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Raw(Spanned::new(RawContent::Nothing, Location::UNKNOWN, Location::UNKNOWN)));
    }
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    serde_saphyr::from_str_with_options(text, options)
}

impl Raw {
    fn into_node(self, source: &str, place: &dyn Fn(u64) -> Place) -> Node {
        let location = self.0.referenced;
        let content = match self.0.value {
            RawContent::Nothing => Content::Nothing,
            RawContent::Text(text) => Content::Scalar(text),
            RawContent::Plain(parsed) => Content::Scalar(written(source, &location).unwrap_or(parsed)),
            RawContent::List(items) => {
                Content::List(items.into_iter().map(|item| item.into_node(source, place)).collect())
            }
            RawContent::Map(entries) => Content::Map(
                entries.into_iter().map(|(key, value)| (key, value.into_node(source, place))).collect(),
            ),
        };
        Node { place: place(location.line()), content }
    }
}

/// The characters behind a location.
fn written(source: &str, location: &Location) -> Option<String> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start + usize::try_from(span.byte_len()?).ok()?;
    source.get(start..end).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_unit<E>(self) -> Result<RawContent, E> {
        Ok(RawContent::Nothing)
    }

    fn visit_none<E>(self) -> Result<RawContent, E> {
        Ok(RawContent::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawContent, E> {
        Ok(RawContent::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawContent, E> {
        Ok(RawContent::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawContent, E> {
        Ok(RawContent::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawContent, E> {
        Ok(RawContent::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawContent, E> {
        Ok(RawContent::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawContent, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawContent::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawContent, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawContent::Map(map))
    }
}
