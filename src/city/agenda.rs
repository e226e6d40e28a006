//! What people do: inspections and what follows from them, orders, issues, permits, call-outs, and facts to be counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;

use crate::event::EventTime;
use crate::log::Input;
use crate::taxonomy::Taxonomy;

use super::calendar::{Calendar, DAY_MS};
use super::chain::{self, Chain, Step};
use super::dice::Dice;
use super::outbox::Text;
use super::place::{Enterprise, NOWHERE, Places, yard};
use super::plan::CityPlan;
use super::render::{Id, Object, show_date, show_time};
use super::totals::{Added, Tallies, one};

/// Something said: when it happened, when it is sent, and the message.
pub struct Said {
    pub time: EventTime,
    pub emission: EventTime,
    pub serial: u64,
    pub text: Text,
}

/// Numbers messages and makes their ids.
pub struct Mint {
    run: u32,
    next: u64,
}

impl Mint {
    pub fn new(run: u32) -> Self {
        Mint { run, next: 0 }
    }

    /// The next message's number.
    pub fn serial(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The id of the message with this number.
    pub fn id(&self, serial: u64) -> Id {
        Id::new(self.run, serial)
    }
}

/// Everything that is still to happen, by event time.
pub struct Agenda {
    due: BinaryHeap<Reverse<(EventTime, u64)>>,
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    places: Places,
    clauses: BTreeMap<&'static str, Vec<&'static str>>,
    dice: Dice,
    calendar: Calendar,
    per_day: f64,
    late_share: f64,
    disorder_share: f64,
    unknown_share: f64,
    things: u64,
}

/// One thing to do.
pub enum Task {
    /// An inspection by the rhythm of the day; makes its own successor.
    Inspect,
    /// A new item by the rhythm of the day; makes its own successor.
    Item,
    /// A fact by the rhythm of the day; makes its own successor.
    Fact,
    /// An inspection on the script.
    Visit(Box<Visit>),
    /// The next stage of something.
    Stage(Box<Chain>),
    /// The typhoon's call-out: this many people at once.
    CallOut(u32),
}

/// One inspection and what it finds.
pub struct Visit {
    pub who: Enterprise,
    pub source: &'static str,
    pub majors: usize,
    pub generals: usize,
}

/// Who inspects: grid 55 %, towns' stations 25 %, departments 10 %, the enterprise itself 8 %, third parties and insurers 2 %.
const SOURCES: [(&str, f64); 6] = [
    ("grid", 55.0),
    ("station", 25.0),
    ("department", 10.0),
    ("self", 8.0),
    ("third_party", 1.0),
    ("insurer", 1.0),
];
/// 89.61 of 167.24: hazards per inspection.
const HAZARDS_PER_INSPECTION: f64 = 0.536;
/// 619 of 896,100.
const MAJOR_SHARE: f64 = 0.000_69;
/// Items and facts per inspection: chosen so that permits and reported issues make most of them.
const ITEMS_PER_INSPECTION: f64 = 0.13;
const FACTS_PER_INSPECTION: f64 = 0.10;
/// General hazards are due after twenty days: 5 % take longer.
const GENERAL_DUE_MS: i64 = 20 * DAY_MS;
const MAJOR_DUE_MS: i64 = 60 * DAY_MS;

/// Facts: kind, share, attributes.
const FACTS: [(&str, f64); 5] = [
    ("enforcement_case", 20.0),
    ("safety_commitment", 60.0),
    ("insurer_visit", 15.0),
    ("illegal_fireworks_report", 4.0),
    ("media_exposure", 1.0),
];

/// Clauses by sector, those of domain.md §5 that inspections cite most; the ones that a taxonomy does not list are left out.
const CLAUSES: [(&str, &[&str]); 4] = [
    ("small_workshops", &["GM-2023-3-1", "GM-2023-13-2", "GM-2023-11-10"]),
    ("hazardous_chemicals", &["WH-2017-12", "WH-2017-5", "WH-2017-18"]),
    ("mining", &["KS-2022-U-31", "KS-2022-U-20", "KS-2022-U-19"]),
    ("dust", &["GM-2023-11-10", "GM-2023-11-6"]),
];

impl Agenda {
    pub fn new(plan: &CityPlan, taxonomy: &Taxonomy, places: Places, dice: Dice) -> Self {
        let listed = |codes: &[&'static str]| -> Vec<&'static str> {
            codes.iter().copied().filter(|code| taxonomy.clauses.find(code).is_some()).collect()
        };
        let mut agenda = Agenda {
            due: BinaryHeap::new(),
            tasks: BTreeMap::new(),
            next_task: 0,
            places,
            clauses: CLAUSES.iter().map(|(sector, codes)| (*sector, listed(codes))).collect(),
            dice,
            calendar: plan.calendar,
            per_day: plan.inspections_per_day,
            late_share: plan.late_share,
            disorder_share: plan.disorder_share,
            unknown_share: plan.unknown_region_share,
            things: 0,
        };
        for task in [Task::Inspect, Task::Item, Task::Fact] {
            agenda.again(plan.start, task);
        }
        agenda
    }

    /// When the next thing happens; `None` where nothing ever will.
    pub fn next_time(&self) -> Option<EventTime> {
        self.due.peek().map(|Reverse((time, _))| *time)
    }

    /// Puts a task on the agenda.
    pub fn add(&mut self, at: EventTime, task: Task) {
        self.next_task += 1;
        self.tasks.insert(self.next_task, task);
        self.due.push(Reverse((at, self.next_task)));
    }

    /// Does the next thing, which may say something.
    pub fn act(&mut self, mint: &mut Mint, tallies: &Tallies) -> Option<Said> {
        let Reverse((at, number)) = self.due.pop()?;
        match self.tasks.remove(&number)? {
            Task::Inspect => {
                self.again(at, Task::Inspect);
                let visit = self.some_visit(tallies);
                Some(self.visit(at, visit, mint))
            }
            Task::Visit(visit) => Some(self.visit(at, *visit, mint)),
            Task::Item => {
                self.again(at, Task::Item);
                let who = self.somebody(tallies);
                let id = self.thing("IT");
                let chain = Chain::item(&mut self.dice, id, who);
                self.stage(at, chain, mint)
            }
            Task::Fact => {
                self.again(at, Task::Fact);
                let who = self.somebody(tallies);
                Some(self.fact(at, &who, mint))
            }
            Task::Stage(chain) => self.stage(at, *chain, mint),
            Task::CallOut(people) => {
                self.call_out(at, people, tallies);
                None
            }
        }
    }

    /// Schedules the next of a task that renews itself: gaps as of a Poisson process whose rate follows the calendar.
    fn again(&mut self, after: EventTime, task: Task) {
        let share = match task {
            Task::Item => ITEMS_PER_INSPECTION,
            Task::Fact => FACTS_PER_INSPECTION,
            _ => 1.0,
        };
        let most_per_day = self.per_day * share * self.calendar.peak();
        if most_per_day <= 0.0 {
            return;
        }
        let mut at = after;
        // Thinning: candidates at the peak rate, each kept with the share that its own moment has of the peak.
        loop {
            at = at.plus_ms(self.dice.gap(DAY_MS as f64 / most_per_day).ceil() as i64);
            if self.dice.chance(self.calendar.activity(at) / self.calendar.peak()) {
                break;
            }
        }
        self.add(at, task);
    }

    fn somebody(&mut self, tallies: &Tallies) -> Enterprise {
        let mut who = self.places.enterprise(&mut self.dice, tallies);
        if self.dice.chance(self.unknown_share) {
            who.region = NOWHERE.to_owned();
            who.cell = tallies.cell(NOWHERE, &who.sector);
        }
        who
    }

    fn some_visit(&mut self, tallies: &Tallies) -> Visit {
        let who = self.somebody(tallies);
        let source = self.dice.weighted(&SOURCES).copied().unwrap_or("grid");
        let found = self.dice.count(HAZARDS_PER_INSPECTION);
        let majors = (0..found).filter(|_| self.dice.chance(MAJOR_SHARE)).count();
        Visit { who, source, majors, generals: found - majors }
    }

    fn visit(&mut self, at: EventTime, visit: Visit, mint: &mut Mint) -> Said {
        let emission = self.emission(at, EventTime::MIN);
        let mut listed = Vec::new();
        for nth in 0..visit.majors + visit.generals {
            let major = nth < visit.majors;
            let hazard_id = self.thing(&format!("H-{}", visit.who.region.get(..6).unwrap_or_default()));
            let due = at.plus_ms(if major { MAJOR_DUE_MS } else { GENERAL_DUE_MS });
            let mut hazard = format!(
                "{{\"hazard_id\":\"{hazard_id}\",\"grade\":\"{}\",\"due\":\"{}\"",
                if major { "major" } else { "general" },
                show_date(due)
            );
            if let Some(clause) = self.clause(&visit.who.sector, major) {
                hazard.push_str(&format!(",\"clause\":\"{clause}\""));
            }
            hazard.push('}');
            listed.push(hazard);
            let chain = Chain::hazard(&mut self.dice, hazard_id, visit.who.clone(), major, emission);
            self.follow(at, chain);
        }
        let serial = mint.serial();
        let object = head(Object::new("inspection"), mint, serial, at, &visit.who)
            .text("enterprise_id", &visit.who.id)
            .text("enterprise_name", &visit.who.name)
            .text("source", visit.source)
            .text("inspector_id", &format!("INS-{:05}", self.dice.below(6_800)));
        let object = match &visit.who.landlord {
            Some(landlord) => object.text("landlord_id", landlord),
            None => object,
        };
        let mut added = one(1);
        added[2] = visit.generals as u16;
        added[3] = visit.majors as u16;
        let value = object.raw("hazards", &format!("[{}]", listed.join(","))).end();
        let text = message(Input::Inspections, visit.who.id.clone(), value, &visit.who, added);
        Said { time: at, emission, serial, text }
    }

    fn clause(&mut self, sector: &str, major: bool) -> Option<&'static str> {
        if !major {
            return None;
        }
        let codes = self.clauses.get(sector)?;
        codes.get(self.dice.below(codes.len() as u64) as usize).copied()
    }

