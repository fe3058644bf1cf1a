//! CloudWatch: which metrics there are, their values, the alarms on them, and dashboards.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{self, Dimension, DimensionFilter, MetricDataQuery, MetricStat, ScanBy};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

use super::{Facts, Unavailable};

/// Cognito's namespace (Cognito developer guide, "User pool metrics in CloudWatch").
pub const COGNITO: &str = "AWS/Cognito";
/// The dimensions of its metrics.
pub const USER_POOL: &str = "UserPool";
/// How often Cognito writes its metrics (the same guide, "Tracking quotas and usage in CloudWatch and Service Quotas").
pub const COGNITO_PERIOD_S: i32 = 300;
/// How far back peaks are looked for.
pub const PEAK_DAYS: i64 = 14;
/// What one GetMetricData may ask for (CloudWatch API reference).
const VALUES_AT_A_TIME: i64 = 100_800;
const QUERIES_AT_A_TIME: usize = 500;

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name in there.
    pub name: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
}

/// What is asked of some metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// `Sum`, `Average`, `Maximum`, `Minimum`.
    pub statistic: &'static str,
    /// The seconds that one value stands for; a multiple of 60.
    pub period_s: i32,
    /// From so long ago until now.
    pub since: SignedDuration,
}

/// The highest rate that there was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// In one second, on average over the period.
    pub per_second: f64,
    /// When the period began.
    pub at: Timestamp,
    /// How long the period is, in seconds; within it the rate may have been higher.
    pub period_s: i32,
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    /// Its name.
    pub name: String,
    /// Its body.
    pub body: Value,
}

