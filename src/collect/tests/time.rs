//! Clocks, watermarks, ticks.

use super::script::{DESTINATIONS, Script, at, header, message, reading};
use crate::log::{Input, Topic};

#[test]
fn a_clock_ahead_is_quarantined_and_named_and_makes_nobody_late() {
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 0, reading("a", "S-1", 0, 1.0)));
    script.read(message(1_000, 0, reading("ahead", "S-WRONG", 1_000 + 60_001, 1.0)));
    script.flush();
    assert_eq!(script.rejects(), ["1 clock_ahead"]);
    let report = script.task.report();
    assert_eq!(report.watermark, at(-30_000));
    assert_eq!(report.numbers.quarantined.as_deref(), Some("S-WRONG"));
    let letter = script.written.iter().find(|output| output.topic == Topic::Rejects).unwrap();
    assert!(header(letter, "detail").contains("S-WRONG"));
    // Within the skew allowed it counts, but moves time no further than its arrival.
    script.read(message(2_000, 0, reading("b", "S-1", 2_000 + 60_000, 1.0)));
    script.flush();
    assert_eq!((script.ledger().counted, script.task.report().frontier), (2, at(2_000)));
    script.read(message(62_000, 0, reading("ahead", "S-WRONG", 62_000, 1.0)));
    assert_eq!(script.ledger().counted, 3, "its id was not remembered");
}

#[test]
fn late_is_counted_and_told_by_how_much_and_only_beyond_the_longest_horizon_refused() {
    let mut script = Script::new(Input::Sensors);
    let horizon = 30 * 86_400_000;
    script.read(message(30_000, 0, reading("a", "S", 30_000, 1.0)));
    script.read(message(30_000, 0, reading("b", "S", -5_000, 1.0)));
    script.read(message(30_000, 0, reading("c", "S", -horizon, 1.0)));
    script.read(message(30_000, 0, reading("d", "S", -horizon - 1, 1.0)));
    script.flush();
    assert_eq!(script.rejects(), ["3 beyond_horizon"]);
    let late = &script.task.report().numbers.late;
    assert_eq!((late.counts[1], late.counts[8]), (1, 1), "{late:?}");
    assert_eq!(script.counts()["readings 330600 all @-10"], 1);
}

#[test]
fn time_is_told_to_every_destination_at_once_and_then_at_most_once_a_second() {
    let mut script = Script::new(Input::Sensors);
    script.flush();
    assert_eq!(script.tallies().len(), DESTINATIONS as usize, "announced");
    assert!(script.tallies().iter().all(|tally| tally.partitions == 4 && tally.offsets == (0, 0)));
    script.idle_until(10_000);
    let announced = script.tallies().len();
    for ms in [10_100, 10_500, 10_999] {
        script.tick(ms);
        script.flush();
    }
    assert_eq!(script.tallies().len(), announced);
    script.tick(11_000);
    script.flush();
    let ticks = &script.tallies()[announced..];
    assert_eq!(ticks.len(), DESTINATIONS as usize);
    assert!(
        ticks.iter().all(|tick| tick.idle && tick.frontier == at(11_000) && tick.watermark == at(-19_000))
    );
    script.task.at_end(false);
    script.tick(60_000);
    script.flush();
    assert!(
        script.tallies().last().is_some_and(|tick| !tick.idle && tick.frontier == at(11_000)),
        "paused: it holds"
    );
    let held = script.tallies().len();
    script.tick(120_000);
    script.flush();
    assert_eq!(script.tallies().len(), held, "time that stands still is not told again");
}

#[test]
fn a_tally_carries_the_offsets_that_it_reflects() {
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 0, reading("a", "S", 0, 1.0)));
    script.flush();
    script.read(message(1_000, 0, reading("b", "S", 1_000, 1.0)));
    script.read(message(2_000, 0, reading("c", "S", 2_000, 1.0)));
    script.flush();
    let mut offsets: Vec<_> =
        script.tallies().iter().filter(|tally| !tally.counts.is_empty()).map(|tally| tally.offsets).collect();
    offsets.dedup();
    assert!(offsets.contains(&(0, 1)) && offsets.contains(&(1, 3)), "{offsets:?}");
    assert_eq!(script.task.next_offset(), 3);
}

#[test]
fn nothing_is_written_when_nothing_happened() {
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 0, reading("a", "S", 0, 1.0)));
    script.flush();
    let written = script.written.len();
    script.flush();
    script.flush();
    assert_eq!(script.written.len(), written);
}
