//! Hazards and items through the task.

use super::script::{Script, hazard, header, inspection, message, order, settings, text};
use crate::collect::Settings;
use crate::log::{Input, Topic};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// Stages `stage@minute` of one order, each arriving at once in the order written; the day then ends.
fn check_order(steps: &str, told: &[&str], rejects: &[&str]) {
    let mut script = Script::new(Input::Items);
    for (offset, step) in steps.split_whitespace().enumerate() {
        let (stage, minute) = step.split_once('@').unwrap();
        let time = minute.parse::<i64>().unwrap() * MINUTE;
        script.read(message(time, 0, order(&format!("i{offset}"), "O", stage, time)));
    }
    script.flush();
    script.idle_until(5 * 60 * MINUTE);
    assert_eq!(script.told(), told, "{steps}");
    assert_eq!(script.rejects(), rejects, "{steps}");
    assert_eq!(script.ledger().held, 0, "nothing waits for ever");
    assert_eq!(script.ledger().difference(), 0);
}

#[test]
fn an_order_goes_through_its_stages() {
    check_order(
        "issued@0 received@1 feedback@2 closed@3",
        &["O is issued@0", "O is received@60", "O is feedback@120", "O is closed@180"],
        &[],
    );
}

#[test]
fn a_stage_that_comes_before_its_predecessor_is_held_and_released() {
    check_order(
        "received@1 issued@0",
        // The last word about it is where it stands.
        &["O is issued@0", "O is received@60", "O received held@60", "O received legal@60"],
        &[],
    );
}

#[test]
fn a_stage_whose_predecessor_never_comes_is_refused_when_the_lateness_is_over() {
    check_order(
        "issued@0 closed@5",
        &["O is issued@0", "O closed held@300", "O closed illegal@3900"],
        &["1 illegal_transition"],
    );
}

#[test]
fn an_item_that_never_begins_is_refused_and_forgotten() {
    let mut script = Script::new(Input::Items);
    script.read(message(0, 0, order("i", "O", "received", 0)));
    script.flush();
    assert_eq!((script.ledger().held, script.task.report().tables["items"]), (1, 1));
    script.restart();
    script.idle_until(100 * MINUTE);
    assert_eq!((script.ledger().held, script.task.report().tables["items"]), (0, 0));
    let letter = script.written.iter().find(|output| output.topic == Topic::Rejects).unwrap();
    assert_eq!(letter.value.as_ref(), Some(&script.log[0].value), "the original bytes, through a restart");
    assert_eq!(letter.key, b"key");
    assert_eq!(header(letter, "reason"), "illegal_transition");
    assert_eq!(header(letter, "source_offset"), "0");
    assert_eq!(header(letter, "source_partition"), "1");
    assert_eq!(header(letter, "source_topic"), "hazard.test");
    assert_eq!(header(letter, "time"), text(0).replace(".000", ""));
}

#[test]
fn a_stage_later_than_the_lateness_allowed_is_refused_at_once() {
    let mut script = Script::new(Input::Items);
    script.read(message(200 * MINUTE, 0, order("a", "A", "issued", 200 * MINUTE)));
    script.read(message(201 * MINUTE, 0, order("b", "O", "received", 10 * MINUTE)));
    script.flush();
    assert_eq!(script.rejects(), ["1 illegal_transition"]);
    assert_eq!(script.told(), ["A is issued@12000"]);
}

