//! What is neither sensor nor hazard: items, records, commands, gateways. Their facts are kept apart from the contract's ten
//! measures.

use std::collections::{BTreeMap, BTreeSet};

use super::accept::{Body, Event};
use super::city::City;
use super::item::{Fate, Items, Step};
use super::{Fact, Place};

/// What the oracle found of them.
#[derive(Default)]
pub struct Affairs {
    /// Facts of the measures beyond the contract's ten.
    pub facts: Vec<Fact>,
    /// Stages that came before their predecessor: kind, id, stage, when.
    pub early: BTreeSet<(String, String, String, i64)>,
    /// The deadline that each item has in the end: kind, id, when.
    pub deadlines: BTreeSet<(String, String, i64)>,
    /// By sensor: the gateway that it was last behind.
    pub gateways: BTreeMap<String, String>,
    /// By sensor: the region of its last reading.
    pub homes: BTreeMap<String, String>,
}

/// What is known of one partition's affairs.
#[derive(Default)]
pub struct Desk {
    items: Items,
    newest: BTreeMap<String, i64>,
}

/// What became of the message.
#[derive(PartialEq)]
pub enum Admitted {
    /// Or it waits, to be refused in the end if it waited in vain.
    Counted,
    Refused,
}

impl Desk {
    /// One accepted event.
    pub fn follow(
        &mut self,
        affairs: &mut Affairs,
        city: &City,
        event: &Event,
        at: Place,
        (watermark_ms, hold_ms): (i64, i64),
    ) -> Admitted {
        match &event.body {
            Body::Reading(reading) if reading.quality != "bad" => {
                let newest = self.newest.entry(reading.sensor_id.clone()).or_insert(i64::MIN);
                if event.time_ms > *newest {
                    *newest = event.time_ms;
                    affairs.homes.insert(reading.sensor_id.clone(), event.region.clone());
                    if let Some(gateway) = &reading.gateway {
                        affairs.gateways.insert(reading.sensor_id.clone(), gateway.clone());
                    }
                }
            }
            Body::Record { kind, channel } if kind == "enforcement_case" => {
                let remote = channel.as_deref() == Some("remote");
                affairs.facts.push(fact(event, "enforcement_cases", at));
                affairs.facts.extend(remote.then(|| fact(event, "enforcement_cases_remote", at)));
            }
            Body::Item { kind, item, stage, due_ms } => {
                let kind = city.kind(kind).expect("it was accepted");
                let step = Step { time_ms: event.time_ms, stage: *stage, due_ms: *due_ms, source: at };
                match self.items.hear(&kind, item, step, watermark_ms, hold_ms) {
                    Fate::Taken(steps) => {
                        for step in steps {
                            let code = &kind.stages[step.stage].code;
                            for measure in measures(&kind.code, code) {
                                let taken = fact(event, measure, step.source);
                                affairs.facts.push(Fact { time_ms: step.time_ms, ..taken });
                            }
                        }
                    }
                    Fate::Known => {}
                    Fate::Waits { early } => {
                        if early {
                            let code = kind.stages[*stage].code.clone();
                            affairs.early.insert((kind.code, item.clone(), code, event.time_ms));
                        }
                    }
                    Fate::Refused => return Admitted::Refused,
                }
            }
            Body::Reading(_)
            | Body::Record { .. }
            | Body::Inspection { .. }
            | Body::Hazard { .. }
            | Body::Command => {}
        }
        Admitted::Counted
    }

    /// Nothing more comes: the places of the messages that waited in vain.
    pub fn end(self, affairs: &mut Affairs) -> Vec<Place> {
        affairs.deadlines.extend(self.items.deadlines());
        let waiting = self.items.waiting().into_iter();
        waiting.filter(|(_, again)| !again).map(|(step, _)| step.source).collect()
    }
}

fn fact(event: &Event, measure: &str, source: Place) -> Fact {
    Fact {
        measure: measure.to_owned(),
        region: event.region.clone(),
        sector: event.sector.clone(),
        time_ms: event.time_ms,
        source,
    }
}

/// The measures of the shipped file, and `item_stages`, which counts every stage of any item.
fn measures(kind: &str, stage: &str) -> Vec<&'static str> {
    let mut measures = vec!["item_stages"];
    measures.extend((kind.starts_with("order_") && stage == "issued").then_some("orders_issued"));
    measures.extend((kind == "hotspot" && stage == "detected").then_some("hotspots_detected"));
    measures.extend((kind == "accident" && stage == "reported").then_some("accidents"));
    measures
}
