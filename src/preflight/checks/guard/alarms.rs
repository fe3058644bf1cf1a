//! GD909: alarms that would end the run.

use futures::future::join_all;

use crate::observe::in_alarm;
use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD909",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "An alarm that stops the run is already in ALARM, or cannot be read",
    why: "A run ends as soon as one of `guard.alarms` is in ALARM. An alarm that is already in ALARM shows a problem \
          before the fault. An alarm that cannot be read cannot stop the run.",
    remedy: "Find out why the alarm is in ALARM, and wait until it is OK. If it cannot be read, correct `guard.alarms` \
             or grant `cloudwatch:DescribeAlarms`.\n\n\
             ```sh\n\
             aws cloudwatch describe-alarms --region REGION --alarm-names ALARM\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let alarms = &facts.site.guard.alarms;
            let read =
                alarms.iter().map(async |alarm| (alarm, in_alarm(&facts.cloud, std::slice::from_ref(alarm)).await));
            let sights = join_all(read).await.into_iter().filter_map(|(alarm, read)| match read {
                Ok(None) => None,
                Ok(Some(why)) => Some(Occurrence::of(why)),
                Err(error) => Some(Occurrence::of(format!("{}: {error}", alarm.name))),
            });
            Ok(sights.collect())
        })
    },
};
