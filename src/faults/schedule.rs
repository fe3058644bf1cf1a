//! The dead-man switch: one-time schedules of EventBridge Scheduler, each of which makes one call that heals.

use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, ErrorClass, RegionClients};

use super::action::Action;
use super::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal, gone};
use super::state::{Attribute, FactKind, Snapshot, State, text};

/// Retries of a call that Scheduler could not make (EventBridge Scheduler user guide, "RetryPolicy": at most 185).
const RETRIES: i32 = 185;
/// How long it tries, in seconds: a day, the most there is.
const RETRY_AGE_S: i32 = 86_400;

/// scheduler:CreateSchedule; inverse scheduler:DeleteSchedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleHeal {
    /// Its name: the run's ID, and which change it heals.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The role that makes the call.
    pub role_arn: String,
    /// When it heals.
    pub at: Timestamp,
    /// What it heals.
    pub heals: Box<Action>,
}

impl ScheduleHeal {
    fn heal(&self, context: &ChangeContext<'_>) -> Result<Universal, CloudError> {
        let universal = self.heals.change().universal(&|key| context.made.get(key));
        universal.ok_or_else(|| CloudError::incomplete("gameday", &format!("call that restores {}", self.heals())))
    }

    fn heals(&self) -> String {
        self.heals.change().resource()
    }

    /// In whole seconds, not before `at`.
    fn expression(&self) -> String {
        let second = self.at.as_second() + i64::from(self.at.subsec_nanosecond() > 0);
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// Of the run's schedules in a group, by its name.
pub(super) const SNAPSHOT: Snapshot =
    Snapshot { reads: &[], describe: |clients, group, state| Box::pin(snapshot(clients, group, state)) };

async fn snapshot(clients: &RegionClients, group: &str, state: &mut State) -> Result<(), CloudError> {
    let Some(run) = state.run().cloned() else { return Ok(()) };
    let call = clients.reading.scheduler.list_schedules().group_name(group).name_prefix(run.as_str());
    let mut pages = call.into_paginator().items().send();
    while let Some(schedule) = pages.next().await {
        let schedule = schedule.map_err(CloudError::of("scheduler:ListSchedules"))?;
        let name = schedule.name().unwrap_or_default();
        state.add(&clients.region, FactKind::Schedule, name, [(Attribute::Name, text(group))]);
    }
    Ok(())
}

impl Change for ScheduleHeal {
    fn call(&self) -> &'static str {
        "scheduler:CreateSchedule"
    }

    fn resource(&self) -> String {
        format!("dead-man schedule that restores {}", self.heals())
    }

    fn inverse(&self) -> &'static str {
        "scheduler:DeleteSchedule"
    }

    fn stage(&self) -> Stage {
        Stage::ArmDeadMan
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let heal = self.heal(context)?;
            let incomplete = |error: aws_smithy_types::error::operation::BuildError| {
                CloudError::incomplete("scheduler:CreateSchedule", &error.to_string())
            };
            let retry =
                RetryPolicy::builder().maximum_retry_attempts(RETRIES).maximum_event_age_in_seconds(RETRY_AGE_S);
            let target = Target::builder()
                .arn(heal.arn(&context.clients.region))
                .role_arn(&self.role_arn)
                .input(heal.input.to_string());
            let target = target.retry_policy(retry.build()).build().map_err(incomplete)?;
            let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(incomplete)?;
            let call = context.clients.mutating.scheduler.create_schedule();
            let call = call
                .name(&self.name)
                .group_name(&self.group)
                .schedule_expression(self.expression())
                .schedule_expression_timezone("UTC")
                .flexible_time_window(exact)
                .target(target)
                .action_after_completion(ActionAfterCompletion::Delete)
                .description(
                    format!("GameDay {}: restores {}", context.run, self.heals()).chars().take(512).collect::<String>(),
                )
                .client_token(&self.name)
                .send();
            context.make(self, async { call.await.map(drop).map_err(CloudError::of(self.call())) }).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let call = context.clients.reading.scheduler.get_schedule().name(&self.name).group_name(&self.group);
            let found = match call.send().await.map_err(CloudError::of("scheduler:GetSchedule")) {
                Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
                other => other?,
            };
            let heal = self.heal(context)?;
            let input = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            let right = found.schedule_expression() == Some(self.expression().as_str())
                && found.target().is_some_and(|target| {
                    target.arn() == heal.arn(&context.clients.region)
                        && target.role_arn() == self.role_arn
                        && target.input().and_then(input) == Some(heal.input)
                });
            Ok(right.then(Applied::default))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let call = context.clients.mutating.scheduler.delete_schedule().name(&self.name).group_name(&self.group);
            let call = call.send().map(|answer| gone(answer.map_err(CloudError::of("scheduler:DeleteSchedule"))));
            context.unmake(self, "scheduler:DeleteSchedule", self.resource(), call).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::changes::health_check::InvertHealthCheck;

    #[test]
    fn a_schedule_never_comes_before_its_time() {
        let heals = Box::new(Action::InvertHealthCheck(InvertHealthCheck { health_check: "hc".into(), was: false }));
        let arm = |at: &str| ScheduleHeal {
            name: "gd-1".into(),
            group: "default".into(),
            role_arn: "role".into(),
            at: at.parse().unwrap(),
            heals: heals.clone(),
        };
        assert_eq!(arm("2026-11-24T10:00:00Z").expression(), "at(2026-11-24T10:00:00)");
        assert_eq!(arm("2026-11-24T10:00:59.000000001Z").expression(), "at(2026-11-24T10:01:00)");
    }
}
