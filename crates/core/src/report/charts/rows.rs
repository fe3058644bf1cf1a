use super::{Band, LEGEND, TOP, WIDTH, bands, fitting, tenth, ticks};
use crate::measure::{Interval, Outcome};
use crate::model::{Milestone, Region};
use crate::report::figures::{cost, link_name};
use crate::report::markdown::ends;
use crate::report::view::View;
use crate::report::words::{percentiles, seconds_down, span_s};

/// Height of a row, and where the baseline of its text is in it.
const ROW: f64 = 24.0;
/// Below that a bar cannot be seen.
const THINNEST: f64 = 3.0;
/// Height of an axis alone, without a band of phases above it.
const AXIS: f64 = 30.0;
/// Between a name and the plot.
const GAP: f64 = 10.0;
/// A legend's entry, and how much of it is the sample.
const ENTRY: f64 = 200.0;
/// A mark of the axis nearer than this to a level's line would be crossed by it.
const CROSSED: f64 = 26.0;
/// The levels of the replication lag that the article names: aimed at, alarmed and paged, in seconds.
const LAG_LEVELS: [(f64, &str); 3] = [(30.0, "SLO 30 s"), (60.0, "alarm 60 s"), (120.0, "page 120 s")];

/// Bars on a common axis, one row each, with a name on the left and figures on the right.
pub(in crate::report) struct RowChart {
    pub label: &'static str,
    pub width: f64,
    pub height: f64,
    /// Where the names end.
    pub names: f64,
    /// The baseline of the axis' texts, and where the plot ends.
    pub axis: f64,
    pub bottom: f64,
    pub bands: Vec<Band>,
    pub ticks: Vec<(String, String)>,
    pub limits: Vec<ChartLimit>,
    pub rows: Vec<ChartRow>,
    /// Class, text and place of each entry.
    pub legend: Vec<(&'static str, &'static str, f64)>,
}

/// A value not to be exceeded: a line with its text to the left of its top.
pub(in crate::report) struct ChartLimit {
    pub x: String,
    pub y: f64,
    pub text: &'static str,
}

pub(in crate::report) struct ChartRow {
    pub y: f64,
    pub name: String,
    pub parts: Vec<ChartPart>,
    pub text: String,
}

/// A rectangle; its class says its height and colour.
pub(in crate::report) struct ChartPart {
    pub class: &'static str,
    pub x: String,
    pub y: f64,
    pub width: String,
    pub height: f64,
}

/// Where the plot lies.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    right: f64,
    /// Above the rows.
    top: f64,
}

impl Frame {
    fn plot(self) -> f64 {
        WIDTH - self.left - self.right
    }

    fn row(self, index: usize, name: &str, parts: Vec<ChartPart>, text: String) -> ChartRow {
        ChartRow { y: self.top + ROW * index as f64, name: fitting(name, self.left - GAP), parts, text }
    }

    fn chart(self, label: &'static str, rows: Vec<ChartRow>) -> RowChart {
        let bottom = self.top + ROW * rows.len() as f64;
        RowChart {
            label,
            width: WIDTH,
            height: bottom + 8.0,
            names: self.left - GAP,
            axis: self.top - 16.0,
            bottom,
            bands: Vec::new(),
            ticks: Vec::new(),
            limits: Vec::new(),
            rows,
            legend: Vec::new(),
        }
    }
}

/// A bar between two places, centred in its row.
fn bar(class: &'static str, height: f64, from: f64, to: f64) -> ChartPart {
    let width = (to - from).max(THINNEST);
    ChartPart { class, x: tenth(from), y: (ROW - height) / 2.0, width: tenth(width), height }
}

/// When milestones were reached, over the phases.
pub(in crate::report) fn timeline(view: &View) -> Option<RowChart> {
    let reached = view.milestones.iter().filter_map(|row| row.at).map(|at| at.upper);
    let phases = view.phases.iter().filter_map(|row| row.at).map(|(_, end)| end);
    let longest = reached.chain(phases).reduce(f64::max).filter(|longest| *longest > 0.0)?;
    // Its figures are in the table; only why one has none is said here, too.
    let right = if view.milestones.iter().all(|row| row.at.is_some()) { 44.0 } else { 210.0 };
    let frame = Frame { left: 260.0, right, top: TOP };
    let x = |at: f64| frame.left + at.clamp(0.0, longest) / longest * frame.plot();
    let row = |(index, row): (usize, &crate::report::view::MilestoneRow)| {
        let part = |at: Interval| bar("bar", 14.0, x(at.lower), x(at.upper));
        let text = if row.at.is_some() { String::new() } else { row.reached.clone() };
        frame.row(index, row.name, row.at.map(part).into_iter().collect(), text)
    };
    let rows = view.milestones.iter().enumerate().map(row).collect();
    Some(RowChart {
        bands: bands(view, 0.0, &x),
        ticks: ticks(0.0, longest, &x),
        ..frame.chart("Timeline of phases and milestones; the table below holds its figures", rows)
    })
}

