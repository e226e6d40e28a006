//! The seeded scheduler: who does the next step, who dies, who sleeps, and when time moves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hazstream::event::EventTime;
use hazstream::log::memory::{Broker, Faults, Layout, Lifeline, Moment, Payload};
use hazstream::log::{Input, Log, Topic};
use hazstream::worker::report::{CollectReport, Report};
use hazstream::worker::{Plan, Seen, Worker};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::input::{self, Planned, START_MS};
use super::plan::{self, World};
use crate::oracle::Message;

/// How long messages are sent.
const LENGTH_MS: i64 = 110_000;
/// How long the city is silent afterwards, for clocks, idleness and windows to settle.
const SETTLE_MS: i64 = 40_000;
/// A member that is not heard for so long is out; also the time-out of transactions.
const SESSION_MS: i64 = 6_000;
/// Steps without an end: nothing that is sound takes as many.
const STEPS_MAX: usize = 200_000;
/// The consumer group.
pub const GROUP: &str = "simulation";

/// What a run leaves behind.
pub struct Run {
    pub broker: Broker,
    pub sent: Vec<Message>,
    /// Every ledger that a worker reported after a commit, in order.
    pub ledgers: Vec<CollectReport>,
    pub plan: Arc<Plan>,
    /// Sensors are expected every few seconds.
    pub is_impatient: bool,
    /// The clock at the end.
    pub end_ms: i64,
}

struct Process {
    worker: Worker,
    life: Lifeline,
    /// Not scheduled before this moment, as by SIGSTOP.
    asleep_until_ms: i64,
    skew_ms: i64,
    /// It was replaced while asleep: so many steps are left to it.
    last_steps: Option<u32>,
}

struct Scheduler {
    draw: Pcg64Mcg,
    broker: Broker,
    plan: Arc<Plan>,
    clock_ms: i64,
    timeline: VecDeque<Planned>,
    sent: Vec<Message>,
    ledgers: Arc<Mutex<Vec<CollectReport>>>,
    /// By worker: when it is to be started, or the process.
    slots: Vec<Result<Process, i64>>,
    zombies: Vec<Process>,
    /// Of a thousand turns, so many bring a misfortune.
    chaos: u32,
}

/// Runs one seed to the end; the error says what a worker could not mend.
pub fn run(seed: u64) -> Result<Run, String> {
    let mut draw = Pcg64Mcg::seed_from_u64(seed);
    let layout = layout(&mut draw);
    let is_impatient = seed % 3 == 2;
    let world: &World = if is_impatient { &plan::IMPATIENT } else { &plan::SHIPPED };
    let plan = Arc::new(plan::plan(&mut draw, &layout, world));
    let broker = Broker::new(layout);
    broker.advance(EventTime::from_ms(START_MS - 1_000));
    broker.set_faults(faults(seed, &mut draw));
    let timeline = input::plan(&mut draw, LENGTH_MS).into();
    let workers = draw.random_range(1..4);
    // One seed in eight runs in peace: what fails there is no matter of recovery.
    let chaos = [0, 3, 3, 10, 10, 10, 25, 25][draw.random_range(0..8)];
    let mut scheduler = Scheduler {
        draw,
        broker,
        plan,
        clock_ms: START_MS - 1_000,
        timeline,
        sent: Vec::new(),
        ledgers: Arc::default(),
        slots: (0..workers).map(|_| Err(START_MS)).collect(),
        zombies: Vec::new(),
        chaos,
    };
    scheduler.live()?;
    scheduler.heal()?;
    let ledgers = std::mem::take(&mut *scheduler.ledgers.lock().expect("nobody panicked with it"));
    Ok(Run {
        broker: scheduler.broker,
        sent: scheduler.sent,
        ledgers,
        plan: scheduler.plan,
        is_impatient,
        end_ms: scheduler.clock_ms,
    })
}

