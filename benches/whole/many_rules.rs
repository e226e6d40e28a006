//! R10: what rules cost.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::pipeline::Run;
use crate::report::Figure;
use crate::{Arguments, FIVE, pipeline};

/// How many rules are many.
const MANY: usize = 1_000;

/// R10: the whole pipeline's rate under many rules ÷ under one, in turns.
pub fn figure(arguments: &Arguments, address: &str) -> anyhow::Result<Figure> {
    let [one, many] = [1, MANY].map(|count| write_rules(count).map(|path| path.display().to_string()));
    let (one, many) = (one?, many?);
    let run = |rules: &str| {
        let run = Run { input: pipeline::INPUT, windows: FIVE, commit: "100ms", behind: "", rules };
        pipeline::rate(address, arguments.events, run)
    };
    let (mut rates_one, mut rates_many) = (Vec::new(), Vec::new());
    for round in 1..=arguments.runs {
        rates_one.push(run(&one)?);
        rates_many.push(run(&many)?);
        let (one, many) = (rates_one[round - 1], rates_many[round - 1]);
        println!("round {round}: 1 rule: {one:.0} events/s, {MANY} rules: {many:.0} events/s");
    }
    Ok(Figure::ratio("R10", "1,000 rules ÷ 1 rule", 0.7, &rates_many, &rates_one))
}

/// Count rules, no two of one condition: each measure that readings move, over each window, in cells of every level. Some
/// never cross, some soon and for good, some again and again.
fn write_rules(count: usize) -> anyhow::Result<PathBuf> {
    const MEASURES: [&str; 5] = ["readings", "alarms_blue", "alarms_yellow", "alarms_orange", "alarms_red"];
    const WINDOWS: [&str; 5] = ["10m", "1h", "24h", "7d", "30d"];
    const REGIONS: [&str; 3] = ["town", "county", "city"];
    const SECTORS: [&str; 3] = ["each", "all", "hazardous_chemicals"];
    let mut text = String::from("rules:\n");
    for n in 0..count {
        let pick = |from: &[&'static str], step: usize| from[n / step % from.len()];
        let (measure, window) = (pick(&MEASURES, 1), pick(&WINDOWS, 5));
        let (region, sector) = (pick(&REGIONS, 25), pick(&SECTORS, 75));
        // Every 225 rules the conditions come again, ten times as high.
        let threshold = 10_u64.pow(1 + (n / 225) as u32);
        write!(
            text,
            "  - name: rule_{n}\n    count: {{measure: {measure}, window: {window}, region: {region}, sector: {sector}}}\n    \
             threshold: {threshold}\n    level: blue\n    summary: \"{{value}}\"\n    summary_zh: \"{{value}}\"\n"
        )?;
    }
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("rules-{count}.yaml"));
    std::fs::write(&path, text)?;
    Ok(path)
}
