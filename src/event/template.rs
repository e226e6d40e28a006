//! The hot path: readings by a learnt template, the serde_json twin behind it.
//!
//! A producer writes the same keys in the same order, so all but the values of its messages is the same text. A template
//! is learnt from one message that the twin accepted: the stretches of text between the values, each compared as one block
//! of 32 bytes. Whatever does not fit (another layout, an escape, an exponent) is the twin's.
//!
//! Why what fits is what the twin would have read: the message has no backslash, no control character and exactly as many
//! quotes as the template's own stretches; each stretch stands where the one before and a value end, up to the end of the
//! message. So all its quotes are the stretches' quotes, none is left for a value to hide, and every text runs from quote
//! to quote. Numbers follow JSON's grammar in a subset where one division is correctly rounded.

mod learn;
mod number;

use self::number::{number, unsigned};
use super::field::{Field, ID_BYTES_MAX};
use super::rfc3339::TimeReader;
use super::shape::{region, sector};
use super::{Head, Quality, Reading};
use crate::taxonomy::Taxonomy;

/// Layouts remembered at once.
const TEMPLATES_MAX: usize = 4;
/// A longer message is the twin's; the counts of its bytes would not fit 8 bits a lane.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// After this many messages the set is looked at: were the layouts it learnt those that come?
const REVIEW_EVERY: u32 = 65_536;
/// Bytes compared at once.
const BLOCK: usize = 32;

/// What stands between two stretches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// A text, by its place in [`TEXTS`], or [`GATEWAY`], or [`OTHER`].
    Text(usize),
    Value,
    /// An unsigned number that nobody reads.
    Seq,
    /// A number of a field outside the contract.
    OtherNumber,
    /// No value: the stretch before was longer than a block.
    None,
}

/// The texts of a reading, by their place in [`Slot::Text`].
const TEXTS: [Field; 9] = [
    Field::Id,
    Field::Time,
    Field::Region,
    Field::Sector,
    Field::EnterpriseId,
    Field::SensorId,
    Field::Quantity,
    Field::Unit,
    Field::Quality,
];
/// The place of `gateway_id`, behind those of [`TEXTS`].
const GATEWAY: usize = TEXTS.len();
/// The place of every text outside the contract.
const OTHER: usize = GATEWAY + 1;

/// The values of a message that fits.
struct Values<'a> {
    texts: [&'a str; OTHER + 1],
    value: Option<f64>,
}

impl Values<'_> {
    const NONE: Self = Values { texts: [ABSENT; OTHER + 1], value: None };
}

/// The set of learnt layouts.
#[derive(Debug, Default)]
pub(super) struct Templates {
    list: Vec<Template>,
    seen: u32,
    missed: u32,
}

impl Templates {
    /// The reading in a message whose layout is known; `None` leaves it to the twin.
    #[inline]
    pub(super) fn read<'a>(
        &mut self,
        text: &'a str,
        taxonomy: &Taxonomy,
        times: &mut TimeReader,
    ) -> Option<Reading<'a>> {
        self.seen += 1;
        if self.seen == REVIEW_EVERY {
            self.review();
        }
        let message = Message::of(text)?;
        for template in &mut self.list {
            if let Some(values) = template.fits(&message) {
                return reading(&values, taxonomy, times);
            }
        }
        None
    }

    /// Learns the layout of a message that fitted none and that the twin accepted as a reading, while there is room.
    pub(super) fn learn(&mut self, text: &str) {
        self.missed += 1;
        if self.list.len() < TEMPLATES_MAX && Message::of(text).is_some() {
            let known = |learnt: &Template| self.list.iter().any(|known| known.same_layout(learnt));
            let learnt = Template::learn(text).filter(|learnt| !known(learnt));
            self.list.extend(learnt);
        }
    }

    /// How many messages fitted since the last review.
    #[cfg(test)]
    pub(super) fn hits(&self) -> u64 {
        self.list.iter().map(|template| u64::from(template.hits)).sum()
    }

    /// Lets the layout least used go when more than an eighth of the messages fitted none. Once in many messages: to
    /// learn again at each miss would cost more than the misses.
    fn review(&mut self) {
        if self.missed > self.seen / 8 && self.list.len() == TEMPLATES_MAX {
            let least = (0..self.list.len()).min_by_key(|nth| self.list[*nth].hits);
            least.map(|nth| self.list.remove(nth));
        }
        self.list.iter_mut().for_each(|template| template.hits = 0);
        (self.seen, self.missed) = (0, 0);
    }
}