#[test]
fn a_deadline_that_the_watermark_passes_is_told_once() {
    let mut script = Script::new(Input::Items);
    let due = order("a", "O", "issued", 0)
        .replace(r#""item_id""#, &format!(r#""due":"{}","item_id""#, text(30 * MINUTE)));
    script.read(message(0, 0, due));
    script.flush();
    script.idle_until(30 * MINUTE);
    assert_eq!(script.told().len(), 1);
    script.restart();
    script.idle_until(32 * MINUTE);
    script.restart();
    script.idle_until(60 * MINUTE);
    assert_eq!(script.told(), ["O is issued@0", "O issued overdue since 1800@1800"]);
}

#[test]
fn a_hazard_counts_once_however_often_it_is_listed() {
    let mut script = Script::new(Input::Inspections);
    for (id, minute) in [("a", 0), ("b", 1), ("c", 3)] {
        script.read(message(minute * MINUTE, 0, inspection(id, minute * MINUTE, &["H major", "H major"])));
    }
    script.read(message(4 * MINUTE, 0, hazard("d", "H", "found", 4 * MINUTE, r#""grade":"major","#)));
    script.flush();
    let of = |measure: &str| {
        script
            .counts()
            .iter()
            .filter(|(key, _)| key.starts_with(measure) && key.contains(" 330600 all "))
            .map(|(_, n)| n)
            .sum::<u32>()
    };
    assert_eq!((of("hazards_found_major"), of("inspections")), (1, 3));
    assert_eq!(script.told(), ["H is found major@0"]);
    assert_eq!(script.ledger().counted, 4, "each message is counted, whatever its hazards are");
}

#[test]
fn a_hazard_first_seen_in_the_middle_is_adopted() {
    let mut script = Script::new(Input::Inspections);
    script.read(message(0, 0, hazard("a", "H", "rectifying", 0, r#""grade":"general","#)));
    script.read(message(MINUTE, 0, hazard("b", "H", "closed", MINUTE, "")));
    script.flush();
    assert_eq!(script.told(), ["H is rectifying general@0", "H is closed general@60"]);
    assert_eq!(script.task.report().numbers.adopted, 1);
    assert_eq!(
        script.counts()["hazards_closed_general 330602001 small_workshops @60"],
        1,
        "its grade is remembered"
    );
}

#[test]
fn a_major_hazard_closes_only_after_acceptance_and_a_general_one_from_anywhere() {
    let mut script = Script::new(Input::Inspections);
    script.read(message(0, 0, inspection("a", 0, &["M major", "G general"])));
    for name in ["M", "G"] {
        script.read(message(MINUTE, 0, hazard(name, name, "closed", MINUTE, "")));
    }
    script.flush();
    assert_eq!(
        script.told(),
        ["G is found general@0", "M is found major@0", "G is closed general@60", "M closed held@60"]
    );
}

#[test]
fn a_finding_that_comes_after_its_closing_leaves_the_closing_as_the_last_word() {
    let mut script = Script::new(Input::Inspections);
    script.read(message(5 * MINUTE, 0, hazard("b", "H", "closed", 5 * MINUTE, r#""grade":"general","#)));
    script.read(message(6 * MINUTE, 0, inspection("a", 0, &["H general"])));
    script.flush();
    let signals = script.signals();
    let stages: Vec<_> = signals.iter().map(|signal| format!("{:?}", signal.what)).collect();
    assert!(stages[1].contains("found") && stages[2].contains("closed"), "{stages:?}");
    assert_eq!(script.counts()["hazards_closed_general 330600 all @300"], 1);
    assert_eq!(script.counts()["hazards_found_general 330600 all @0"], 1);
}

#[test]
fn no_more_stages_are_held_than_there_is_room_for() {
    let mut script = Script::with(Input::Items, Settings { held_max: 2, ..settings() });
    for offset in 0..4 {
        script.read(message(
            offset,
            0,
            order(&format!("i{offset}"), &format!("O{offset}"), "closed", offset),
        ));
    }
    script.flush();
    assert_eq!(script.rejects(), ["2 over_limit", "3 over_limit"]);
    assert_eq!((script.ledger().held, script.task.report().numbers.limited["held_max"]), (2, 2));
}

#[test]
fn an_inspection_takes_effect_wholly_or_not_at_all() {
    let mut script = Script::with(Input::Inspections, Settings { subjects_max: 2, ..settings() });
    script.read(message(0, 0, inspection("a", 0, &["H-1 major"])));
    script.read(message(1, 0, inspection("b", 1, &["H-2 major", "H-3 general"])));
    script.flush();
    assert_eq!(script.rejects(), ["1 over_limit"]);
    assert_eq!(script.told(), ["H-1 is found major@0"]);
    assert_eq!(script.counts()["inspections 330600 all @0"], 1);
}

#[test]
fn a_closed_item_is_forgotten_when_nothing_about_it_can_count_any_more() {
    let mut script = Script::new(Input::Inspections);
    script.read(message(0, 0, inspection("a", 0, &["H general", "OPEN general"])));
    script.read(message(MINUTE, 0, hazard("b", "H", "closed", MINUTE, "")));
    script.flush();
    script.idle_until(30 * DAY);
    assert_eq!(script.task.report().tables["items"], 2);
    script.idle_until(31 * DAY);
    assert_eq!(script.task.report().tables["items"], 1, "what is open stays");
}