    /// Puts the next stage of a chain on the agenda, if there is one.
    fn follow(&mut self, at: EventTime, chain: Chain) {
        if let Some(step) = chain.next_step() {
            self.add(at.plus_ms(step.wait_ms), Task::Stage(Box::new(chain)));
        }
    }

    fn stage(&mut self, at: EventTime, mut chain: Chain, mint: &mut Mint) -> Option<Said> {
        let step: Step = chain.advance()?;
        // One phone's outbox keeps its order: a stage is never sent before the one that it follows.
        let emission = self.emission(at, chain.sent);
        chain.sent = emission;
        let serial = mint.serial();
        let (input, kind) =
            if chain.kind == "hazard" { (Input::Inspections, "hazard") } else { (Input::Items, "item") };
        let object = head(Object::new(kind), mint, serial, at, &chain.who);
        let text = message(
            input,
            chain.key().to_owned(),
            chain::write(object, &chain, &step),
            &chain.who,
            chain::added(&chain, &step),
        );
        self.follow(at, chain);
        Some(Said { time: at, emission, serial, text })
    }

    fn fact(&mut self, at: EventTime, who: &Enterprise, mint: &mut Mint) -> Said {
        let kind = self.dice.weighted(&FACTS).copied().unwrap_or("safety_commitment");
        let serial = mint.serial();
        let mut object = head(Object::new("record"), mint, serial, at, who)
            .text("kind", kind)
            .text("enterprise_id", &who.id);
        if kind == "enforcement_case" {
            let channel = if self.dice.chance(0.12) { "remote" } else { "on_site" };
            let handled_by = if self.dice.chance(0.78) { "town" } else { "county" };
            let amount = 1_000 * self.dice.between(1, 60);
            object = object.raw(
                "attributes",
                &format!("{{\"channel\":\"{channel}\",\"amount\":{amount},\"handled_by\":\"{handled_by}\"}}"),
            );
        }
        let text = message(Input::Records, who.id.clone(), object.end(), who, one(7));
        Said { time: at, emission: self.emission(at, EventTime::MIN), serial, text }
    }

