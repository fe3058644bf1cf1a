//! The board drawn on a terminal of any size.

use gameday_core::report::words::counted;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Gauge, Paragraph, Sparkline, SparklineBar};

use super::board::{BarBucket, Board, Tick};

/// Below either, only the phase, the state and the last lines are shown.
const WHOLE: (u16, u16) = (72, 20);
/// The chain's column.
const CHAIN: u16 = 38;
/// A Region's name before its bars.
const NAME: u16 = 9;
/// The least share that shows as a bar: an eighth of one of its two rows.
const LEAST: u64 = 7;

/// Colours, or none where `NO_COLOR` asks for none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub colours: bool,
}

impl Palette {
    fn fg(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn title() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board, heading: &str, now: Timestamp, palette: Palette) {
    let area = frame.area();
    let [top, timer, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(one_line(heading)).style(Palette::title()), top);
    phase(frame, timer, board, now, palette);
    if area.width < WHOLE.0 || area.height < WHOLE.1 {
        let [state, lines] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(rest);
        frame.render_widget(Paragraph::new(one_line(&board.status(now))), state);
        last_lines(frame, lines, board);
        return;
    }
    let faults = u16::try_from(board.faults.len().clamp(1, 3)).unwrap_or(1);
    let ticks = u16::try_from(Tick::ALL.len()).unwrap_or(10);
    let [_, middle, _, broken, _, lines] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(ticks),
        Constraint::Length(1),
        Constraint::Length(faults),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(rest);
    let [left, _, right] =
        Layout::horizontal([Constraint::Length(CHAIN), Constraint::Length(2), Constraint::Min(0)]).areas(middle);
    chain(frame, left, board, palette);
    sign_ins(frame, right, board, palette);
    fault_lines(frame, broken, board, now, palette);
    last_lines(frame, lines, board);
}

/// Control characters of foreign text must not reach a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn phase(frame: &mut Frame<'_>, area: Rect, board: &Board, now: Timestamp, palette: Palette) {
    let name = board.phase.map_or("starting", gameday_core::model::Phase::as_str);
    let total = board.seconds(now);
    let (label, ratio) = match board.phase_time(now) {
        Some((lasted, Some(planned))) if planned > 0.0 => {
            (format!("{name} {lasted:.0} of at most {planned:.0} s, elapsed {}", elapsed(total)), lasted / planned)
        }
        Some((lasted, _)) => (format!("{name} {lasted:.0} s, elapsed {}", elapsed(total)), 0.0),
        None => (format!("{name}, elapsed {}", elapsed(total)), 0.0),
    };
    let gauge = Gauge::default().ratio(ratio.clamp(0.0, 1.0)).label(label).use_unicode(true);
    frame.render_widget(gauge.gauge_style(palette.fg(Color::Blue)), area);
}

/// As a clock shows it: `1:15`.
fn elapsed(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

fn chain(frame: &mut Frame<'_>, area: Rect, board: &Board, palette: Palette) {
    let zero = board.ticks.get(&Tick::Cut).copied();
    let line = |tick: Tick| {
        let Some(at) = board.ticks.get(&tick) else {
            return Line::styled(format!("· {}", tick.name()), palette.fg(Color::DarkGray));
        };
        let after = zero.map_or(0.0, |zero| at.duration_since(zero).as_secs_f64());
        Line::from(vec![
            Span::styled("✓ ", palette.fg(Color::Green)),
            Span::raw(format!("{:<26} {after:7.1} s", tick.name())),
        ])
    };
    frame.render_widget(Paragraph::new(Tick::ALL.map(line).to_vec()), area);
}

fn sign_ins(frame: &mut Frame<'_>, area: Rect, board: &Board, palette: Palette) {
    let [primary, _, replica, _, outcomes] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(area);
    for (area, name, rates) in [(primary, "primary", &board.rates[0]), (replica, "replica", &board.rates[1])] {
        let [label, bars] = Layout::horizontal([Constraint::Length(NAME), Constraint::Min(0)]).areas(area);
        let shown = usize::from(bars.width);
        let from = rates.len().saturating_sub(shown);
        let bar = |bucket: &BarBucket| {
            let share = (100 * bucket.succeeded).checked_div(bucket.attempted);
            // A bar of no height looks like no login at all.
            let failed = share.is_some_and(|share| share < 99);
            let style = palette.fg(if failed { Color::Red } else { Color::Green });
            SparklineBar::from(share.map(|share| share.max(LEAST))).style(Some(style))
        };
        let last = rates.iter().rev().find(|bucket| bucket.attempted > 0);
        let share = last.map_or_else(String::new, |bucket| format!("{} %", 100 * bucket.succeeded / bucket.attempted));
        frame.render_widget(Paragraph::new(vec![Line::from(name), Line::from(share)]), label);
        frame.render_widget(Sparkline::default().max(100).data(rates.iter().skip(from).map(bar)), bars);
    }
    let mut all: Vec<(&String, &u64)> = board.outcomes.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1));
    let lines = all.into_iter().map(|(outcome, count)| Line::from(format!("{count:>6}  {}", one_line(outcome))));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), outcomes);
}

