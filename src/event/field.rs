//! The contract's field names, and what may stand in a field: each taking-out checks type, bounds and meaning.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::json::{Fields, Json, twice};
use super::rfc3339::{DATE_EXPECTED, TIME_EXPECTED, TimeReader, end_of_day};
use super::{Attributes, EventTime, Reason, Reject, Scalar};
use crate::taxonomy::{Grade, Level};

/// How long an id may be.
pub(super) const ID_BYTES_MAX: usize = 64;
/// How many attributes an item or record may carry.
pub(super) const ATTRIBUTES_MAX: usize = 64;
/// How much of a wrong value a reject's detail shows.
const SHOWN_CHARS_MAX: usize = 80;

macro_rules! fields {
    ($($member:ident = $name:literal),+ $(,)?) => {
        /// A field of the contract, whatever the event that carries it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field { $($member),+ }

        impl Field {
            /// Every member.
            pub(super) const ALL: &'static [Field] = &[$(Field::$member),+];

            /// The name on the wire.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Field::$member => $name),+ }
            }

            /// The field of this name.
            pub(super) fn named(name: &str) -> Option<Field> {
                match name { $($name => Some(Field::$member),)+ _ => None }
            }
        }
    };
}

fields! {
    Type = "type", Id = "id", Time = "time", Region = "region", Sector = "sector",
    EnterpriseId = "enterprise_id", SensorId = "sensor_id", GatewayId = "gateway_id", Quantity = "quantity",
    Value = "value", Unit = "unit", Quality = "quality", Seq = "seq",
    EnterpriseName = "enterprise_name", Source = "source", InspectorId = "inspector_id",
    LandlordId = "landlord_id", Campaign = "campaign", Hazards = "hazards",
    HazardId = "hazard_id", Status = "status", Grade = "grade", Clause = "clause", Description = "description",
    Due = "due", Note = "note", ListedLevel = "listed_level", Recheck = "recheck",
    Kind = "kind", ItemId = "item_id", Stage = "stage", Level = "level", By = "by", Attributes = "attributes",
    AlertId = "alert_id", ExpiresAt = "expires_at", Assignee = "assignee",
}

impl Field {
    /// A reject that names this field, what stood there and what should.
    pub(super) fn reject(self, reason: Reason, found: &str, expected: &str) -> Reject {
        let mut shown: String = found.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        Reject { reason, detail: format!("`{}` is {shown:?}: expected {expected}", self.name()) }
    }

    /// A reject for a required field that is absent or null.
    pub(super) fn missing(self, expected: &str) -> Reject {
        let detail = format!("`{}` is missing: expected {expected}", self.name());
        Reject { reason: Reason::MissingField, detail }
    }

    fn wrong_type(self, found: &Json<'_>, expected: &str) -> Reject {
        self.reject(Reason::BadField, &found.shown(), expected)
    }
}

impl Json<'_> {
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Json::Absent => "null".into(),
            Json::Flag(flag) => flag.to_string().into(),
            Json::Whole(number) => number.to_string().into(),
            Json::Number(number) => number.to_string().into(),
            Json::Text(text) => Cow::Borrowed(text),
            Json::List(_) => "a list".into(),
            Json::Object(_) => "an object".into(),
        }
    }
}

/// An optional text.
type OptionalText<'a> = Option<Cow<'a, str>>;