fn layout(draw: &mut Pcg64Mcg) -> Layout {
    let mut layout = Layout::all(1);
    layout.session_ms = SESSION_MS;
    layout.transaction_timeout_ms = SESSION_MS;
    for topic in plan::INPUTS.map(Topic::Input).into_iter().chain([Topic::Tallies, Topic::State]) {
        layout.topics.insert(topic, draw.random_range(1..4));
    }
    layout
}

fn faults(seed: u64, draw: &mut Pcg64Mcg) -> Faults {
    let mut faults = Faults::seeded(seed);
    faults.failures = [0, 0, 2, 10, 30][draw.random_range(0..5)];
    faults.late_markers = [0, 300, 800][draw.random_range(0..3)];
    faults.short_polls = [0, 500][draw.random_range(0..2)];
    faults.rebalances = [0, 0, 5][draw.random_range(0..3)];
    faults.slow_writes = [0, 300, 800][draw.random_range(0..3)];
    faults
}

impl Scheduler {
    /// Messages come, workers work, misfortunes happen.
    fn live(&mut self) -> Result<(), String> {
        while self.clock_ms < START_MS + LENGTH_MS {
            self.pass(0, 600);
            for _ in 0..self.draw.random_range(1..5) {
                self.turn()?;
            }
            if self.draw.random_range(0..1000) < self.chaos {
                self.misfortune();
            }
        }
        Ok(())
    }

    /// Faults end, everybody is up, and all is worked off until nothing moves any more.
    fn heal(&mut self) -> Result<(), String> {
        self.broker.heal();
        self.zombies.clear();
        for slot in &mut self.slots {
            match slot {
                Ok(process) => process.asleep_until_ms = 0,
                Err(start_ms) => *start_ms = 0,
            }
        }
        let end_ms = self.clock_ms + SETTLE_MS;
        let mut steps = 0;
        while self.clock_ms < end_ms || !self.is_quiet() {
            self.pass(200, 400);
            for at in 0..self.slots.len() {
                self.step(at)?;
            }
            steps += 1;
            if steps > STEPS_MAX || self.clock_ms > end_ms + 600_000 {
                return Err("the workers never come to rest after every fault was healed".to_owned());
            }
        }
        Ok(())
    }

    /// Whether all workers run and everything is read, but for the ticks of the last moments.
    fn is_quiet(&self) -> bool {
        let running =
            |slot: &Result<Process, i64>| slot.as_ref().is_ok_and(|process| process.worker.is_running());
        let layout = &self.plan.input_partitions;
        let read = |input: Input, partitions: u32| {
            (0..partitions).all(|partition| {
                let at = hazstream::log::TopicPartition { topic: Topic::Input(input), partition };
                let end = self.broker.offsets(at).map_or(0, |(_, stable, _)| stable);
                self.broker.committed_offset(GROUP, at).unwrap_or(0) == end
            })
        };
        self.slots.iter().all(running) && layout.iter().all(|(&input, &partitions)| read(input, partitions))
    }

    /// Time passes, and what is due is sent.
    fn pass(&mut self, least_ms: i64, most_ms: i64) {
        self.clock_ms += self.draw.random_range(least_ms..most_ms);
        self.broker.advance(EventTime::from_ms(self.clock_ms));
        while self.timeline.front().is_some_and(|planned| planned.at_ms <= self.clock_ms) {
            let Some(planned) = self.timeline.pop_front() else { return };
            let payload = Payload {
                key: Some(planned.key.into_bytes()),
                value: planned.value.clone(),
                headers: vec![],
            };
            let (at, offset) =
                self.broker.send(Topic::Input(planned.input), None, payload).expect("the topic is there");
            self.sent.push(Message {
                input: planned.input.name(),
                partition: at.partition,
                offset,
                arrival_ms: self.clock_ms,
                value: planned.value,
            });
        }
    }

    /// Somebody does a step: any worker, or a zombie.
    fn turn(&mut self) -> Result<(), String> {
        let at = self.draw.random_range(0..self.slots.len() + self.zombies.len());
        match at.checked_sub(self.slots.len()) {
            None => self.step(at),
            Some(zombie) => self.haunt(zombie),
        }
    }