fn fault_lines(frame: &mut Frame<'_>, area: Rect, board: &Board, now: Timestamp, palette: Palette) {
    let state = match (board.cut, board.heals_in(now), board.ticks.contains_key(&Tick::Heal)) {
        (true, Some(left), _) => {
            Span::styled(format!("in force, removed in at most {left:.0} s"), palette.fg(Color::Red))
        }
        (true, None, _) => Span::styled("in force, being removed", palette.fg(Color::Red)),
        (false, _, true) => Span::styled("removed", palette.fg(Color::Green)),
        (false, _, false) => Span::raw("not yet in force"),
    };
    let line = |planned: &super::board::BoardFault| {
        let what = format!("{} in {}, {}: ", planned.fault, planned.region, counted(planned.targets, "target"));
        Line::from(vec![Span::raw(one_line(&what)), state.clone()])
    };
    frame.render_widget(Paragraph::new(board.faults.iter().map(line).collect::<Vec<_>>()), area);
}

/// The latest at the bottom.
fn last_lines(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let from = board.lines.len().saturating_sub(usize::from(area.height));
    let lines: Vec<Line<'_>> = board.lines.iter().skip(from).map(|line| Line::from(one_line(line))).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use gameday_core::model::{Event, Mutation, Phase, Record, Region, Step, Window};
    use gameday_core::scenario::Phases;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// A run 42 s after its cut.
    fn board() -> Board {
        let phases: Phases =
            toml::from_str("baseline = \"30s\"\noutage = \"150s\"\nhold = \"60s\"\nfailback = \"90s\"").unwrap();
        let mut board = Board::new(at(0), phases);
        let mutation = |step| {
            Event::Mutation(Mutation {
                window: Window { sent: at(30), received: at(30) },
                region: Region::from("us-east-1"),
                step,
                call: "ec2:ReplaceNetworkAclAssociation".to_owned(),
                resource: "subnet-1".to_owned(),
                ipv4: true,
                fault: Some(1),
                error: None,
            })
        };
        let health = |healthy| Event::Health {
            window: Window { sent: at(61), received: at(62) },
            healthy,
            checkers: 16,
            status_healthy: healthy > 2,
        };
        let planned = Event::FaultPlanned {
            fault: "nacl-blackhole".to_owned(),
            region: Region::from("us-east-1"),
            targets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
            addresses: Vec::new(),
            unseen: false,
            stateful: false,
        };
        for (second, event) in [
            (0, Event::PhaseStarted { phase: Phase::Baseline }),
            (1, planned),
            (2, health(16)),
            (30, Event::PhaseStarted { phase: Phase::Outage }),
            (30, mutation(Step::Cut)),
            (62, health(0)),
            (63, Event::Notice { text: "escape \u{1b}[2J and\nlines".to_owned() }),
        ] {
            board.take(&Record { seq: 0, at: at(second), event });
        }
        board.advance(at(72));
        for (second, bucket) in board.rates[0].iter_mut().enumerate() {
            *bucket = BarBucket { attempted: 10, succeeded: if second < 6 { 10 } else { 0 } };
        }
        board.outcomes = [("succeeded".to_owned(), 60), ("connect_timeout".to_owned(), 84)].into();
        board
    }

    fn drawn(board: &Board, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let palette = Palette { colours: false };
        terminal.draw(|frame| draw(frame, board, "Full failover · lab · seed 7", at(72), palette)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_terminal_of_80_by_24_shows_everything() {
        insta::assert_snapshot!(drawn(&board(), 80, 24));
    }

    #[test]
    fn a_narrow_terminal_shows_the_state_and_the_last_lines() {
        insta::assert_snapshot!(drawn(&board(), 40, 8));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_size_is_too_small_or_too_large(width in 1u16..260, height in 1u16..90) {
            drawn(&board(), width, height);
        }
    }
}
