use askama::Template;

use super::charts::{self, RowChart, TimeChart};
use super::regions::Regions;
use super::view::View;
use crate::measure::Outcome;

#[derive(Template)]
#[template(path = "report.html", config = "templates/askama.toml")]
struct HtmlReport {
    timeline: Option<RowChart>,
    waterfall: Option<RowChart>,
    recovery: Option<TimeChart>,
    by_region: Option<TimeChart>,
    latency: Option<RowChart>,
    lag: Option<RowChart>,
    regions: Regions,
    view: View,
}

/// `report.html`: one file that needs nothing else, no script, in light and dark.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn html(outcome: &Outcome) -> Vec<u8> {
    let view = View::of(outcome);
    let regions = Regions::of(outcome);
    let document = HtmlReport {
        timeline: charts::timeline(&view),
        waterfall: charts::waterfall(outcome),
        recovery: charts::recovery(outcome, &view),
        by_region: charts::regions(&regions, &view),
        latency: charts::latency(outcome),
        lag: charts::lag(outcome),
        regions,
        view,
    };
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    document.render().expect("a template in memory").into_bytes()
}
