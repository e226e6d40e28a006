//! What sensors and items may touch of their task: time, counts, signals, dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Settings;
use super::cell::{CellId, Cells};
use super::clock::Clock;
use super::count::Counts;
use super::coverage::Coverage;
use super::ledger::{Ledger, Numbers};
use super::timer::Timers;
use crate::event::{EventTime, Reason, Reject};
use crate::log::{Output, Record, Topic, TopicPartition};
use crate::tally::{Signal, Subject, What};
use crate::taxonomy::{Fact, FactSource, Grade, Level, MeasureId, Taxonomy};

/// A dead letter's value is cut here; the header `truncated_from` then tells how long it was.
const DEAD_LETTER_BYTES_MAX: usize = 64 * 1024;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It took effect.
    Counted,
    /// It waits for its predecessor.
    Held,
    /// It goes to the dead letters.
    Rejected(Reject),
}

impl Fate {
    /// Rejected, with a sentence for whoever has to mend it.
    pub fn rejected(reason: Reason, detail: impl Into<String>) -> Self {
        Fate::Rejected(Reject { reason, detail: detail.into() })
    }
}

/// The parts of a task that its sensors and items share.
pub struct World {
    /// The input partition.
    pub at: TopicPartition,
    /// What the city is made of.
    pub taxonomy: Arc<Taxonomy>,
    /// The task's settings.
    pub settings: Settings,
    /// How far the partition has come.
    pub clock: Clock,
    /// What waits for the watermark.
    pub timers: Timers,
    /// Sensors that wait for arrivals to come so far without them.
    pub missed: Timers,
    /// Every cell.
    pub cells: Cells,
    /// The counts since the last flush.
    pub counts: Counts,
    /// Sensors heard and expected.
    pub coverage: Coverage,
    /// What became of each record since the input's beginning.
    pub ledger: Ledger,
    /// The other numbers since the last flush.
    pub numbers: Numbers,
    /// Signals since the last flush, each with its tallies partition.
    pub signals: Vec<(u32, Signal)>,
    /// Dead letters not yet handed out.
    pub dead_letters: Vec<Output>,
    /// How many tallies partitions there are.
    pub destinations: u32,
    /// What filters said of facts without free words.
    answers: BTreeMap<FactKey, Vec<MeasureId>>,
}

/// Answers of filters that are remembered.
const ANSWERS_MAX: usize = 1_000;

/// All that a filter can see of a fact without attributes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FactKey {
    source: FactSource,
    grade: Option<Grade>,
    level: Option<Level>,
    /// Stage, kind, who inspected.
    words: [Option<String>; 3],
}

impl FactKey {
    fn of(fact: &Fact<'_>) -> Self {
        let words = [fact.stage, fact.kind, fact.inspected_by].map(|word| word.map(str::to_owned));
        FactKey { source: fact.source, grade: fact.grade, level: fact.level, words }
    }
}

/// Where a signal's subject is and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts<'a> {
    /// Its leaf cell.
    pub place: CellId,
    /// Its enterprise.
    pub enterprise: Option<&'a str>,
}

impl World {
    /// The world of a task that has heard nothing.
    pub fn new(at: TopicPartition, taxonomy: Arc<Taxonomy>, settings: Settings, destinations: u32) -> Self {
        let cells = Cells::new(Arc::clone(&taxonomy), destinations);
        World {
            at,
            clock: Clock::new(
                settings.allowed_disorder_ms,
                settings.idle_after_ms,
                settings.longest_horizon_ms,
            ),
            timers: Timers::default(),
            missed: Timers::default(),
            counts: Counts::new(settings.finest_slice_ms, &taxonomy),
            coverage: Coverage::new(cells.count()),
            cells,
            ledger: Ledger::default(),
            numbers: Numbers::default(),
            signals: Vec::new(),
            dead_letters: Vec::new(),
            destinations,
            answers: BTreeMap::new(),
            taxonomy,
            settings,
        }
    }

    /// Counts a fact for every measure that it matches. Facts without free words repeat, and filters are asked once.
    pub fn count_fact(&mut self, fact: &Fact<'_>, place: CellId, at: EventTime) {
        let measures = &self.taxonomy.measures;
        if !fact.attributes.is_empty() || fact.campaign.is_some() {
            for measure in measures.matching(fact) {
                self.counts.add(place, measure, at);
            }
            return;
        }
        let key = FactKey::of(fact);
        if self.answers.len() >= ANSWERS_MAX && !self.answers.contains_key(&key) {
            // Kinds of records are free words: somebody sends ever new ones.
            self.answers.clear();
        }
        for measure in self.answers.entry(key).or_insert_with(|| measures.matching(fact)) {
            self.counts.add(place, *measure, at);
        }
    }

    /// Tells assess that something happened to a subject.
    pub fn signal(
        &mut self,
        subject: Subject,
        of: Whereabouts<'_>,
        at: EventTime,
        offset: Option<i64>,
        what: What,
    ) {
        let destination = subject.partition(self.destinations);
        let signal = Signal {
            subject,
            region: self.cells.region_code(of.place).to_owned(),
            sector: self.cells.sector_code(of.place).to_owned(),
            enterprise_id: of.enterprise.filter(|id| !id.is_empty()).map(str::to_owned),
            at,
            offset,
            what,
        };
        self.signals.push((destination, signal));
    }

    /// Writes a dead letter with the original bytes and the reason.
    pub fn reject(&mut self, record: &Record<'_>, reject: &Reject) {
        self.ledger.rejected += 1;
        *self.numbers.rejects.entry(reject.reason).or_default() += 1;
        let original = record.value.unwrap_or_default();
        let cut = |bytes: &[u8]| bytes[..bytes.len().min(DEAD_LETTER_BYTES_MAX)].to_vec();
        let kept = cut(original);
        let time = jiff::Timestamp::from_millisecond(record.arrival.ms)
            .map_or_else(|_| String::new(), |time| time.to_string());
        let mut headers = vec![
            ("reason", reject.reason.code().as_bytes().to_vec()),
            ("detail", reject.detail.as_bytes().to_vec()),
            ("source_topic", self.settings.source_topic.as_bytes().to_vec()),
            ("source_partition", record.at.partition.to_string().into_bytes()),
            ("source_offset", record.offset.to_string().into_bytes()),
            ("time", time.into_bytes()),
        ];
        if kept.len() < original.len() {
            headers.push(("truncated_from", original.len().to_string().into_bytes()));
        }
        self.dead_letters.push(Output {
            topic: Topic::Rejects,
            partition: None,
            // A key may be as large as a value: whoever sends it must not stop us.
            key: cut(record.key.unwrap_or_default()),
            value: Some(kept),
            headers,
        });
    }
}
