//! `make bench`: the whole pipeline against a real Kafka, in the figures that the design must reach.
//!
//! Broker, load and this program are pinned to core 0, whatever is measured to core 1. What is compared runs in turns,
//! because the machine breathes: a round is one run of each, a figure the median over the rounds, a ratio the median of the
//! rounds' ratios. The result is docs/benchmarks.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to whoever started it")]

#[allow(dead_code, reason = "a bench neither shares nor crashes its broker")]
#[path = "../../tests/support/broker.rs"]
mod broker;
mod latency;
mod many_rules;
mod pipeline;
mod probe;
mod reference;
mod report;
#[path = "../../tests/support/skip.rs"]
mod skip;
mod stored;

use std::process::Command;

use clap::Parser;

use pipeline::Run;
use report::{Figure, Report};

/// The whole pipeline against a real Kafka, each on a core of its own
#[derive(Parser)]
pub struct Arguments {
    /// Rounds; a figure is the median over them
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Readings in the input of the throughput figures
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Only these figures: R1,R2,R3,R4,R8,R10,R11,L1,M1,T1
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the result goes; `-`: only to the terminal
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: String,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// A reference reader instead: KIND ADDRESS TOPIC EVENTS
    #[arg(long, hide = true, num_args = 4)]
    reference: Option<Vec<String>>,
}

/// Set once this program is pinned.
const PINNED: &str = "HAZSTREAM_TEST_PINNED";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(what) = &arguments.reference {
        return reference::run(what);
    }
    if std::env::var_os(PINNED).is_none() {
        return pin();
    }
    let Some(broker) = broker::own("bench") else { return Ok(()) };
    let mut report = Report::new(&arguments);
    let wanted = |id: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == id);
    if ["R1", "R2", "R3", "R4", "R8", "R10"].into_iter().any(wanted) {
        pipeline::fill(broker.address(), pipeline::INPUT, arguments.events, 2_780)?;
    }
    if ["R1", "R2", "R3", "R4", "R8"].into_iter().any(wanted) {
        for figure in throughput(&arguments, broker.address())? {
            if wanted(figure.id) {
                report.add(figure);
            }
        }
    }
    if wanted("R10") {
        report.add(many_rules::figure(&arguments, broker.address())?);
    }
    if wanted("R11") {
        report.add(stored::figure(&arguments, broker.address())?);
    }
    if wanted("L1") {
        report.add(latency::alert_latency(&arguments, broker.address())?);
    }
    if wanted("M1") {
        report.add(pipeline::memory(broker.address())?);
    }
    if wanted("T1") {
        report.add(latency::recovery(&arguments, broker.address())?);
    }
    report.write(&arguments.output)
}

/// Start this program again on core 0; what it starts inherits that, the broker above all.
fn pin() -> anyhow::Result<()> {
    let status = Command::new("taskset")
        .args(["-c", "0"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(PINNED, "1")
        .status()?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Five windows, as they are by default.
const FIVE: &str = "[10m/10s, 1h/1m, 24h/5m, 7d/1h, 30d/6h]";

/// R1 to R8: rates of runs over the same input, in turns.
fn throughput(arguments: &Arguments, address: &str) -> anyhow::Result<Vec<Figure>> {
    let events = arguments.events;
    pipeline::fill(address, pipeline::DENSE, events, 35_000)?;
    let five = Run { input: pipeline::INPUT, windows: FIVE, commit: "100ms", behind: "", rules: "" };
    let dense = |windows| Run { input: pipeline::DENSE, windows, ..five };
    let whole = |run: Run<'static>| move |address: &str| pipeline::rate(address, events, run);
    type Rate<'a> = Box<dyn Fn(&str) -> anyhow::Result<f64> + 'a>;
    let runs: [(&str, Rate<'_>); 8] = [
        ("bare poll", Box::new(|address| reference::rate("poll", address, events))),
        ("batch + serde_json", Box::new(|address| reference::rate("parse", address, events))),
        ("whole", Box::new(whole(five))),
        ("no windows", Box::new(whole(Run { windows: "[]", ..five }))),
        ("slide 100 ms", Box::new(whole(dense("[10m/100ms]")))),
        ("slide 10 s", Box::new(whole(dense("[10m/10s]")))),
        ("frequent commits", Box::new(whole(Run { behind: "100ms", ..five }))),
        ("rare commits", Box::new(whole(Run { commit: "5s", ..five }))),
    ];
    let mut rates = vec![Vec::new(); runs.len()];
    for round in 1..=arguments.runs {
        for ((name, run), rates) in runs.iter().zip(&mut rates) {
            let rate = run(address)?;
            println!("round {round}: {name}: {rate:.0} events/s");
            rates.push(rate);
        }
    }
    let [poll, parse, whole, none, fine, coarse, frequent, rare] =
        rates.try_into().expect("one for each run");
    Ok(vec![
        Figure::ratio("R1", "whole pipeline ÷ bare librdkafka poll loop", 0.5, &whole, &poll),
        Figure::ratio("R2", "whole pipeline ÷ batch call and serde_json, nothing else", 0.8, &whole, &parse),
        Figure::ratio("R3", "windows of 5 sizes ÷ no windows", 0.8, &whole, &none),
        Figure::ratio("R4", "slide 100 ms ÷ slide 10 s, size 10 min", 0.9, &fine, &coarse),
        Figure::ratio("R8", "a transaction each 100 ms ÷ one each 5 s", 0.75, &frequent, &rare),
    ])
}
