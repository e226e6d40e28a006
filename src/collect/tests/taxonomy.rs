//! A restart under another taxonomy.

use std::sync::Arc;

use super::script::{Script, message, order, reading};
use crate::log::{Input, Topic};
use crate::taxonomy::{FILES, SHIPPED, Taxonomy};

/// The shipped files, with one text in one of them replaced.
fn changed(file: &str, from: &str, to: &str) -> Arc<Taxonomy> {
    let mut texts = SHIPPED.map(str::to_owned);
    let text = &mut texts[FILES.iter().position(|name| *name == file).unwrap()];
    assert!(text.contains(from), "{file} has no {from}");
    *text = text.replace(from, to);
    Arc::new(Taxonomy::read(FILES, texts.each_ref().map(String::as_str)).unwrap())
}

#[test]
fn a_limit_that_changed_takes_back_the_level_that_was_told() {
    let other = changed("quantities.yaml", "level: yellow, set_point: 25,", "level: blue, set_point: 35,");
    let mut script = Script::new(Input::Sensors);
    script.read(message(0, 0, reading("a", "S", 0, 30.0)));
    script.flush();
    script.restart_under(&other);
    script.flush();
    assert_eq!(script.told(), ["S normal  by 30@0", "S yellow H by 30@0"]);
    script.restart_under(&other);
    script.flush();
    assert_eq!(script.told().len(), 2, "told once");
}

#[test]
fn what_the_taxonomy_has_no_place_for_any_more_is_counted_and_left() {
    let mut script = Script::new(Input::Items);
    script.read(message(0, 0, order("a", "O", "issued", 0)));
    script.read(message(1, 0, order("b", "P", "received", 1)));
    script.flush();
    script.restart_under(&changed("kinds.yaml", "order_supervision", "order_other"));
    script.flush();
    assert_eq!(script.ledger().held, 0);
    assert_eq!(script.ledger().difference(), 0);
    assert_eq!(script.rejects(), ["1 unknown_kind"], "the held stage becomes a dead letter");
    assert_eq!(script.task.report().numbers.orphaned, 3, "two items and what was held of one");
    let held = script
        .written
        .iter()
        .rfind(|output| output.topic == Topic::State && output.key.ends_with(b"|held|1"));
    assert_eq!(held.unwrap().value, None);
}
