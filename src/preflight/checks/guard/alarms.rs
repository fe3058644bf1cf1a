//! GD909: alarms that would end the run.

use futures::future::join_all;

use crate::model::Predicts;
use crate::observe::in_alarm;
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD909",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "An alarm that would stop the run is in ALARM already, or cannot be read",
    why: "`guard.alarms` end a run as soon as one of them is in ALARM. One that is so already says that something is wrong before \
          anything was broken; one that cannot be read would not stop anything.",
    remedy: "Wait until it is OK, or find out why it is not; or correct `guard.alarms`, or grant cloudwatch:DescribeAlarms.",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let alarms = &facts.site.guard.alarms;
            let read =
                alarms.iter().map(async |alarm| (alarm, in_alarm(&facts.cloud, std::slice::from_ref(alarm)).await));
            let sights = join_all(read).await.into_iter().filter_map(|(alarm, read)| match read {
                Ok(None) => None,
                Ok(Some(why)) => Some(Sight::of(why)),
                Err(error) => Some(Sight::of(format!("{}: {error}", alarm.name))),
            });
            Ok(sights.collect())
        })
    },
};
