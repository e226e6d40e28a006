//! The events that the tests send: a small city with everything that makes counting hard, the same for the same seed.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;
use serde_json::json;

/// An event ready to be sent.
pub struct Event {
    /// `sensors` or `inspections`.
    pub input: &'static str,
    pub key: String,
    pub value: Vec<u8>,
}

/// Makes events that happen about now, some of them late, early, twice or broken.
pub struct Load {
    dice: Pcg32,
    made: u64,
    sent: Vec<Event>,
    /// Hazards that were found and not closed.
    open: Vec<u64>,
}

const TOWNS: [&str; 6] = ["330602001", "330602002", "330603001", "330604104", "330681003", "999999999"];
const SECTORS: [&str; 3] = ["hazardous_chemicals", "chemical_parks", "small_workshops"];
const SENSORS: u32 = 60;

impl Load {
    pub fn new(seed: u64) -> Load {
        Load { dice: Pcg32::seed_from_u64(seed), made: 0, sent: Vec::new(), open: Vec::new() }
    }

    /// The next event, at the wall clock's `now_ms`.
    pub fn next(&mut self, now_ms: i64) -> &Event {
        self.made += 1;
        let again = self.dice.random_range(0..100) < 3 && !self.sent.is_empty();
        if again {
            let nth = self.dice.random_range(self.sent.len().saturating_sub(200)..self.sent.len());
            return &self.sent[nth];
        }
        let time_ms = match self.dice.random_range(0..200) {
            0 => now_ms + 300_000, // a clock gone wrong: quarantined
            1 => now_ms - 600_000, // beyond every window
            2..8 => now_ms - self.dice.random_range(5_000..90_000), // late, but inside the longer window
            _ => now_ms - self.dice.random_range(0..1_500),
        };
        let event = if self.made.is_multiple_of(10) {
            self.inspection(time_ms, now_ms)
        } else {
            self.reading(time_ms)
        };
        self.sent.push(event);
        self.sent.last().expect("it was just put there")
    }

    fn reading(&mut self, time_ms: i64) -> Event {
        let sensor = self.dice.random_range(0..SENSORS);
        let value = match self.dice.random_range(0..20) {
            0 => 60.0,
            1..3 => 30.0,
            _ => f64::from(self.dice.random_range(10..200)) / 10.0,
        };
        let town = TOWNS[sensor as usize % TOWNS.len()];
        let value = json!({
            "type": "reading", "id": format!("r{}", self.made), "time": text(time_ms), "region": town,
            "sector": SECTORS[sensor as usize % SECTORS.len()],
            "enterprise_id": format!("e{}", sensor / 4), "sensor_id": format!("s{sensor}"),
            "quantity": "combustible_gas", "unit": "%LEL", "value": value,
        });
        let broken = self.dice.random_range(0..200) == 0;
        let mut value = value.to_string().into_bytes();
        value.truncate(if broken { value.len() / 2 } else { value.len() });
        Event { input: "sensors", key: format!("s{sensor}"), value }
    }

    /// An inspection finds nothing, a new hazard, or one that is still open; a general one is closed a while later. What
    /// closes is never late, since a stage before its predecessor is another story. All of an enterprise's events have its
    /// key.
    fn inspection(&mut self, time_ms: i64, now_ms: i64) -> Event {
        let is_new = self.open.len() < 20 || self.dice.random_range(0..3) == 0;
        let hazard = match is_new {
            true => self.made,
            false => self.open[self.dice.random_range(0..self.open.len())],
        };
        let enterprise = hazard % 17;
        let grade = if hazard.is_multiple_of(50) { "major" } else { "general" };
        let closes =
            !is_new && grade == "general" && hazard + 1_000 < self.made && self.dice.random_range(0..2) == 0;
        let time_ms = if closes { now_ms } else { time_ms };
        let mut event = json!({
            "id": format!("i{}", self.made), "time": text(time_ms), "sector": "small_workshops",
            "region": TOWNS[enterprise as usize % TOWNS.len()], "enterprise_id": format!("e{enterprise}"),
        });
        let rest = match closes {
            true => json!({"type": "hazard", "hazard_id": format!("h{hazard}"), "status": "closed"}),
            false if self.dice.random_range(0..4) == 0 => json!({"type": "inspection", "source": "grid"}),
            false => json!({"type": "inspection", "source": "grid",
                            "hazards": [{"hazard_id": format!("h{hazard}"), "grade": grade}]}),
        };
        // An event of a clock gone wrong, or one beyond every window, finds nothing that counts.
        let counts = (now_ms - 100_000..=now_ms).contains(&time_ms) && rest["hazards"].is_array();
        if is_new && counts {
            self.open.push(hazard);
        }
        if closes {
            self.open.retain(|open| *open != hazard);
        }
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        Event { input: "inspections", key: format!("e{enterprise}"), value: event.to_string().into_bytes() }
    }
}

fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}
