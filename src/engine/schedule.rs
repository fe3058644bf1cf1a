//! Faults that begin or end in the course of a run: staggered, limited, flapping.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::faults::{Executor, Fault, FaultError, Plan};
use crate::model::Clock;
use crate::scenario::FaultWindow;

/// When each fault begins and ends, after the first cut.
#[derive(Debug)]
pub struct Schedule<'a> {
    faults: Vec<(&'a Fault, Vec<FaultWindow>)>,
}

impl<'a> Schedule<'a> {
    /// Of all faults of a plan.
    pub fn of(plan: &'a Plan) -> Self {
        Self { faults: plan.faults.iter().map(|fault| (fault, fault.spec.windows())).collect() }
    }

    /// Begins and ends faults until all have had their turns, or `stop`. What begins at once was begun already. No
    /// call is in flight when it ends.
    ///
    /// # Errors
    /// The first [`FaultError`]; [`FaultError::Interrupted`] when it was stopped before the end.
    pub async fn run(
        self,
        clock: Clock,
        zero: Timestamp,
        executor: &Executor,
        stop: &CancellationToken,
    ) -> Result<(), FaultError> {
        // The first that fails must not drop the others in the middle of a call.
        let own = stop.child_token();
        let turns = self.faults.into_iter().map(|(fault, windows)| {
            let own = own.clone();
            async move {
                let result = turns(fault, &windows, clock, zero, executor, &own).await;
                if result.is_err() {
                    own.cancel();
                }
                result
            }
        });
        let results = futures::future::join_all(turns).await;
        let (mut interrupted, mut failed) = (None, None);
        for error in results.into_iter().filter_map(Result::err) {
            match error {
                FaultError::Interrupted => interrupted = Some(FaultError::Interrupted),
                error => failed = failed.or(Some(error)),
            }
        }
        failed.or(interrupted).map_or(Ok(()), Err)
    }
}

async fn turns(
    fault: &Fault,
    windows: &[FaultWindow],
    clock: Clock,
    zero: Timestamp,
    executor: &Executor,
    stop: &CancellationToken,
) -> Result<(), FaultError> {
    let cut = fault.cut();
    for (from, to) in windows {
        if !from.is_zero() {
            until(clock, zero, *from, stop).await?;
            executor.make(&cut, stop).await?;
            executor.confirm(&cut).await?;
        }
        let Some(to) = to else { return Ok(()) };
        until(clock, zero, *to, stop).await?;
        let healed = executor.heal(&cut, stop).await?;
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
