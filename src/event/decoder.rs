//! One record of an input → [`Event`] or [`Reject`].

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::envelope::{Envelope, open_structured};
use super::json::{Fields, check_depth};
use super::rfc3339::TimeReader;
use super::shape::Shaper;
use super::template::Templates;
use super::{Event, Reason, Reject};
use crate::log::{Input, Record};
use crate::taxonomy::Taxonomy;

/// What a decoder leaves to the configuration.
#[derive(Clone, Debug)]
pub struct DecodeSettings {
    /// A longer value is rejected.
    pub max_event_bytes: usize,
    /// The zone whose days `due` dates are.
    pub zone: TimeZone,
}

impl Default for DecodeSettings {
    /// 64 KiB, and China's time: one offset, without summer time since 1991, so that no zone database is needed.
    fn default() -> Self {
        DecodeSettings { max_event_bytes: 64 * 1024, zone: TimeZone::fixed(jiff::tz::offset(8)) }
    }
}

/// Decodes the records of one input. Remembers only what makes it faster: the outcome never depends on earlier records.
#[derive(Debug)]
pub struct Decoder {
    taxonomy: Arc<Taxonomy>,
    settings: DecodeSettings,
    input: Input,
    times: TimeReader,
    /// Layouts of readings; `None`: the twin alone.
    templates: Option<Templates>,
}

impl Decoder {
    /// A decoder for the records of `input`.
    pub fn new(taxonomy: Arc<Taxonomy>, settings: DecodeSettings, input: Input) -> Self {
        let templates = (input == Input::Sensors).then(Templates::default);
        Decoder { taxonomy, settings, input, times: TimeReader::new(), templates }
    }

    /// The same decoder without its fast path: to measure what that gains, and to test it against.
    pub fn without_templates(self) -> Self {
        Decoder { templates: None, ..self }
    }

    /// The event in a record, its texts borrowed from the record's value where they hold no escape.
    ///
    /// The value comes first: one that is an event as it stands is taken, whatever its headers say; they are asked how it is
    /// wrapped only where it is not. So the headers of readings, which cost more than their decoding, stay untouched.
    pub fn decode<'a>(&mut self, record: &Record<'a>) -> Result<Event<'a>, Reject> {
        let text = self.text(record.value)?;
        if let Some(templates) = &mut self.templates
            && let Some(reading) = templates.read(text, &self.taxonomy, &mut self.times)
        {
            return Ok(Event::Reading(reading));
        }
        match self.decode_slowly(text) {
            Ok(event) => {
                if let Some(templates) = &mut self.templates {
                    templates.learn(text);
                }
                Ok(event)
            }
            Err(reject) => match Envelope::of(&record.headers.all())? {
                Envelope::Bare => Err(reject),
                Envelope::Structured => self.decode_slowly(open_structured(text)?),
            },
        }
    }

    /// How many readings the learnt layouts took.
    #[cfg(test)]
    pub(super) fn template_hits(&self) -> u64 {
        self.templates.as_ref().map_or(0, Templates::hits)
    }

    /// The value as text, within its bounds.
    fn text<'a>(&self, value: Option<&'a [u8]>) -> Result<&'a str, Reject> {
        let (reason, detail) = match value {
            None => (Reason::NullValue, "the record has no value; this topic takes no tombstones".to_owned()),
            Some([]) => (Reason::EmptyValue, "the value is empty: expected one JSON object".to_owned()),
            Some(bytes) if bytes.len() > self.settings.max_event_bytes => {
                let (found, most) = (bytes.len(), self.settings.max_event_bytes);
                (Reason::Oversized, format!("the value has {found} bytes: expected at most {most}"))
            }
            Some(bytes) => match simdutf8::compat::from_utf8(bytes) {
                Ok(text) => return Ok(text),
                Err(error) => (Reason::NotUtf8, format!("the value is not UTF-8: {error}")),
            },
        };
        Err(Reject { reason, detail })
    }

    /// The serde_json twin: every valid message, in whatever layout.
    fn decode_slowly<'a>(&mut self, text: &'a str) -> Result<Event<'a>, Reject> {
        check_depth(text)?;
        let fields = Fields::read(text)?;
        let mut shaper =
            Shaper { taxonomy: &self.taxonomy, zone: &self.settings.zone, times: &mut self.times };
        shaper.event(self.input, fields)
    }
}