    fn call_out(&mut self, at: EventTime, people: u32, tallies: &Tallies) {
        for _ in 0..people {
            let who = self.somebody(tallies);
            let chain = Chain::call_out(&mut self.dice, self.things, who);
            self.things += 1;
            let sent_ms = self.dice.below(120_000) as i64;
            self.add(at.plus_ms(sent_ms), Task::Stage(Box::new(chain)));
        }
    }

    /// When something that happened at `at` is sent: seconds later, sometimes hours; never before `floor`.
    fn emission(&mut self, at: EventTime, floor: EventTime) -> EventTime {
        let luck = self.dice.unit();
        let delay_ms = if luck < self.late_share {
            self.dice.between(CityPlan::LATE_MS.0, CityPlan::LATE_MS.1)
        } else if luck < self.late_share + self.disorder_share {
            self.dice.below(CityPlan::DISORDER_MS)
        } else {
            0
        };
        at.plus_ms(delay_ms as i64).max(floor.plus_ms(1))
    }

    fn thing(&mut self, prefix: &str) -> String {
        self.things += 1;
        format!("{prefix}-{:07}", self.things)
    }
}

/// The yard on which the cluster of major hazards plays: the socks makers of Datang.
pub fn stage_yard() -> (&'static str, String) {
    ("330681005", yard("330681005", 7))
}

fn head(object: Object, mint: &Mint, serial: u64, at: EventTime, who: &Enterprise) -> Object {
    object
        .text("id", &String::from_utf8_lossy(&mint.id(serial).0))
        .text("time", &show_time(at))
        .text("region", &who.region)
        .text("sector", &who.sector)
}

fn message(input: Input, key: String, value: String, who: &Enterprise, added: Added) -> Text {
    Text { input, key, value, cell: who.cell, added }
}
