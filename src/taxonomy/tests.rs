//! The shipped taxonomy, and every mistake that the files can hold, as data.

use super::*;
use crate::event::EventTime;

#[test]
fn shipped_taxonomy_has_no_problem() {
    let taxonomy = Taxonomy::shipped();
    let count = |level| taxonomy.regions.iter().filter(|id| taxonomy.regions.level(*id) == level).count();
    assert_eq!(
        [
            count(RegionLevel::City),
            count(RegionLevel::County),
            count(RegionLevel::Town),
            count(RegionLevel::Unknown)
        ],
        [1, 6, 103, 1]
    );
    let town = taxonomy.regions.find("330604104001");
    let chain: Vec<&str> = taxonomy
        .regions
        .ancestors(town, EventTime::from_ms(0))
        .iter()
        .map(|id| taxonomy.regions.code(*id))
        .collect();
    assert_eq!(chain, ["330604104", "330604", "330600"]);
}

#[test]
fn one_taxonomy_serves_every_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Taxonomy::shipped());
}
