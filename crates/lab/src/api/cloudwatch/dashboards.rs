//! Dashboards, which are the account's and no Region's (CloudWatch API reference, PutDashboard).

use http::StatusCode;

use super::wire::{Out, word};
use super::{MetricsCall, MetricsOutcome, page, required};
use crate::api::ServiceError;
use crate::topology;

/// Dashboards at a time.
const AT_A_TIME: usize = 1000;

fn arn(name: &str) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", topology::ACCOUNT)
}

impl MetricsCall<'_> {
    pub(super) fn list_dashboards(&self) -> MetricsOutcome {
        let prefix = self.input["DashboardNamePrefix"].as_str().unwrap_or_default();
        let after = self.after()?;
        let found = self.services.dashboards().iter();
        let found =
            found.filter(|(name, _)| name.starts_with(prefix) && after.as_ref().is_none_or(|after| *name > after));
        let (page, token) = page(found, AT_A_TIME, |(name, _)| name);
        let shown = page.into_iter().map(|(name, body)| {
            Out::Members(vec![
                ("DashboardName", word(name)),
                ("DashboardArn", word(arn(name))),
                ("LastModified", Out::Time(self.now)),
                ("Size", Out::Whole(body.to_string().len() as i64)),
            ])
        });
        let mut answer = vec![("DashboardEntries", Out::List(shown.collect()))];
        answer.extend(token.map(|token| ("NextToken", word(token))));
        Ok(answer)
    }

    pub(super) fn get_dashboard(&self) -> MetricsOutcome {
        let name = required(self.input, "DashboardName")?;
        let Some(body) = self.services.dashboards().get(name) else {
            let message = format!("Dashboard {name} does not exist");
            return Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFound", message });
        };
        Ok(vec![
            ("DashboardArn", word(arn(name))),
            ("DashboardBody", word(body.to_string())),
            ("DashboardName", word(name)),
        ])
    }
}
