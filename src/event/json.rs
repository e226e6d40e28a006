//! The serde_json twin: text of one JSON object → the fields of the contract, whatever their order.
//!
//! Texts are borrowed where they hold no escape. Fields outside the contract are skipped, not built. Depth is bounded
//! before anything recurses.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::field::Field;
use super::{Reason, Reject};

/// How deep a message may nest: twice what the deepest shape of the contract, a hazard in an enveloped list, needs, and
/// room for what producers add.
const DEPTH_MAX: usize = 16;

/// A JSON value. `null` is `Absent`: a field that is null is a field that is not there.
#[derive(Debug, Default)]
pub(super) enum Json<'a> {
    #[default]
    Absent,
    Flag(bool),
    /// An unsigned whole number that fits 64 bits.
    Whole(u64),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The contract's fields of one object.
pub(super) struct Fields<'a> {
    slots: [Json<'a>; Field::ALL.len()],
    /// One bit for each field met, null ones included.
    met: u64,
}

impl<'a> Fields<'a> {
    /// Reads the text of one JSON object.
    pub(super) fn read(text: &'a str) -> Result<Self, Reject> {
        let mut fields = Fields::none();
        let notes = Notes { field: Cell::new(None), twice: Cell::new(false) };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let object = Object { fields: &mut fields, notes: &notes };
        let outcome = object.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match outcome {
            Ok(()) => Ok(fields),
            Err(error) => Err(notes.explain(text, &error)),
        }
    }

    /// The fields of an object inside a list.
    pub(super) fn of_object(pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Result<Self, Reject> {
        let mut fields = Fields::none();
        for (name, value) in pairs {
            if let Some(field) = Field::named(&name) {
                if !fields.meet(field) {
                    return Err(twice(field.name()));
                }
                fields.slots[field as usize] = value;
            }
        }
        Ok(fields)
    }

    /// Takes a field's value out.
    pub(super) fn take(&mut self, field: Field) -> Json<'a> {
        std::mem::take(&mut self.slots[field as usize])
    }

    fn none() -> Self {
        Fields { slots: [const { Json::Absent }; Field::ALL.len()], met: 0 }
    }

    /// Marks a field as met; false when it was already.
    fn meet(&mut self, field: Field) -> bool {
        let bit = 1 << field as u64;
        let first = self.met & bit == 0;
        self.met |= bit;
        first
    }
}

/// A reject for a key that stands twice.
pub(super) fn twice(name: &str) -> Reject {
    Reject {
        reason: Reason::DuplicateKey,
        detail: format!("`{name}` stands twice: which one counts is not known"),
    }
}

/// Refuses a text that nests deeper than any shape of the contract, before anything recurses over it.
pub(super) fn check_depth(text: &str) -> Result<(), Reject> {
    let opens = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opens <= DEPTH_MAX || deepest(text) <= DEPTH_MAX {
        return Ok(());
    }
    let detail = format!("nested deeper than {DEPTH_MAX} levels");
    Err(Reject { reason: Reason::TooDeep, detail })
}

/// The greatest depth outside of strings.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What the visitors know about a failure that serde's error does not carry.
struct Notes {
    /// The contract's field being read.
    field: Cell<Option<Field>>,
    /// It was met before.
    twice: Cell<bool>,
}

impl Notes {
    fn explain(&self, text: &str, error: &serde_json::Error) -> Reject {
        let name = self.field.get().map_or("a field outside the contract", Field::name);
        if self.twice.get() {
            return twice(name);
        }
        let message = error.to_string();
        // serde_json has no code for these; the message and the place are what it offers.
        let place = text.lines().nth(error.line().saturating_sub(1)).unwrap_or("").as_bytes();
        let at = place.get(error.column().saturating_sub(1)..).unwrap_or(&[]);
        let not_finite = [&b"NaN"[..], b"Infinity", b"-Infinity"].iter().any(|word| at.starts_with(word));
        if not_finite || message.starts_with("number out of range") {
            let detail = format!("`{name}` is not a finite number: {message}");
            return Reject { reason: Reason::BadNumber, detail };
        }
        Reject { reason: Reason::Malformed, detail: format!("not one JSON object: {message}") }
    }
}

/// Visits the object and fills `fields`.
struct Object<'f, 'a> {
    fields: &'f mut Fields<'a>,
    notes: &'f Notes,
}

impl<'a> DeserializeSeed<'a> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(field) = map.next_key_seed(Name)? {
            self.notes.field.set(field);
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !self.fields.meet(field) {
                self.notes.twice.set(true);
                return Err(M::Error::custom("duplicate key"));
            }
            self.fields.slots[field as usize] = map.next_value_seed(Value)?;
        }
        self.notes.field.set(None);
        Ok(())
    }
}

/// A key of the message's object: a field of the contract, or not.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Field::named(name))
    }
}

/// Any value.
struct Value;

impl<'a> DeserializeSeed<'a> for Value {
    type Value = Json<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Json<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Value {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Absent)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'a>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'a>, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'a>, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'a>, E> {
        Ok(Json::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Json<'a>, S::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(Value)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Json<'a>, M::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key_seed(Value)? {
            let Json::Text(key) = key else { return Err(M::Error::custom("a key is text")) };
            pairs.push((key, map.next_value_seed(Value)?));
        }
        Ok(Json::Object(pairs))
    }
}
