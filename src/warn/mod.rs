//! The alert book (预警提示): alerts, their life, and what leaves the house. Depends on tally.

mod alert;
mod book;
mod life;

pub use alert::{Alert, AlertEvent, Deadline, Evidence, Reason, SubjectRef, Transition, alert_id};
pub use book::{Book, Step};
pub use life::{Cue, Status, next};