/// The parts of the RTO, one after the other, and their total.
pub(in crate::report) fn waterfall(outcome: &Outcome) -> Option<RowChart> {
    let zero = outcome.milestone(Milestone::FaultEffective)?;
    let bars = &outcome.chain.waterfall;
    let total = outcome.chain.total?;
    let at = |milestone| outcome.milestone(milestone);
    let longest =
        bars.iter().filter_map(|bar| at(bar.to)).map(|at| at.upper).reduce(f64::max).filter(|at| *at > 0.0)?;
    let frame = Frame { left: 300.0, right: 224.0, top: AXIS };
    let x = |at: f64| frame.left + at.clamp(0.0, longest) / longest * frame.plot();
    // The thin line covers where both milestones may lie.
    let row = |index, name: &str, (start, end): (f64, f64), (from, to): (Interval, Interval), text| {
        let (lower, upper) = (from.lower.min(to.lower), from.upper.max(to.upper));
        let (start, end) = (zero.middle() + start, zero.middle() + end);
        let parts = vec![bar("bar", 14.0, x(start), x(end)), bar("reach", 2.0, x(lower), x(upper))];
        frame.row(index, name, parts, text)
    };
    let drawn = ends(bars);
    let mut rows: Vec<ChartRow> = Vec::new();
    for (it, ends) in bars.iter().zip(&drawn) {
        let milestones = (at(it.from)?, at(it.to)?);
        rows.push(row(rows.len(), link_name(it.to), *ends, milestones, cost(Some(it.cost))));
    }
    let last = drawn.last()?.1;
    let milestones = (zero, at(Milestone::FirstReplicaLogin)?);
    rows.push(row(rows.len(), "RTO", (0.0, last), milestones, cost(Some(total))));
    let label = "Parts of the RTO, one after the other; the table below holds its figures";
    Some(RowChart { ticks: ticks(0.0, longest, &x), ..frame.chart(label, rows) })
}

/// A logarithmic axis around some values, which are above zero.
struct Powers {
    /// Its ends, as decimal logarithms.
    from: f64,
    to: f64,
    left: f64,
    plot: f64,
}

/// What an axis begins and ends with, within a power of ten.
const HANDY: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// What is below is drawn there: one thousandth of a millisecond.
const LEAST: f64 = 1e-6;

impl Powers {
    fn around(least: f64, most: f64, frame: Frame) -> Self {
        let within = |value: f64| (10_f64.powf(value.log10().floor()), value);
        let (power, least) = within(least.max(LEAST));
        let from = HANDY.into_iter().rev().map(|part| part * power).find(|end| *end <= least * 1.001).unwrap_or(power);
        let (power, most) = within(most.max(least * 2.0));
        let to = HANDY.into_iter().map(|part| part * power).find(|end| *end >= most * 0.999).unwrap_or(power * 10.0);
        Self { from: from.log10(), to: to.log10(), left: frame.left, plot: frame.plot() }
    }

    fn x(&self, value: f64) -> f64 {
        let at = value.max(f64::MIN_POSITIVE).log10().clamp(self.from, self.to);
        self.left + (at - self.from) / (self.to - self.from) * self.plot
    }

    /// Every power of ten; on a short axis twice and five times that, too.
    fn ticks(&self, text: impl Fn(f64) -> String) -> Vec<(String, String)> {
        let between = if self.to - self.from <= 2.5 { &HANDY[..3] } else { &HANDY[..1] };
        // `as` saturates, and an axis has but a few powers of ten.
        let (first, last) = (self.from.floor() as i32, self.to.ceil() as i32);
        let marks = (first..=last).flat_map(|power| between.iter().map(move |part| part * 10_f64.powi(power)));
        let shown = marks.filter(|mark| (self.from - 0.001..=self.to + 0.001).contains(&mark.log10()));
        shown.map(|mark| (tenth(self.x(mark)), text(mark))).collect()
    }
}

