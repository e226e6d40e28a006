//! The tree of regions: city → county → town, by code prefix, and by date where a town has moved.
//!
//! Cells go down to the town. Villages and grids stay on the event: their codes fall to their town by prefix.

use super::RegionId;
use crate::event::EventTime;

/// How deep a region lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionLevel {
    /// 设区市, six digits, the last two `00`.
    City,
    /// 县（市、区）, six digits.
    County,
    /// 镇街, nine digits.
    Town,
    /// Nowhere: what has no known prefix is counted here, never lost.
    Unknown,
}

impl RegionLevel {
    /// The word for it in files and labels.
    pub const fn code(self) -> &'static str {
        match self {
            RegionLevel::City => "city",
            RegionLevel::County => "county",
            RegionLevel::Town => "town",
            RegionLevel::Unknown => "unknown",
        }
    }
}

/// Every region, and the way from digits to it.
#[derive(Clone, Debug)]
pub struct Regions {
    list: Vec<Region>,
    prefixes: Prefixes,
}

#[derive(Clone, Debug)]
pub(super) struct Region {
    pub code: String,
    pub level: RegionLevel,
    pub name_zh: String,
    pub name_en: String,
    /// In order of time, covering all of it: the last `until` is the end of time.
    pub chains: Vec<Chain>,
}

/// To whom a region belongs for a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    /// The first moment that is no longer covered.
    pub until: EventTime,
    /// Itself first, then upward.
    pub ancestors: Vec<RegionId>,
}

impl Regions {
    /// What has no known prefix; its code is `unknown`.
    pub const UNKNOWN: RegionId = RegionId(0);

    /// `list[0]` must be the unknown region, and every other code digits of its level.
    pub(super) fn new(list: Vec<Region>) -> Self {
        let mut prefixes = Prefixes::empty();
        for depth in [RegionLevel::City, RegionLevel::County, RegionLevel::Town] {
            for (index, region) in list.iter().enumerate().filter(|(_, region)| region.level == depth) {
                prefixes.insert(&region.code, RegionId(index as u16));
            }
        }
        Regions { list, prefixes }
    }

    /// The region of a code of 4 to 15 digits: its longest known prefix (town, county, city), or else [`Self::UNKNOWN`].
    pub fn find(&self, code: &str) -> RegionId {
        self.prefixes.find(code.as_bytes())
    }

    /// The region with exactly this code, `unknown` included.
    pub fn by_code(&self, code: &str) -> Option<RegionId> {
        let id = self.find(code);
        (self.code(id) == code).then_some(id)
    }

    /// The region itself, then the regions it belonged to at that moment, upward. Before its first date the first
    /// parent holds, and after its last date the last one, so that nothing is lost between two files.
    pub fn ancestors(&self, id: RegionId, at: EventTime) -> &[RegionId] {
        let chains = &self.region(id).chains;
        let chain = chains.iter().find(|chain| at < chain.until).unwrap_or(&chains[chains.len() - 1]);
        &chain.ancestors
    }

    /// Its code: digits, or `unknown`.
    pub fn code(&self, id: RegionId) -> &str {
        &self.region(id).code
    }

    /// Its newest Chinese name.
    pub fn name_zh(&self, id: RegionId) -> &str {
        &self.region(id).name_zh
    }

    /// Its newest English name: pinyin and the kind of place.
    pub fn name_en(&self, id: RegionId) -> &str {
        &self.region(id).name_en
    }

    /// How deep it lies.
    pub fn level(&self, id: RegionId) -> RegionLevel {
        self.region(id).level
    }

    /// How many regions, the unknown one included; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never true: the unknown region is always there.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every region, the unknown one first, then in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = RegionId> + use<> {
        (0..self.list.len() as u16).map(RegionId)
    }

    pub(super) fn region(&self, id: RegionId) -> &Region {
        &self.list[usize::from(id.0)]
    }
}

/// Digits → region in three dense steps: four digits of the city, two of the county, three of the town. A place that is
/// not known holds its parent's region, so a look-up is three loads and no comparison.
#[derive(Clone, Debug)]
struct Prefixes {
    cities: Vec<Slot>,
    counties: Vec<[Slot; 100]>,
    towns: Vec<[RegionId; 1000]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    region: RegionId,
    /// Index of the block below, or [`NO_BLOCK`].
    block: u16,
}

const NO_BLOCK: u16 = u16::MAX;

impl Prefixes {
    fn empty() -> Self {
        let nowhere = Slot { region: Regions::UNKNOWN, block: NO_BLOCK };
        Prefixes { cities: vec![nowhere; 10_000], counties: Vec::new(), towns: Vec::new() }
    }

    /// Parents must come before their children.
    fn insert(&mut self, code: &str, id: RegionId) {
        let digits = code.as_bytes();
        let city = &mut self.cities[number(&digits[..4])];
        if city.block == NO_BLOCK {
            if digits.ends_with(b"00") && digits.len() == 6 {
                city.region = id;
            }
            city.block = self.counties.len() as u16;
            self.counties.push([Slot { region: city.region, block: NO_BLOCK }; 100]);
        }
        let county = &mut self.counties[usize::from(city.block)][number(&digits[4..6])];
        if digits.len() == 6 {
            county.region = id;
            return;
        }
        if county.block == NO_BLOCK {
            county.block = self.towns.len() as u16;
            self.towns.push([county.region; 1000]);
        }
        self.towns[usize::from(county.block)][number(&digits[6..9])] = id;
    }

    fn find(&self, digits: &[u8]) -> RegionId {
        if let Some((first, [ninth, rest @ ..])) = digits.split_first_chunk::<8>() {
            return match pairs(*first) {
                Some([a, b, county, c]) if ninth.is_ascii_digit() && rest.iter().all(u8::is_ascii_digit) => {
                    self.town(a * 100 + b, county, c * 10 + usize::from(ninth - b'0'))
                }
                _ => Regions::UNKNOWN,
            };
        }
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_digit) {
            return Regions::UNKNOWN;
        }
        let city = self.cities[number(&digits[..4])];
        if digits.len() < 6 || city.block == NO_BLOCK {
            return city.region;
        }
        self.counties[usize::from(city.block)][number(&digits[4..6])].region
    }

    fn town(&self, city: usize, county: usize, town: usize) -> RegionId {
        let city = self.cities[city];
        if city.block == NO_BLOCK {
            return city.region;
        }
        let county = self.counties[usize::from(city.block)][county];
        if county.block == NO_BLOCK {
            return county.region;
        }
        self.towns[usize::from(county.block)][town]
    }
}

/// Eight digits as four numbers of two, all at once in one word; `None` if one is not a digit.
fn pairs(digits: [u8; 8]) -> Option<[usize; 4]> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let word = u64::from_le_bytes(digits);
    // 0x30..=0x39 keeps its high half when 6 is added to it, and nothing else does: 0x3a becomes 0x40.
    if word & HIGH != ZEROS || word.wrapping_add(0x0606_0606_0606_0606) & HIGH != ZEROS {
        return None;
    }
    let tens = (word - ZEROS) * 10;
    let sums = tens + ((word - ZEROS) >> 8);
    Some([0, 16, 32, 48].map(|shift| (sums >> shift & 0xff) as usize))
}

fn number(digits: &[u8]) -> usize {
    digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}
