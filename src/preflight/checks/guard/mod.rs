//! GD902 to GD911: the environment's guard rails, against what a scenario's faults cover. No run gets past them.

mod alarms;
mod dead_man;
mod duration;
mod forbidden_ids;
mod forbidden_tags;
mod hours;
pub mod lock;
mod regions;
mod required_tags;
mod share;

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[
    &regions::CHECK,
    &required_tags::CHECK,
    &forbidden_tags::CHECK,
    &forbidden_ids::CHECK,
    &duration::CHECK,
    &share::CHECK,
    &hours::CHECK,
    &alarms::CHECK,
    &lock::CHECK,
    &dead_man::CHECK,
];
