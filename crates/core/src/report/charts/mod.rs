//! Drawings of a report, in SVG units: geometry and texts. The templates in `templates/charts` draw them and escape the
//! texts. Each has a table with its figures, so no figure is in a drawing alone.

mod lines;
mod rows;

pub(super) use lines::{TimeChart, recovery, regions};
pub(super) use rows::{RowChart, lag, latency, timeline, waterfall};

use super::view::View;
use super::words::seconds;

/// Every drawing is so wide.
const WIDTH: f64 = 960.0;
/// Height of the band of phases with the axis below it.
const TOP: f64 = 52.0;
/// A phase's name needs so much room.
const LABEL: f64 = 52.0;
/// At most so many steps on the axis.
const TICKS: f64 = 8.0;
/// The height of a line of a legend.
const LEGEND: f64 = 22.0;

/// A phase behind the drawing.
pub(super) struct Band {
    pub x: String,
    pub width: String,
    pub label: &'static str,
    pub middle: String,
    pub odd: bool,
}

fn tenth(figure: f64) -> String {
    // Adding zero turns -0.0 into 0.0.
    format!("{:.1}", (figure * 10.0).round() / 10.0 + 0.0)
}

/// The phases that end after `first`, drawn by `x`.
fn bands(view: &View, first: f64, x: &dyn Fn(f64) -> f64) -> Vec<Band> {
    let shown = view.phases.iter().filter_map(|row| Some((row.name, row.at?))).filter(|(_, (_, end))| *end > first);
    let band = |(index, (name, (start, end))): (usize, (&'static str, (f64, f64)))| {
        let width = x(end) - x(start);
        let label = if width >= LABEL { name } else { "" };
        Band {
            x: tenth(x(start)),
            width: tenth(width),
            label,
            middle: tenth(x(start) + width / 2.0),
            odd: index % 2 == 1,
        }
    };
    shown.enumerate().map(band).collect()
}

/// The smallest handy step that needs no more than [`TICKS`].
fn tick_step(longest: f64) -> f64 {
    let handy = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
    handy.into_iter().find(|step| longest / step <= TICKS).unwrap_or(3600.0)
}

/// Marks of an axis of seconds, where they are drawn.
fn ticks(first: f64, last: f64, x: &dyn Fn(f64) -> f64) -> Vec<(String, String)> {
    let step = tick_step(last - first);
    let from = (first / step).ceil();
    let marks = (0..).map(|n| (from + f64::from(n)) * step).take_while(|at| *at <= last);
    let text = |at: f64| if at < 0.0 { format!("{} before", seconds(-at)) } else { seconds(at) };
    marks.map(|at| (tenth(x(at)), text(at))).collect()
}

/// Shortened so that it fits into so many units; the table has the whole name.
fn fitting(name: &str, room: f64) -> String {
    // Of the 12 units that a letter is high, the widest Latin ones are about as wide as half, others as wide as they are high.
    let width = |c: char| if c.is_ascii() { 7.0 } else { 12.0 };
    let mut used = 0.0;
    let fits = |c: &char| {
        used += width(*c);
        used <= room
    };
    let kept: String = name.chars().take_while(fits).collect();
    if kept.len() == name.len() {
        return kept;
    }
    kept.chars().take(kept.chars().count().saturating_sub(2)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_to_their_room() {
        assert_eq!(fitting("honours-ttl", 190.0), "honours-ttl");
        let long = fitting(&"caches-forever ".repeat(9), 190.0);
        assert!(long.chars().count() <= 27 && long.ends_with('…'), "{long}");
        assert!(fitting(&"再".repeat(99), 190.0).chars().count() <= 15);
    }

    #[test]
    fn an_axis_has_few_marks() {
        let marks = ticks(-29.0, 241.0, &|at| at);
        assert_eq!(marks.first().map(|(_, text)| text.as_str()), Some("0 s"));
        assert!(marks.len() <= 9, "{marks:?}");
    }
}