impl Facts {
    /// The metrics of that name that had a value in the last two weeks, in whatever namespace.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn metrics(&self, role: RegionRole, name: &str) -> Result<Arc<Vec<Metric>>, Unavailable> {
        self.listed(role, name, None).await
    }

    /// Those of them that are the user pool's.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn pool_metrics(&self, role: RegionRole, name: &str) -> Result<Arc<Vec<Metric>>, Unavailable> {
        self.listed(role, name, Some(self.pool_id(role))).await
    }

    async fn listed(&self, role: RegionRole, name: &str, pool: Option<&str>) -> Result<Arc<Vec<Metric>>, Unavailable> {
        let client = &self.cloud.region(role).cloudwatch;
        let about = format!("{name} {}", pool.unwrap_or("*"));
        self.call("cloudwatch:ListMetrics", role, &about, async {
            let filter = pool.map(|pool| DimensionFilter::builder().name(USER_POOL).value(pool).build());
            let call = client.list_metrics().metric_name(name).set_dimensions(filter.map(|filter| vec![filter]));
            let mut pages = call.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(CloudError::of("cloudwatch:ListMetrics"))?;
                found.extend(page.metrics().iter().map(metric));
            }
            Ok(found)
        })
        .await
    }

    /// The values of each metric, in the metrics' order and by time.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn values(
        &self,
        role: RegionRole,
        metrics: &[Metric],
        span: Span,
    ) -> Result<Vec<Arc<Series>>, Unavailable> {
        let each = (span.since.as_secs() / i64::from(span.period_s)).max(1);
        let at_once = usize::try_from(VALUES_AT_A_TIME / each).unwrap_or(1).clamp(1, QUERIES_AT_A_TIME);
        let chunks = metrics.chunks(at_once).map(|chunk| self.chunk(role, chunk, span));
        let answers = try_join_all(chunks).await?;
        Ok(answers.iter().flat_map(|answer| answer.iter().cloned()).collect())
    }

    async fn chunk(
        &self,
        role: RegionRole,
        metrics: &[Metric],
        span: Span,
    ) -> Result<Arc<Vec<Arc<Series>>>, Unavailable> {
        let client = &self.cloud.region(role).cloudwatch;
        let about = format!("{metrics:?} {span:?}");
        self.call("cloudwatch:GetMetricData", role, &about, async {
            // What belongs to the period under way is not complete.
            let period = i64::from(span.period_s);
            let to = self.clock.now().as_second().div_euclid(period) * period;
            let queries = metrics.iter().enumerate().map(|(number, metric)| query(number, metric, span)).collect();
            let call = client
                .get_metric_data()
                .set_metric_data_queries(Some(queries))
                .start_time(DateTime::from_secs(to - span.since.as_secs()))
                .end_time(DateTime::from_secs(to))
                .scan_by(ScanBy::TimestampAscending);
            let mut found: Vec<Series> = vec![Vec::new(); metrics.len()];
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                for result in page.map_err(CloudError::of("cloudwatch:GetMetricData"))?.metric_data_results() {
                    let number = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                    let Some(series) = number.and_then(|number| found.get_mut(number)) else { continue };
                    let times = result.timestamps().iter().map(DateTime::secs);
                    let times = times.map(|at| Timestamp::from_second(at).unwrap_or_default());
                    series.extend(times.zip(result.values().iter().copied()));
                }
            }
            Ok(found.into_iter().map(Arc::new).collect())
        })
        .await
    }

    /// The highest rate of one of the pool's counts, all app clients together, in the last [`PEAK_DAYS`]; nothing where there was none.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn peak(&self, role: RegionRole, name: &str) -> Result<Option<Peak>, Unavailable> {
        let metrics = self.pool_metrics(role, name).await?;
        let since = SignedDuration::from_hours(24 * PEAK_DAYS);
        let span = Span { statistic: "Sum", period_s: COGNITO_PERIOD_S, since };
        let mut sums: BTreeMap<Timestamp, f64> = BTreeMap::new();
        for series in self.values(role, &metrics, span).await? {
            for (at, value) in series.iter() {
                *sums.entry(*at).or_default() += value;
            }
        }
        let highest = sums.into_iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let peak = |(at, sum): (Timestamp, f64)| {
            let period_s = COGNITO_PERIOD_S;
            Peak { per_second: sum / f64::from(period_s), at, period_s }
        };
        Ok(highest.map(peak))
    }

    /// Every alarm of a Region that looks at metrics.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn alarms(&self, role: RegionRole) -> Result<Arc<Vec<types::MetricAlarm>>, Unavailable> {
        let client = &self.cloud.region(role).cloudwatch;
        self.call("cloudwatch:DescribeAlarms", role, "", async {
            let mut pages = client.describe_alarms().alarm_types(types::AlarmType::MetricAlarm).into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(CloudError::of("cloudwatch:DescribeAlarms"))?;
                found.extend(page.metric_alarms.unwrap_or_default());
            }
            Ok(found)
        })
        .await
    }

    /// Every dashboard. They are the account's and no Region's (CloudWatch API reference, PutDashboard), so one Region is asked.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn dashboards(&self) -> Result<Vec<Arc<Dashboard>>, Unavailable> {
        let role = RegionRole::Replica;
        let client = &self.cloud.region(role).cloudwatch;
        let names = self
            .call("cloudwatch:ListDashboards", role, "", async {
                let mut pages = client.list_dashboards().into_paginator().send();
                let mut names = Vec::new();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(CloudError::of("cloudwatch:ListDashboards"))?;
                    let entries = page.dashboard_entries.unwrap_or_default();
                    names.extend(entries.into_iter().filter_map(|entry| entry.dashboard_name));
                }
                Ok(names)
            })
            .await?;
        try_join_all(names.iter().map(|name| self.dashboard(role, name))).await
    }

    async fn dashboard(&self, role: RegionRole, name: &str) -> Result<Arc<Dashboard>, Unavailable> {
        let client = &self.cloud.region(role).cloudwatch;
        self.call("cloudwatch:GetDashboard", role, name, async {
            let answer = client.get_dashboard().dashboard_name(name).send().await;
            let answer = answer.map_err(CloudError::of("cloudwatch:GetDashboard"))?;
            let body = serde_json::from_str(answer.dashboard_body().unwrap_or_default()).unwrap_or_default();
            Ok(Dashboard { name: name.to_owned(), body })
        })
        .await
    }
}

/// Values by time.
pub type Series = Vec<(Timestamp, f64)>;

fn metric(metric: &types::Metric) -> Metric {
    let dimensions = metric.dimensions().iter();
    let dimensions =
        dimensions.filter_map(|dimension| Some((dimension.name()?.to_owned(), dimension.value()?.to_owned())));
    Metric {
        namespace: metric.namespace().unwrap_or_default().to_owned(),
        name: metric.metric_name().unwrap_or_default().to_owned(),
        dimensions: dimensions.collect(),
    }
}

fn query(number: usize, metric: &Metric, span: Span) -> MetricDataQuery {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
    let asked = types::Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    let stat = MetricStat::builder().metric(asked).period(span.period_s).stat(span.statistic).build();
    MetricDataQuery::builder().id(format!("m{number}")).metric_stat(stat).build()
}
