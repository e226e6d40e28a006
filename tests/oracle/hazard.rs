//! Hazards: each counts once per id and stage.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Hazards {
    by_id: BTreeMap<String, Hazard>,
}

#[derive(Default)]
struct Hazard {
    grade: Option<String>,
    stages: Vec<String>,
}

impl Hazards {
    /// The hazard is said to be at this stage: the measures that this adds to.
    pub fn reach(&mut self, id: &str, stage: &str, grade: Option<&str>) -> Vec<String> {
        let hazard = self.by_id.entry(id.to_owned()).or_default();
        if hazard.grade.is_none() {
            hazard.grade = grade.map(str::to_owned);
        }
        if hazard.stages.iter().any(|reached| reached == stage) {
            return Vec::new();
        }
        hazard.stages.push(stage.to_owned());
        let grade = hazard.grade.clone().unwrap_or_else(|| "general".to_owned());
        match stage {
            "found" => vec![format!("hazards_found_{grade}")],
            "closed" => vec![format!("hazards_closed_{grade}")],
            _ => Vec::new(),
        }
    }

    /// The ids of the major ones that were found.
    pub fn major(&self) -> Vec<String> {
        let is_major = |hazard: &Hazard| {
            hazard.grade.as_deref() == Some("major") && hazard.stages.iter().any(|stage| stage == "found")
        };
        self.by_id.iter().filter(|(_, hazard)| is_major(hazard)).map(|(id, _)| id.clone()).collect()
    }
}
