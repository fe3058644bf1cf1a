//! Faults that begin or end in the course of a run: staggered, limited, flapping.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::faults::{Executor, Fault, FaultError, Plan};
use gameday_core::model::Clock;
use gameday_protocols::timer::Timer as _;

/// Begins and ends the faults of a plan until all have had their turns, or `stop`. What begins at once was begun
/// already, at `zero`. No call is in flight when it ends.
///
/// # Errors
/// The first [`FaultError`]; [`FaultError::Interrupted`] when it was stopped before the end.
pub(super) async fn run(
    plan: &Plan,
    clock: Clock,
    zero: Timestamp,
    executor: &Executor,
    stop: &CancellationToken,
) -> Result<(), FaultError> {
    // The first that fails must not drop the others in the middle of a call.
    let own = stop.child_token();
    let turns = plan.faults.iter().map(|fault| async {
        let result = turns(fault, clock, zero, executor, &own).await;
        if result.is_err() {
            own.cancel();
        }
        result
    });
    let errors = join_all(turns).await.into_iter().filter_map(Result::err);
    // What was interrupted by the failure of another tells nothing.
    errors.min_by_key(|error| matches!(error, FaultError::Interrupted)).map_or(Ok(()), Err)
}

async fn turns(
    fault: &Fault,
    clock: Clock,
    zero: Timestamp,
    executor: &Executor,
    stop: &CancellationToken,
) -> Result<(), FaultError> {
    let cut = fault.cut();
    for (from, to) in fault.spec.windows() {
        if !from.is_zero() {
            until(clock, zero, from, stop).await?;
            executor.make(&cut, stop).await?;
            executor.confirm(&cut).await?;
        }
        let Some(to) = to else { return Ok(()) };
        until(clock, zero, to, stop).await?;
        let healed = executor.heal(&cut, stop).await;
        if stop.is_cancelled() {
            // It may have been cut short; the restore does it again, without limit.
            return Err(FaultError::Interrupted);
        }
        if !healed.left.is_empty() {
            return Err(FaultError::NotHealed(fault.number, healed.left.join("; ")));
        }
    }
    Ok(())
}

async fn until(clock: Clock, zero: Timestamp, offset: Duration, stop: &CancellationToken) -> Result<(), FaultError> {
    let offset = SignedDuration::try_from(offset).unwrap_or(SignedDuration::MAX);
    let at = zero.saturating_add(offset).unwrap_or(Timestamp::MAX);
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(FaultError::Interrupted),
        () = clock.sleep_until(at) => Ok(()),
    }
}
