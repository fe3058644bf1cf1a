//! When the outage began and ended, by the calls that cut and heal: the one definition, for the run that waits and for the report.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Mutation, Region, Step};

/// What was cut and healed so far. The faults of the primary Region make the outage; those elsewhere only where it has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outage {
    /// By whether it is the primary's, and by fault; older logs tell no fault, and have one row for all.
    faults: BTreeMap<(bool, Option<u32>), Calls>,
}

/// When the calls of a fault were sent.
#[derive(Debug, Clone, Default, PartialEq)]
struct Calls {
    cuts: Vec<Timestamp>,
    heals: Vec<Timestamp>,
}

impl Calls {
    /// The first call that heals what no later one cuts again: a flapping fault is over with its last turn.
    fn healed(&self) -> Option<Timestamp> {
        let last_cut = self.cuts.iter().max()?;
        self.heals.iter().filter(|sent| *sent >= last_cut).min().copied()
    }

    /// The first call that heals after the first that cuts: the end of a flapping fault's first turn.
    fn first_healed(&self) -> Option<Timestamp> {
        let first_cut = self.cuts.iter().min()?;
        self.heals.iter().filter(|sent| *sent >= first_cut).min().copied()
    }
}

impl Outage {
    /// Takes a call into account; gives whether it is the first that cuts.
    pub fn take(&mut self, mutation: &Mutation, primary: Option<&Region>) -> bool {
        let first = self.began().is_none() && mutation.step == Step::Cut;
        let calls = self.faults.entry((Some(&mutation.region) == primary, mutation.fault)).or_default();
        match mutation.step {
            Step::Cut => calls.cuts.push(mutation.window.sent),
            Step::Heal => calls.heals.push(mutation.window.sent),
            Step::Prepare | Step::Dismantle => {}
        }
        first
    }

    /// Whether the faults of the primary Region alone make it.
    pub fn at_primary(&self) -> bool {
        self.faults.iter().any(|((at_primary, _), calls)| *at_primary && !calls.cuts.is_empty())
    }

    fn calls(&self) -> impl Iterator<Item = (Option<u32>, &Calls)> {
        let at_primary = self.at_primary();
        let of_it =
            move |(key, calls): &(&(bool, Option<u32>), &Calls)| (key.0 || !at_primary) && !calls.cuts.is_empty();
        self.faults.iter().filter(of_it).map(|((_, fault), calls)| (*fault, calls))
    }

    /// When the first call that cuts was sent.
    pub fn began(&self) -> Option<Timestamp> {
        self.calls().flat_map(|(_, calls)| &calls.cuts).min().copied()
    }

    /// When the first call was sent that heals the last fault that stands; nothing while one stands.
    pub fn ended(&self) -> Option<Timestamp> {
        let ends: Option<Vec<Timestamp>> = self.calls().map(|(_, calls)| calls.healed()).collect();
        ends?.into_iter().max()
    }

    /// When the first call that heals at all was sent: of those faults, or of all where the log does not tell whose a call is.
    pub fn first_healed(&self, of: impl Fn(u32) -> bool) -> Option<Timestamp> {
        let chosen = self.calls().filter(|(fault, _)| fault.is_none_or(&of));
        chosen.filter_map(|(_, calls)| calls.first_healed()).min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::Window;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn outage(calls: &[(&str, Option<u32>, Step, i64)]) -> Outage {
        let mut outage = Outage::default();
        for (region, fault, step, sent) in calls {
            let mutation = Mutation {
                window: Window { sent: at(*sent), received: at(*sent) },
                region: (*region).into(),
                step: *step,
                call: String::new(),
                resource: String::new(),
                ipv4: true,
                fault: *fault,
                error: None,
            };
            outage.take(&mutation, Some(&"primary".into()));
        }
        outage
    }

    #[test]
    fn b3_the_outage_lasts_until_the_last_fault_is_healed() {
        let two = [
            ("primary", Some(0), Step::Cut, 0),
            ("primary", Some(1), Step::Cut, 0),
            ("primary", Some(0), Step::Heal, 20),
        ];
        assert_eq!(outage(&two).ended(), None, "one stands");
        let both = [&two[..], &[("primary", Some(1), Step::Heal, 180), ("primary", Some(1), Step::Heal, 181)]].concat();
        let both = outage(&both);
        assert_eq!((both.began(), both.ended()), (Some(at(0)), Some(at(180))));
        assert_eq!((both.first_healed(|_| true), both.first_healed(|fault| fault == 1)), (Some(at(20)), Some(at(180))));
    }

    #[test]
    fn a_flapping_fault_is_over_with_its_last_turn() {
        let turns = [(Step::Cut, 0), (Step::Heal, 30), (Step::Cut, 60), (Step::Heal, 90)];
        let turns = turns.map(|(step, sent)| ("primary", Some(0), step, sent));
        let flapping = outage(&turns);
        assert_eq!((flapping.ended(), flapping.first_healed(|_| true)), (Some(at(90)), Some(at(30))));
        // What heals once more for safety's sake changes nothing.
        let again = outage(&[&turns[..], &[("primary", Some(0), Step::Heal, 95)]].concat());
        assert_eq!(again.ended(), Some(at(90)));
    }

    #[test]
    fn a_fault_at_the_replica_counts_where_the_primary_has_none() {
        let replica = [("replica", Some(1), Step::Cut, 10), ("replica", Some(1), Step::Heal, 20)];
        let alone = outage(&replica);
        assert_eq!((alone.began(), alone.ended()), (Some(at(10)), Some(at(20))));
        let both = outage(&[&replica[..], &[("primary", Some(0), Step::Cut, 30)]].concat());
        assert_eq!((both.began(), both.ended()), (Some(at(30)), None));
    }

    #[test]
    fn a_log_that_tells_no_fault_has_one() {
        let old = [(Step::Cut, 0), (Step::Cut, 1), (Step::Heal, 50), (Step::Heal, 51)];
        let old = outage(&old.map(|(step, sent)| ("primary", None, step, sent)));
        assert_eq!((old.began(), old.ended(), old.first_healed(|_| false)), (Some(at(0)), Some(at(50)), Some(at(50))));
    }
}
