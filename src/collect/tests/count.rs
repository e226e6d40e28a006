//! What events add up to.

use super::script::{Script, inspection, message, reading, settings};
use crate::collect::Settings;
use crate::log::{Input, Topic};

#[test]
fn a_reading_counts_in_its_town_and_every_cell_above() {
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 100, reading("a", "S-1", 0, 1.0)));
    script.read(message(9_999, 100, reading("b", "S-1", 9_999, 1.0)));
    script.read(message(10_000, 100, reading("c", "S-1", 10_000, 1.0)));
    script.flush();
    let mut expected = std::collections::BTreeMap::new();
    for region in ["330600", "330604", "330604104"] {
        for sector in ["all", "hazardous_chemicals"] {
            expected.insert(format!("readings {region} {sector} @0"), 2);
            expected.insert(format!("readings {region} {sector} @10"), 1);
        }
    }
    assert_eq!(script.counts(), expected);
    assert_eq!(script.ledger().counted, 3);
}

#[test]
fn without_windows_events_are_counted_for_but_nothing_adds_up() {
    let without = Settings { finest_slice_ms: 0, ..settings() };
    let mut sensors = Script::with(Input::Sensors, without.clone());
    sensors.read(message(0, 100, reading("a", "S-1", 0, 1.0)));
    let mut inspections = Script::with(Input::Inspections, without);
    inspections.read(message(0, 100, inspection("a", 0, &["H-1 major"])));
    for script in [&mut sensors, &mut inspections] {
        script.flush();
        assert!(script.counts().is_empty(), "{:?}", script.counts());
        assert_eq!(script.ledger().counted, 1);
    }
}

#[test]
fn each_cell_and_each_subject_goes_to_its_own_destination() {
    let mut script = Script::new(Input::Inspections);
    script.read(message(0, 100, inspection("a", 0, &["H-1 major", "H-2 general"])));
    script.flush();
    for output in script.written.iter().filter(|output| output.topic == Topic::Tallies) {
        let tally = crate::tally::Tally::decode(output.value.as_ref().unwrap()).unwrap();
        for cell in &tally.cells {
            let home = crate::tally::Subject::Cell(cell.clone()).partition(super::script::DESTINATIONS);
            assert_eq!(output.partition, Some(home), "{cell:?}");
        }
        for signal in &tally.signals {
            assert_eq!(output.partition, Some(signal.subject.partition(super::script::DESTINATIONS)));
        }
    }
    let counts = script.counts();
    assert_eq!(counts["hazards_found_major 330602 small_workshops @0"], 1);
    assert_eq!(counts["inspections 330600 all @0"], 1);
}