/// Values → reading, by the same rules as the twin's; `None` where the twin has something to say.
#[inline]
fn reading<'a>(values: &Values<'a>, taxonomy: &Taxonomy, times: &mut TimeReader) -> Option<Reading<'a>> {
    let [
        id,
        time,
        region_code,
        sector_code,
        enterprise_id,
        sensor_id,
        quantity,
        unit,
        quality,
        gateway_id,
        _,
    ] = values.texts;
    for id in [id, enterprise_id, sensor_id] {
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return None;
        }
    }
    let quantity = taxonomy.quantities.find(quantity)?;
    let quality = match quality {
        "good" | ABSENT => Quality::Good,
        "uncertain" => Quality::Uncertain,
        "bad" => Quality::Bad,
        _ => return None,
    };
    if unit != taxonomy.quantities.get(quantity).unit || (values.value.is_none() && quality != Quality::Bad) {
        return None;
    }
    let gateway_id = match gateway_id {
        ABSENT => None,
        id if id.is_empty() || id.len() > ID_BYTES_MAX => return None,
        id => Some(id.into()),
    };
    let head = Head {
        id: id.into(),
        time: times.read(time)?,
        region: region(taxonomy, region_code)?,
        region_code: region_code.into(),
        sector: sector(taxonomy, sector_code)?,
    };
    let (enterprise_id, sensor_id) = (enterprise_id.into(), sensor_id.into());
    Some(Reading { head, enterprise_id, sensor_id, gateway_id, quantity, value: values.value, quality })
}

/// A text that no message holds, for a slot that the layout lacks.
const ABSENT: &str = "\0";

/// A message that may fit: neither long nor shorter than a block, without backslash or control character.
struct Message<'a> {
    text: &'a str,
    quotes: u32,
    /// The last block, and room behind it, so that a block can be read anywhere.
    tail: [[u8; BLOCK]; 2],
}

impl<'a> Message<'a> {
    #[inline]
    fn of(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let tail = [*bytes.last_chunk::<BLOCK>()?, [b' '; BLOCK]];
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        // What is left of the message, and spaces behind it: they count for nothing.
        let last: &[u8; BLOCK] = tail.as_flattened()[BLOCK - rest.len()..].first_chunk()?;
        // Lane by lane, so that the compiler makes vector instructions of it.
        let (mut quotes, mut foreign) = ([0_u8; BLOCK], [0_u8; BLOCK]);
        let mut count = |block: &[u8; BLOCK]| {
            for lane in 0..BLOCK {
                let byte = block[lane];
                quotes[lane] += u8::from(byte == b'"');
                foreign[lane] |= u8::from(byte == b'\\') | u8::from(byte < b' ');
            }
        };
        blocks.iter().for_each(&mut count);
        count(last);
        let quotes = quotes.iter().map(|lane| u32::from(*lane)).sum();
        (foreign == [0; BLOCK]).then_some(Message { text, quotes, tail })
    }

    /// The 32 bytes from `at` on; behind the end there are spaces.
    #[inline(always)]
    fn block(&self, at: usize) -> Option<&[u8; BLOCK]> {
        match self.text.as_bytes().get(at..at + BLOCK) {
            Some(block) => block.try_into().ok(),
            None => self.tail.as_flattened().get(at + BLOCK - self.text.len()..)?.first_chunk(),
        }
    }

    /// Where the first quote from `at` on stands.
    #[inline]
    fn quote(&self, at: usize) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let mut from = at;
        while from < self.text.len() {
            for (nth, word) in self.block(from)?.as_chunks::<8>().0.iter().enumerate() {
                // The lowest zero byte is found exactly; what the subtraction marks above it does not matter.
                let other = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'"'));
                let zeros = other.wrapping_sub(ONES) & !other & (ONES * 0x80);
                if zeros != 0 {
                    return Some(from + 8 * nth + zeros.trailing_zeros() as usize / 8);
                }
            }
            from += BLOCK;
        }
        None
    }
}