impl<'a> Fields<'a> {
    /// A text, if it is there.
    pub(super) fn text(&mut self, field: Field, expected: &str) -> Result<OptionalText<'a>, Reject> {
        match self.take(field) {
            Json::Absent => Ok(None),
            Json::Text(text) => Ok(Some(text)),
            other => Err(field.wrong_type(&other, expected)),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, field: Field, expected: &str) -> Result<Cow<'a, str>, Reject> {
        self.text(field, expected)?.ok_or_else(|| field.missing(expected))
    }

    /// An id that must be there: 1 to 64 bytes.
    pub(super) fn id(&mut self, field: Field) -> Result<Cow<'a, str>, Reject> {
        self.optional_id(field)?.ok_or_else(|| field.missing("a text of 1 to 64 bytes"))
    }

    /// An id, if it is there.
    pub(super) fn optional_id(&mut self, field: Field) -> Result<OptionalText<'a>, Reject> {
        const EXPECTED: &str = "a text of 1 to 64 bytes";
        match self.text(field, EXPECTED)? {
            Some(text) if text.is_empty() => Err(field.reject(Reason::BadField, "", EXPECTED)),
            Some(text) if text.len() > ID_BYTES_MAX => Err(field.reject(Reason::TooLong, &text, EXPECTED)),
            text => Ok(text),
        }
    }

    /// Checks the type of a text that nobody below reads.
    pub(super) fn check_text(&mut self, field: Field) -> Result<(), Reject> {
        self.text(field, "a text").map(drop)
    }

    /// A time that must be there.
    pub(super) fn time(&mut self, field: Field, reader: &mut TimeReader) -> Result<EventTime, Reject> {
        self.optional_time(field, reader)?.ok_or_else(|| field.missing(TIME_EXPECTED))
    }

    /// A time, if it is there.
    pub(super) fn optional_time(
        &mut self,
        field: Field,
        reader: &mut TimeReader,
    ) -> Result<Option<EventTime>, Reject> {
        let Some(text) = self.text(field, TIME_EXPECTED)? else { return Ok(None) };
        let time = reader.read(&text);
        time.map(Some).ok_or_else(|| field.reject(Reason::BadTime, &text, TIME_EXPECTED))
    }

    /// The end of the day in `zone` that a date names, if it is there.
    pub(super) fn optional_date(
        &mut self,
        field: Field,
        zone: &TimeZone,
    ) -> Result<Option<EventTime>, Reject> {
        let Some(text) = self.text(field, DATE_EXPECTED)? else { return Ok(None) };
        let time = end_of_day(&text, zone);
        time.map(Some).ok_or_else(|| field.reject(Reason::BadTime, &text, DATE_EXPECTED))
    }

    /// A finite number, if it is there.
    pub(super) fn number(&mut self, field: Field) -> Result<Option<f64>, Reject> {
        match self.take(field) {
            Json::Absent => Ok(None),
            Json::Whole(number) => Ok(Some(number as f64)),
            Json::Number(number) => Ok(Some(number)),
            other => Err(field.wrong_type(&other, "a finite number")),
        }
    }

    /// Checks an unsigned number that nobody below reads.
    pub(super) fn check_unsigned(&mut self, field: Field) -> Result<(), Reject> {
        match self.take(field) {
            Json::Absent | Json::Whole(_) => Ok(()),
            other => Err(field.wrong_type(&other, "an unsigned whole number of 64 bits")),
        }
    }

    /// A hazard's grade, if it is there.
    pub(super) fn optional_grade(&mut self) -> Result<Option<Grade>, Reject> {
        let names = [("general", Grade::General), ("major", Grade::Major)];
        self.choice(Field::Grade, &names, "general or major")
    }

    /// A hazard's grade.
    pub(super) fn grade(&mut self) -> Result<Grade, Reject> {
        self.optional_grade()?.ok_or_else(|| Field::Grade.missing("general or major"))
    }

    /// An item's level, if it is there.
    pub(super) fn level(&mut self) -> Result<Option<Level>, Reject> {
        let names = [
            ("blue", Level::Blue),
            ("yellow", Level::Yellow),
            ("orange", Level::Orange),
            ("red", Level::Red),
        ];
        self.choice(Field::Level, &names, "blue, yellow, orange or red")
    }

    /// One of the values that the contract lists, if it is there.
    pub(super) fn choice<T: Copy>(
        &mut self,
        field: Field,
        names: &[(&str, T)],
        expected: &str,
    ) -> Result<Option<T>, Reject> {
        let Some(text) = self.text(field, expected)? else { return Ok(None) };
        match names.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(field.reject(Reason::BadField, &text, expected)),
        }
    }

    /// The flat attributes; none when absent. One that is null is absent.
    pub(super) fn attributes(&mut self) -> Result<Attributes<'a>, Reject> {
        const EXPECTED: &str = "a flat object of at most 64 texts, numbers and booleans";
        let pairs = match self.take(Field::Attributes) {
            Json::Absent => return Ok(Vec::new()),
            Json::Object(pairs) if pairs.len() <= ATTRIBUTES_MAX => pairs,
            Json::Object(pairs) => {
                let found = format!("an object of {}", pairs.len());
                return Err(Field::Attributes.reject(Reason::TooLong, &found, EXPECTED));
            }
            other => return Err(Field::Attributes.wrong_type(&other, EXPECTED)),
        };
        for (nth, (name, _)) in pairs.iter().enumerate() {
            if pairs[..nth].iter().any(|(earlier, _)| earlier == name) {
                return Err(twice(&format!("attributes.{name:.64}")));
            }
        }
        let mut attributes = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let value = match value {
                Json::Absent => continue,
                Json::Flag(flag) => Scalar::Flag(flag),
                Json::Whole(number) => Scalar::Number(number as f64),
                Json::Number(number) => Scalar::Number(number),
                Json::Text(text) => Scalar::Text(text),
                nested => return Err(Field::Attributes.wrong_type(&nested, EXPECTED)),
            };
            attributes.push((name, value));
        }
        Ok(attributes)
    }

    /// The objects of a list; none when absent.
    pub(super) fn objects(&mut self, field: Field) -> Result<Vec<Fields<'a>>, Reject> {
        const EXPECTED: &str = "a list of objects";
        let list = match self.take(field) {
            Json::Absent => return Ok(Vec::new()),
            Json::List(list) => list,
            other => return Err(field.wrong_type(&other, EXPECTED)),
        };
        let object = |value| match value {
            Json::Object(pairs) => Fields::of_object(pairs),
            other => Err(field.reject(Reason::BadField, &format!("a list with {}", other.shown()), EXPECTED)),
        };
        list.into_iter().map(object).collect()
    }
}
