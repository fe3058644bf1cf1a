//! The described state before and after.

use std::time::Duration;

use crate::faults::{ChangedByOthers, Comparison, State};
use crate::preflight::Preflighted;
use gameday_core::model::{Clock, Event};

use super::shell::{Shell, lock};

/// The state after is described again for this long, in real time, until it equals the state before:
/// EC2's API is eventually consistent.
const COMPARE_PATIENCE: Duration = Duration::from_secs(30);

impl Shell {
    /// Describes the network again and compares it with the state before: what is the run's own must be as it was. `patient` says whether a difference may still go.
    pub(super) async fn compare(&self, ready: &Preflighted, patient: bool) -> Result<(), String> {
        let until = Clock::real_now() + COMPARE_PATIENCE;
        loop {
            let compared = self.compare_once(ready).await;
            let settled = compared.as_ref().is_ok_and(|compared| compared.left.is_empty());
            let late = Clock::real_now() >= until || self.give_up.is_cancelled() || !patient;
            if settled || late {
                return self.conclude(compared);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn compare_once(&self, ready: &Preflighted) -> Result<Comparison, String> {
        let after = State::describe(&ready.cloud, &ready.plan.scope).await.map_err(|error| error.to_string())?;
        let by_others = lock(&self.changed_by_others).clone();
        Ok(ready.before.compare(&after, &by_others))
    }

    fn conclude(&self, compared: Result<Comparison, String>) -> Result<(), String> {
        let compared = compared.map_err(|error| format!("the state after the run could not be described: {error}"))?;
        let Comparison { left, others, renewed, before_sha256, after_sha256 } = compared;
        let identical = left.is_empty();
        for ChangedByOthers { region, resource, found } in others {
            self.run.log.write(Event::ChangedByOthers { region: Some(region), resource, found });
        }
        for text in renewed {
            self.note(text);
        }
        let differences = left.clone();
        self.run.log.write(Event::StateCompared { identical, differences, before_sha256, after_sha256 });
        if identical { Ok(()) } else { Err(left.join("; ")) }
    }
}
