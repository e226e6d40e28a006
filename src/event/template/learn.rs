//! Learning a layout: where the values of one accepted message stand, and the stretches of text between them.

use super::{BLOCK, GATEWAY, OTHER, Slot, Step, Stretch, TEXTS, Template};
use crate::event::field::Field;

/// A value cut out of a layout: its slot, start and end.
type Cut = (Slot, usize, usize);

impl Template {
    /// The layout of an accepted message; `None` where it is not flat, or a field of the contract is null.
    pub(super) fn learn(text: &str) -> Option<Self> {
        let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
        let mut cuts: Vec<Cut> = Vec::new();
        scan.expect(b'{')?;
        loop {
            scan.expect(b'"')?;
            let (start, end) = scan.text()?;
            let key = &text[start..end];
            scan.expect(b':')?;
            cuts.extend(scan.value(key)?);
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        Some(Template::of(text.as_bytes(), &cuts))
    }

    /// The layout of `bytes` around the values that are cut out.
    fn of(bytes: &[u8], cuts: &[Cut]) -> Self {
        let mut stretches: Vec<(Slot, Option<usize>, &[u8])> = Vec::new();
        let starts = std::iter::once((Slot::None, 0, 0)).chain(cuts.iter().copied());
        let ends = cuts.iter().map(|(_, start, _)| *start).chain(std::iter::once(bytes.len()));
        for ((mut slot, start, end), next) in starts.zip(ends) {
            for part in bytes[end..next].chunks(BLOCK) {
                stretches.push((slot, Some(end - start), part));
                slot = Slot::None;
            }
        }
        let quotes = |part: &[u8]| part.iter().filter(|byte| **byte == b'"').count() as u32;
        let step = |(slot, length, part): &(Slot, Option<usize>, &[u8])| Step {
            slot: *slot,
            length: *length,
            stretch: Stretch::of(part),
        };
        Template {
            first: Stretch::of(stretches[0].2),
            steps: stretches[1..].iter().map(step).collect(),
            quotes: stretches.iter().map(|(_, _, part)| quotes(part)).sum(),
            hits: 0,
        }
    }
}

/// Walks over a message that the twin accepted, so that little needs checking.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes[self.at..].iter().find(|byte| **byte != b' ')?;
        self.at += self.bytes[self.at..].iter().take_while(|byte| **byte == b' ').count() + 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// The text whose opening quote was read; leaves its closing quote behind.
    fn text(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        let end = start + self.bytes[start..].iter().position(|byte| *byte == b'"')?;
        self.at = end + 1;
        Some((start, end))
    }

    /// The value of a key: what to cut out of the layout, if anything.
    fn value(&mut self, key: &str) -> Option<Vec<Cut>> {
        let text_place = TEXTS.iter().position(|field| field.name() == key);
        let text_place = text_place.or((key == Field::GatewayId.name()).then_some(GATEWAY));
        let number_slot = [(Field::Value, Slot::Value), (Field::Seq, Slot::Seq)];
        let number_slot = number_slot.iter().find(|(field, _)| field.name() == key).map(|(_, slot)| *slot);
        match self.next()? {
            b'"' => {
                let (start, end) = self.text()?;
                let slot = Slot::Text(text_place.unwrap_or(OTHER));
                // The type is the same in every reading: it stays in the layout.
                Some(if key == Field::Type.name() { Vec::new() } else { vec![(slot, start, end)] })
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at - 1;
                let in_number = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
                self.at += self.bytes[self.at..].iter().take_while(in_number).count();
                Some(vec![(number_slot.unwrap_or(Slot::OtherNumber), start, self.at)])
            }
            b't' | b'f' | b'n' if text_place.is_none() && number_slot.is_none() => {
                self.at += self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                Some(Vec::new())
            }
            _ => None,
        }
    }
}
