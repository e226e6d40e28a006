//! Dead letters, commands, and state that cannot be read.

use super::script::{DESTINATIONS, Message, Script, header, message, new_task, settings, text};
use crate::log::{Input, Topic};
use crate::tally::{StateError, Subject, What};

#[test]
fn a_dead_letter_is_cut_and_says_how_long_it_was() {
    let mut script = Script::new(Input::Sensors);
    script.read(Message { arrival_ms: 0, value: vec![b'x'; 100_000] });
    script.flush();
    let letter = script.written.iter().find(|output| output.topic == Topic::Rejects).unwrap();
    assert_eq!(letter.value.as_ref().unwrap().len(), 65_536);
    assert_eq!(
        (header(letter, "truncated_from"), header(letter, "reason")),
        ("100000".into(), "oversized".into())
    );
}

#[test]
fn a_command_goes_to_its_alert_s_partition_with_its_original_bytes() {
    let command = |id: &str, alert: &str| {
        format!(r#"{{"type":"ack","id":"{id}","time":"{}","alert_id":"{alert}","by":"officer"}}"#, text(0))
    };
    let alert = "a5f0c1d200000000b000000000000000";
    let mut script = Script::new(Input::Commands);
    script.read(message(0, 0, command("a", alert)));
    script.read(message(0, 0, command("b", "a5f0c1d2")));
    script.read(message(0, 0, command("c", "not-an-alert-at-all")));
    script.flush();
    assert_eq!(script.rejects(), ["1 unknown_alert", "2 unknown_alert"]);
    assert_eq!(script.ledger().counted, 1, "a command is counted");
    let home = Subject::Alert(alert.into()).partition(DESTINATIONS);
    let output = script.written.iter().filter(|output| output.topic == Topic::Tallies).find(|output| {
        !crate::tally::Tally::decode(output.value.as_ref().unwrap()).unwrap().signals.is_empty()
    });
    assert_eq!(output.unwrap().partition, Some(home));
    let signals = script.signals();
    let What::Command { original, by, .. } = &signals[0].what else { panic!("{signals:?}") };
    assert_eq!((original, by.as_deref()), (&script.log[0].value, Some("officer")));
}

#[test]
fn a_newer_or_foreign_or_damaged_state_record_is_refused() {
    let restore = |key: &[u8], value: &[u8]| new_task(Input::Sensors, &settings()).restore(key, Some(value));
    let newer = restore(b"collect-sensors-1|task|", &[9, 0, 0]);
    assert_eq!(newer, Err(StateError::Newer { version: 9 }));
    assert!(newer.unwrap_err().to_string().contains("newer"));
    for (key, value) in [
        (&b"collect-sensors-2|task|"[..], &[1][..]),
        (b"collect-sensors-1|task|", &[1]),
        (b"collect-sensors-1|unheard-of|", &[1]),
        (b"collect-sensors-1", &[1]),
        (b"\xff|task|", &[1]),
        (b"collect-sensors-1|held|not-a-number", &[1]),
    ] {
        assert!(
            matches!(restore(key, value), Err(StateError::Damaged { .. })),
            "{}",
            String::from_utf8_lossy(key)
        );
    }
}

#[test]
fn a_sensor_s_name_may_hold_what_separates_keys() {
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 0, super::script::reading("a", "S|1|x", 0, 60.0)));
    script.flush();
    script.restart();
    script.read(message(1_000, 0, super::script::reading("b", "S|1|x", 1_000, 60.0)));
    script.flush();
    assert_eq!(script.told(), ["S|1|x red HH by 60@0"], "known through the restart");
}
