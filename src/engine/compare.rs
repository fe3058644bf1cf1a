//! The described state before and after.

use std::time::Duration;

use crate::faults::State;
use crate::model::{Clock, Event};
use crate::preflight::Preflighted;

use super::shell::Shell;

/// The state after is described again for this long, in real time, until it equals the state before:
/// EC2's API is eventually consistent.
const COMPARE_PATIENCE: Duration = Duration::from_secs(30);

struct Compared {
    differences: Vec<String>,
    before: String,
    after: String,
}

impl Shell {
    /// Describes the network again and compares it with the state before. `patient` says whether a difference may still go.
    pub(super) async fn compare(&self, ready: &Preflighted, patient: bool) -> Result<(), String> {
        let until = Clock::real_now() + COMPARE_PATIENCE;
        loop {
            let compared = compare_once(ready).await;
            let settled = compared.as_ref().is_ok_and(|compared| compared.differences.is_empty());
            let late = Clock::real_now() >= until || self.give_up.is_cancelled() || !patient;
            if settled || late {
                return self.conclude(compared);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn conclude(&self, compared: Result<Compared, String>) -> Result<(), String> {
        let compared = compared.map_err(|error| format!("the state after could not be described: {error}"))?;
        let identical = compared.differences.is_empty();
        self.run.log.write(Event::StateCompared {
            identical,
            differences: compared.differences.clone(),
            before_sha256: compared.before,
            after_sha256: compared.after,
        });
        if identical { Ok(()) } else { Err(compared.differences.join("; ")) }
    }
}

async fn compare_once(ready: &Preflighted) -> Result<Compared, String> {
    let after = State::describe(&ready.cloud, &ready.plan.scope).await.map_err(|error| error.to_string())?;
    let differences = ready.before.differences(&after);
    Ok(Compared { differences, before: ready.before.digest(), after: after.digest() })
}
