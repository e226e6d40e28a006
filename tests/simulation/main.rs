//! The same workers and tasks over a Kafka in memory, under a seeded scheduler that crashes them between any two effects,
//! puts them to sleep, replaces them while they sleep, rebalances, loses answers, delays markers, reorders partitions and
//! skews clocks. Whatever happened, the outcome must be what a naive oracle says of the same messages.
//!
//! `HAZSTREAM_SIM_SEEDS` says how many seeds (300), `HAZSTREAM_SIM_SEED` runs one alone.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod affairs;
mod answers;
mod input;
#[path = "../oracle/mod.rs"]
mod oracle;
mod outcome;
mod plan;
mod schedule;
mod silence;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many failing seeds are told before the rest is left alone.
const FAILURES_MAX: usize = 5;

#[test]
fn whatever_befalls_the_workers_the_outcome_is_the_oracles() {
    let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| text(name).map(|text| text.parse::<u64>().expect(name));
    let (first, count) = match number("HAZSTREAM_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("HAZSTREAM_SIM_SEEDS").unwrap_or(300)),
    };
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failures.lock().unwrap().len() >= FAILURES_MAX {
                        return;
                    }
                    if let Some(failure) = try_seed(seed) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// How the seed fails, with the command that runs it again; `None` when it does not.
fn try_seed(seed: u64) -> Option<String> {
    let differences = match catch_unwind(AssertUnwindSafe(|| differences(seed))) {
        Ok(differences) => differences,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?");
            vec![format!("panic: {text}")]
        }
    };
    if differences.is_empty() {
        return None;
    }
    let shown: Vec<&str> = differences.iter().take(8).map(String::as_str).collect();
    let more = differences.len() - shown.len();
    let (shown, again) = (shown.join("\n  "), format!("make sim SEED={seed}"));
    Some(format!("seed {seed} fails; again: {again}\n  {shown}\n  ({more} more)"))
}

fn differences(seed: u64) -> Vec<String> {
    let run = match schedule::run(seed) {
        Ok(run) => run,
        Err(stopped) => return vec![stopped],
    };
    let city = if run.is_impatient { &plan::IMPATIENT.city } else { &plan::SHIPPED.city };
    let oracle = oracle::judge(city.clone(), &plan::oracle_settings(), &run.sent);
    let mut found = outcome::differences(&run, &oracle);
    answers::differences(&run, &oracle, &mut found);
    found
}
