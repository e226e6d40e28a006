//! The set of open hazards: what "dynamic zeroing" (动态清零) is measured by.

use std::collections::BTreeMap;

use crate::tally::{Signal, Subject, What};
use crate::taxonomy::Grade;

/// Hazards not yet closed, and how many there are of each grade in each region.
#[derive(Clone, Debug, Default)]
pub struct Hazards {
    open: BTreeMap<String, (String, Grade)>,
    counts: BTreeMap<(String, Grade), u64>,
}

impl Hazards {
    /// Takes in a signal; returns the hazard's id when it changed.
    pub fn follow(&mut self, signal: &Signal) -> Option<String> {
        let (Subject::Hazard(id), What::Stage { grade, terminal, .. }) = (&signal.subject, &signal.what)
        else {
            return None;
        };
        let known = self.get(id).cloned();
        let grade = grade.or(known.as_ref().map(|known| known.1)).unwrap_or(Grade::General);
        let now = (!terminal).then(|| (signal.region.clone(), grade));
        if now == known {
            return None;
        }
        self.set(id, now);
        Some(id.clone())
    }

    /// An open hazard's region and grade.
    pub fn get(&self, id: &str) -> Option<&(String, Grade)> {
        self.open.get(id)
    }

    /// Sets what is known of a hazard; `None`: it is closed.
    pub fn set(&mut self, id: &str, hazard: Option<(String, Grade)>) {
        if let Some(before) = self.open.remove(id)
            && let Some(count) = self.counts.get_mut(&before)
        {
            *count -= 1;
        }
        if let Some(hazard) = hazard {
            *self.counts.entry(hazard.clone()).or_insert(0) += 1;
            self.open.insert(id.to_owned(), hazard);
        }
    }

    /// By region code and grade; a region that has come to zero stays, at zero.
    pub fn counts(&self) -> &BTreeMap<(String, Grade), u64> {
        &self.counts
    }
}