    fn step(&mut self, at: usize) -> Result<(), String> {
        match &mut self.slots[at] {
            Err(start_ms) if *start_ms > self.clock_ms => Ok(()),
            Err(_) => {
                self.slots[at] = Ok(self.start(at));
                Ok(())
            }
            Ok(process) => {
                let gone = process.step(self.clock_ms)?;
                if gone {
                    self.slots[at] = Err(self.clock_ms + self.draw.random_range(0..12_000));
                }
                Ok(())
            }
        }
    }

    /// A process that was replaced wakes up and goes on as if nothing had happened, for a while.
    fn haunt(&mut self, at: usize) -> Result<(), String> {
        let zombie = &mut self.zombies[at];
        if zombie.asleep_until_ms > self.clock_ms {
            return Ok(());
        }
        let left = zombie.last_steps.unwrap_or(0);
        let gone = left == 0 || zombie.step(self.clock_ms)?;
        zombie.last_steps = Some(left.saturating_sub(1));
        if gone {
            self.zombies.remove(at);
        }
        Ok(())
    }

    fn start(&mut self, at: usize) -> Process {
        let topics: Vec<Topic> = self
            .plan
            .input_partitions
            .keys()
            .map(|input| Topic::Input(*input))
            .chain([Topic::Tallies])
            .collect();
        let log = self.broker.join(&format!("worker-{at}"), GROUP, &topics);
        let life = log.lifeline();
        let ledgers = Arc::clone(&self.ledgers);
        let observer = move |seen: Seen<'_>| {
            if let Seen::Report(Report::Collect(report)) = seen {
                ledgers.lock().expect("nobody panicked with it").push(*report);
            }
        };
        let worker = Worker::new(at, Log::Memory(log), Arc::clone(&self.plan), Box::new(observer));
        let skew_ms = if self.chaos == 0 { 0 } else { self.draw.random_range(-1_500..1_500) };
        Process { worker, life, asleep_until_ms: 0, skew_ms, last_steps: None }
    }

    fn misfortune(&mut self) {
        let at = self.draw.random_range(0..self.slots.len());
        let (clock_ms, draw) = (self.clock_ms, &mut self.draw);
        let Ok(process) = &mut self.slots[at] else { return };
        match draw.random_range(0..100) {
            0..45 => {
                let moment = [Moment::Before, Moment::Between, Moment::After][draw.random_range(0..3)];
                process.life.die_at(draw.random_range(1..40), moment);
            }
            45..60 => process.asleep_until_ms = clock_ms + draw.random_range(1_000..3 * SESSION_MS),
            60..75 => {
                process.asleep_until_ms = clock_ms + draw.random_range(1_000..3 * SESSION_MS);
                process.last_steps = Some(draw.random_range(1..8));
                let replaced = std::mem::replace(&mut self.slots[at], Err(clock_ms));
                self.zombies.extend(replaced);
            }
            75..90 => {
                // It may fail, as every commit may: then the next owner does it again.
                drop(process.worker.stop(EventTime::from_ms(clock_ms + process.skew_ms)));
                self.slots[at] = Err(clock_ms + draw.random_range(0..5_000));
            }
            _ => {
                for topic in [Topic::State, Topic::Windows, Topic::Alerts] {
                    self.broker.compact(topic);
                }
            }
        }
    }
}

impl Process {
    /// One step; whether the process is gone. The error is what it could not mend.
    fn step(&mut self, clock_ms: i64) -> Result<bool, String> {
        if self.asleep_until_ms > clock_ms {
            return Ok(false);
        }
        let result = self.worker.step(EventTime::from_ms(clock_ms + self.skew_ms), Duration::ZERO);
        match result {
            _ if self.life.is_dead() => Ok(true),
            Ok(_) => Ok(false),
            Err(failure) => Err(format!("a worker stopped for good: {failure}")),
        }
    }
}
