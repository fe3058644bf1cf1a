//! What goes wrong between the runner and EC2, and what must come of it: whatever call is throttled, fails, loses its answer
//! or is not allowed, in injecting or in restoring, everything is as it was in the end, and what is not yet is named.
//!
//! A proxy stands on the wire, before the lab in one arm of each test and before moto in the other.

#[path = "wire/calls.rs"]
mod calls;
#[path = "wire/faults.rs"]
mod faults;
#[path = "wire/journals.rs"]
mod journals;
#[path = "wire/people.rs"]
mod people;
#[path = "wire/place.rs"]
pub(crate) mod place;
#[path = "wire/prefixes.rs"]
mod prefixes;
#[path = "wire/rollbacks.rs"]
mod rollbacks;
#[path = "wire/runs.rs"]
mod runs;