/// A stretch of at most 32 bytes that is the same in all messages of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    words: [u64; 4],
    mask: [u64; 4],
    len: usize,
}

impl Stretch {
    fn of(text: &[u8]) -> Self {
        let (mut bytes, mut mask) = ([0; BLOCK], [0; BLOCK]);
        bytes[..text.len()].copy_from_slice(text);
        mask[..text.len()].fill(0xff);
        Stretch { words: words(&bytes), mask: words(&mask), len: text.len() }
    }

    /// Where the stretch ends if it stands at `at`.
    #[inline(always)]
    fn end(&self, message: &Message<'_>, at: usize) -> Option<usize> {
        let found = words(message.block(at)?);
        let (wanted, mask) = (&self.words, &self.mask);
        // Written out: as a loop over three arrays this was a third of a reading's decoding.
        let different = (found[0] ^ wanted[0]) & mask[0]
            | (found[1] ^ wanted[1]) & mask[1]
            | (found[2] ^ wanted[2]) & mask[2]
            | (found[3] ^ wanted[3]) & mask[3];
        (different == 0).then_some(at + self.len)
    }
}

#[inline(always)]
fn words(block: &[u8; BLOCK]) -> [u64; 4] {
    let [a, b, c, d] = *block.as_chunks::<8>().0 else { unreachable!("32 bytes are four words") };
    [u64::from_le_bytes(a), u64::from_le_bytes(b), u64::from_le_bytes(c), u64::from_le_bytes(d)]
}

/// A value and the stretch behind it.
#[derive(Clone, Debug)]
struct Step {
    slot: Slot,
    /// The length that the text had in the message learnt from; a text that once had another is searched for its end.
    /// A right guess leaves nothing to wait for: where the next stretch stands is known before this one is read.
    length: Option<usize>,
    stretch: Stretch,
}

impl Step {
    /// The text at `at` and where the stretch behind it ends.
    #[inline(always)]
    fn text<'a>(&mut self, message: &Message<'a>, at: usize) -> Option<(&'a str, usize)> {
        if let Some(end) = self.length.map(|length| at + length)
            && let Some(next) = self.stretch.end(message, end)
        {
            return Some((message.text.get(at..end)?, next));
        }
        let end = message.quote(at)?;
        let next = self.stretch.end(message, end)?;
        self.length = None;
        Some((message.text.get(at..end)?, next))
    }
}

/// One layout.
#[derive(Clone, Debug)]
struct Template {
    first: Stretch,
    steps: Vec<Step>,
    /// Quotes in all stretches together.
    quotes: u32,
    hits: u32,
}

impl Template {
    /// The values of the message, if it has this layout.
    #[inline]
    fn fits<'a>(&mut self, message: &Message<'a>) -> Option<Values<'a>> {
        if message.quotes != self.quotes {
            return None;
        }
        let mut values = Values::NONE;
        let mut at = self.first.end(message, 0)?;
        let bytes = message.text.as_bytes();
        for step in &mut self.steps {
            let end = match step.slot {
                Slot::Text(place) => {
                    let (text, next) = step.text(message, at)?;
                    values.texts[place] = text;
                    at = next;
                    continue;
                }
                Slot::Value => {
                    let (value, end) = number(bytes, at)?;
                    values.value = Some(value);
                    end
                }
                Slot::OtherNumber => number(bytes, at)?.1,
                Slot::Seq => unsigned(bytes, at)?,
                Slot::None => at,
            };
            at = step.stretch.end(message, end)?;
        }
        if at != bytes.len() {
            return None;
        }
        self.hits += 1;
        Some(values)
    }

    /// Whether both fit the same messages: one that only its values kept from fitting teaches nothing.
    fn same_layout(&self, other: &Template) -> bool {
        let parts = |template: &Template| {
            template.steps.iter().map(|step| (step.slot, step.stretch)).collect::<Vec<_>>()
        };
        self.first == other.first && parts(self) == parts(other)
    }
}
