//! How many sensors are heard and expected: by cell and by gateway.
//!
//! Both are sent as absolute numbers of this input partition, when they changed since the last flush; after a restart all
//! of them once.

use super::cell::{CellId, Cells};
use super::intern::Names;
use crate::event::EventTime;

/// Sensors of one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Heard within their no-data time.
    pub heard: u32,
    /// Expected.
    pub expected: u32,
}

impl Heads {
    fn change(&mut self, heard: i32, expected: i32) {
        self.heard = self.heard.saturating_add_signed(heard);
        self.expected = self.expected.saturating_add_signed(expected);
    }
}

/// A gateway, as its sensors show it.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Where its first sensor was.
    pub place: CellId,
    /// Whose its first sensor was.
    pub enterprise: Box<str>,
    /// When a number changed last, in event time.
    pub at: EventTime,
    /// The numbers now.
    pub now: Heads,
    sent: Option<Heads>,
    listed: bool,
}

/// Sensors heard and expected.
pub struct Coverage {
    leaves: Vec<Heads>,
    sent: Vec<Heads>,
    changed: bool,
    /// The hour of event time of the last roll-up: towns may move between counties when a day begins.
    hour: i64,
    names: Names,
    gateways: Vec<Gateway>,
    /// Gateways whose numbers may have changed, each once.
    changed_gateways: Vec<u32>,
    new_gateways: Vec<u32>,
}

const HOUR_MS: i64 = 3_600_000;

impl Coverage {
    /// Nothing heard, nothing expected, in `cells` cells.
    pub fn new(cells: usize) -> Self {
        Coverage {
            leaves: vec![Heads::default(); cells],
            sent: vec![Heads::default(); cells],
            changed: false,
            hour: i64::MIN,
            names: Names::default(),
            gateways: Vec::new(),
            changed_gateways: Vec::new(),
            new_gateways: Vec::new(),
        }
    }

    /// The index of a gateway, known or new; `None` where `max` leaves no room for a new one.
    pub fn gateway(&mut self, id: &str, place: CellId, enterprise: &str, max: usize) -> Option<u32> {
        let known = self.names.find(id);
        if known.is_some() || self.names.count() >= max {
            return known;
        }
        self.gateways.push(Gateway {
            place,
            enterprise: enterprise.into(),
            at: EventTime::MIN,
            now: Heads::default(),
            sent: None,
            listed: false,
        });
        let index = self.names.insert(id);
        self.new_gateways.push(index);
        Some(index)
    }

    /// Puts a gateway that the state remembers in its place.
    pub fn restore_gateway(&mut self, id: &str, place: CellId, enterprise: &str) {
        if let Some(index) = self.gateway(id, place, enterprise, usize::MAX) {
            let gateway = &mut self.gateways[index as usize];
            gateway.place = place;
            gateway.enterprise = enterprise.into();
        }
    }

    /// After the state has been read: all that is known of gateways came from it.
    pub fn resume(&mut self) {
        self.new_gateways.clear();
    }

    /// Hands out the gateways that have no record in the state yet.
    pub fn take_new_gateways(&mut self, mut each: impl FnMut(&str, &Gateway)) {
        for index in std::mem::take(&mut self.new_gateways) {
            each(self.names.name(index), &self.gateways[index as usize]);
        }
    }

    /// Its id.
    pub fn gateway_id(&self, index: u32) -> &str {
        self.names.name(index)
    }

    /// Brings a gateway's id near, for a reading soon to come.
    pub fn touch(&self, index: u32) -> u64 {
        self.names.name(index).len() as u64
    }

    /// A sensor in `leaf`, behind `gateway`, came (+1), went (−1), was heard again or fell silent at this moment.
    pub fn change(&mut self, leaf: CellId, gateway: Option<u32>, heard: i32, expected: i32, at: EventTime) {
        self.leaves[leaf.0 as usize].change(heard, expected);
        self.changed = true;
        if let Some(index) = gateway {
            let gateway = &mut self.gateways[index as usize];
            gateway.now.change(heard, expected);
            gateway.at = gateway.at.max(at);
            if !gateway.listed {
                gateway.listed = true;
                self.changed_gateways.push(index);
            }
        }
    }

    /// Hands out every cell whose numbers are not those sent last, by the regions' tree at `at`.
    pub fn take_cells(&mut self, cells: &Cells, at: EventTime, mut each: impl FnMut(CellId, Heads)) {
        let hour = at.ms.div_euclid(HOUR_MS);
        if !self.changed && hour == self.hour {
            return;
        }
        self.changed = false;
        self.hour = hour;
        let mut now = vec![Heads::default(); self.leaves.len()];
        for (leaf, heads) in self.leaves.iter().enumerate().filter(|(_, heads)| **heads != Heads::default()) {
            cells.above(CellId(leaf as u32), at, |cell| {
                let sum = &mut now[cell.0 as usize];
                sum.heard += heads.heard;
                sum.expected += heads.expected;
            });
        }
        for (cell, heads) in now.iter().enumerate().filter(|(cell, heads)| self.sent[*cell] != **heads) {
            each(CellId(cell as u32), *heads);
        }
        self.sent = now;
    }

    /// Hands out every gateway whose numbers are not those sent last.
    pub fn take_gateways(&mut self, mut each: impl FnMut(&str, &Gateway)) {
        for index in std::mem::take(&mut self.changed_gateways) {
            let gateway = &mut self.gateways[index as usize];
            gateway.listed = false;
            if gateway.sent != Some(gateway.now) {
                gateway.sent = Some(gateway.now);
                each(self.names.name(index), gateway);
            }
        }
    }

    /// The ids of gateways that expect sensors and hear none, sorted.
    pub fn silent_gateways(&self) -> Vec<String> {
        let silent = |gateway: &Gateway| gateway.now.expected > 0 && gateway.now.heard == 0;
        let mut ids: Vec<String> = (0_u32..)
            .zip(&self.gateways)
            .filter(|(_, gateway)| silent(gateway))
            .map(|(index, _)| self.names.name(index).to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }
}