/// A value on an axis: in milliseconds below a second.
fn axis_ms(ms: f64) -> String {
    if ms >= 999.9 { format!("{:.0} s", ms / 1000.0) } else { format!("{} ms", rounded(ms)) }
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// From the median to the longest in three bars, the further the thinner.
fn spread(axis: &Powers, p50: f64, p90: f64, p99: f64, max: f64) -> Vec<ChartPart> {
    let x = |value| axis.x(value);
    let mut parts =
        vec![bar("far", 4.0, x(p99), x(max)), bar("tail", 8.0, x(p90), x(p99)), bar("bar", 14.0, x(p50), x(p90))];
    parts.push(ChartPart { class: "mark", x: tenth(x(p50) - 1.0), y: 2.0, width: "2.0".to_owned(), height: ROW - 4.0 });
    parts
}

fn legend(left: f64, entries: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str, f64)> {
    entries.iter().enumerate().map(|(index, (class, text))| (*class, *text, left + ENTRY * index as f64)).collect()
}

/// How long successful logins took, by phase and Region.
pub(in crate::report) fn latency(outcome: &Outcome) -> Option<RowChart> {
    let groups = &outcome.logins.by_phase_and_region;
    let name = |region: &Option<Region>| region.as_ref().map_or("no Region reached", Region::as_str).to_owned();
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|((phase, region), group)| {
            Some((format!("{}, {}", phase.as_str(), name(region)), group.latency?, group.succeeded))
        })
        .collect();
    let frame = Frame { left: 190.0, right: 400.0, top: AXIS };
    let least = rows.iter().map(|(_, latency, _)| latency.p50).reduce(f64::min)?;
    let most = rows.iter().map(|(_, latency, _)| latency.max).reduce(f64::max)?;
    let axis = Powers::around(least, most, frame);
    let row = |(index, (name, l, logins)): (usize, &(String, crate::measure::Latency, u64))| {
        let text = percentiles([l.p50, l.p90, l.p99, l.max], *logins);
        frame.row(index, name, spread(&axis, l.p50, l.p90, l.p99, l.max), text)
    };
    let rows = rows.iter().enumerate().map(row).collect();
    let chart =
        frame.chart("Latency of successful logins by phase and Region; the table below holds its figures", rows);
    Some(RowChart {
        ticks: axis.ticks(axis_ms),
        legend: legend(frame.left, &[("bar", "p50 to p90"), ("tail", "p90 to p99"), ("far", "p99 to maximum")]),
        height: chart.height + LEGEND,
        ..chart
    })
}

/// The replication lag before the fault and the window of data loss, against the levels that the article names.
pub(in crate::report) fn lag(outcome: &Outcome) -> Option<RowChart> {
    let rpo = outcome.rpo.as_ref()?;
    let frame = Frame { left: 190.0, right: 400.0, top: AXIS + 16.0 * LAG_LEVELS.len() as f64 };
    let in_s = |ms: f64| ms / 1000.0;
    let values = rpo.lag.iter().flat_map(|lag| [in_s(lag.p50), in_s(lag.max)]);
    let values: Vec<f64> = values.chain([rpo.lower_s].into_iter().chain(rpo.upper_s).filter(|s| *s > 0.0)).collect();
    let least = values.iter().copied().reduce(f64::min)?;
    let most = values.into_iter().chain(LAG_LEVELS.map(|(level, _)| level)).reduce(f64::max)?;
    let axis = Powers::around(least, most, frame);
    let mut rows = Vec::new();
    if let Some(lag) = rpo.lag {
        let parts = spread(&axis, in_s(lag.p50), in_s(lag.p90), in_s(lag.p99), in_s(lag.max));
        let text = percentiles([lag.p50, lag.p90, lag.p99, lag.max], lag.samples);
        rows.push(frame.row(rows.len(), "replication lag", parts, text));
    }
    let (part, text) = match rpo.upper_s {
        Some(upper) => {
            let window = Interval::new(rpo.lower_s, upper);
            (vec![bar("bar", 14.0, axis.x(window.lower), axis.x(window.upper))], span_s(window))
        }
        None => (Vec::new(), format!("at least {}", seconds_down(rpo.lower_s))),
    };
    rows.push(frame.row(rows.len(), "data-loss window", part, text));
    // Without their texts, marks that a level's line crosses still divide the axis.
    let mut ticks = axis.ticks(|s| format!("{} s", rounded(s)));
    for (x, text) in &mut ticks {
        let near = |(level, _): &(f64, &str)| x.parse().is_ok_and(|x: f64| (axis.x(*level) - x).abs() < CROSSED);
        if LAG_LEVELS.iter().any(near) {
            text.clear();
        }
    }
    let limit = |(index, (level, text)): (usize, (f64, &'static str))| ChartLimit {
        x: tenth(axis.x(level)),
        // The furthest stands highest, so that no text meets another's line.
        y: 14.0 + 16.0 * (LAG_LEVELS.len() - 1 - index) as f64,
        text,
    };
    let chart = frame.chart(
        "Replication lag and data-loss window against SLO, alarm and page; the table below holds its figures",
        rows,
    );
    Some(RowChart {
        ticks,
        limits: LAG_LEVELS.into_iter().enumerate().map(limit).collect(),
        legend: legend(
            frame.left,
            &[("bar", "p50 to p90, or bounds"), ("tail", "p90 to p99"), ("far", "p99 to maximum")],
        ),
        height: chart.height + LEGEND,
        ..chart
    })
}
