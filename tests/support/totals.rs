//! The totals that `hazstream generate` writes of what it sent, as the counts that must come out.

use std::collections::BTreeMap;

use serde_json::Value;

/// `region|sector`, measure → count.
pub type Counts = BTreeMap<(String, String), u64>;

/// Of what is read and what a measure counts.
pub fn wanted(totals: &Value) -> Counts {
    let mut wanted = BTreeMap::new();
    for (county, sectors) in totals["counts"].as_object().unwrap() {
        for (sector, measures) in sectors.as_object().unwrap() {
            for (measure, count) in measures.as_object().unwrap() {
                if !["items", "records"].contains(&measure.as_str()) {
                    wanted.insert((format!("{county}|{sector}"), measure.clone()), count.as_u64().unwrap());
                }
            }
        }
    }
    wanted
}
