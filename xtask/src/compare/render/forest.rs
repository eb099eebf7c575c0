//! The forest plot of the page: a line an operation, with its change and the 95 % interval of it, as SVG.
//!
//! Names and figures stand above their line and not beside it, so that a telephone shows both without scrolling. What a
//! colour says, a shape says too.

use super::html::escape;
use super::words::{changed, interval, metric, name, operations, percentage, rounds, rows, standing, verdict};
use crate::compare::model::{Comparison, Metric, Row, Verdict};

/// Of the drawing, in its own units, which are about the pixels of a telephone held upright.
const WIDTH: f64 = 360.0;
const LEFT: f64 = 18.0;
const RIGHT: f64 = 342.0;
const TOP: f64 = 40.0;
const LINE: f64 = 46.0;

/// The axis reaches no further than this, so that one wild row does not flatten all others.
const FURTHEST: f64 = 0.25;

/// Nor is it shorter than this, so that noise does not fill the page.
const NEAREST: f64 = 0.01;

/// Ticks at multiples of one of these, at most three on each side, so that their labels do not touch.
const STEPS: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];

/// The plot, with a title and a description for those who do not see it.
pub(crate) fn forest(comparison: &Comparison) -> String {
    let rows = in_order(comparison);
    if rows.is_empty() {
        return "<p>No time was compared.</p>\n".to_owned();
    }
    let axis = Axis::over(&rows, comparison.settings.margin);
    let bottom = TOP + LINE * rows.len() as f64;
    let lines: String = rows
        .iter()
        .enumerate()
        .map(|(index, row)| line(comparison, &axis, row, TOP + LINE * index as f64))
        .collect();
    let voided = if comparison.verdict == Verdict::Void {
        " voided"
    } else {
        ""
    };
    format!(
        "<svg class=\"forest{voided}\" role=\"img\" aria-labelledby=\"forest-title forest-desc\" viewBox=\"0 0 {WIDTH} \
         {}\">\n<title id=\"forest-title\">Change of time, candidate over baseline</title>\n<desc \
         id=\"forest-desc\">{}</desc>\n{}{lines}</svg>\n",
        bottom + 8.0,
        escape(&description(comparison, &axis, &rows)),
        grid(comparison, &axis, bottom)
    )
}

/// What is flagged first, then from slower to faster.
fn in_order(comparison: &Comparison) -> Vec<&Row> {
    let times = rows(comparison, |row| row.metric == Metric::Time);
    let (mut ordered, mut others): (Vec<&Row>, Vec<&Row>) = times.into_iter().partition(|row| row.is_flagged());
    let size = |row: &Row| row.change.unwrap_or(0.0);
    others.sort_by(|a, b| size(b).total_cmp(&size(a)).then_with(|| a.id.cmp(&b.id)));
    ordered.append(&mut others);
    ordered
}

fn description(comparison: &Comparison, axis: &Axis, rows: &[&Row]) -> String {
    let flagged: Vec<String> = rows
        .iter()
        .filter(|row| row.is_flagged())
        .map(|row| format!("{} {} {}", row.id, standing(comparison, row), changed(row)))
        .collect();
    let flagged = if flagged.is_empty() {
        "none is flagged".to_owned()
    } else {
        format!("flagged: {}", flagged.join(", "))
    };
    format!(
        "A line for each of {}: a mark at the change, a whisker over its 95 % interval, to the right is slower. The \
         band reaches to the margin of {}, the dashed line is the tolerance of {}; whiskers that leave the axis at {} \
         end in an arrow. Of these, {flagged}. The table below has the same figures.",
        operations(rows.len()),
        percentage(comparison.settings.margin),
        percentage(comparison.settings.tolerance),
        percentage(axis.half)
    )
}

/// Changes from minus `half` to `half`.
struct Axis {
    half: f64,
    step: f64,
}

impl Axis {
    /// Wide enough for nine rows in ten and for the margin.
    fn over(rows: &[&Row], margin: f64) -> Self {
        let ends = |row: &&Row| {
            let (low, high) = (row.low.or(row.change)?, row.high.or(row.change)?);
            Some(low.abs().max(high.abs())).filter(|end| end.is_finite())
        };
        let mut reaches: Vec<f64> = rows.iter().filter_map(ends).collect();
        reaches.sort_by(f64::total_cmp);
        let reach = reaches.get(reaches.len() * 9 / 10).copied().unwrap_or(NEAREST);
        let least = NEAREST.max(2.0 * margin);
        let reach = reach.min(FURTHEST).max(least);
        let step = STEPS.into_iter().find(|step| reach / step <= 3.0).unwrap_or(0.1);
        Self {
            half: (reach / step).ceil() * step,
            step,
        }
    }

    /// Where a change lies; what is beyond the axis lies at its end.
    fn x(&self, change: f64) -> f64 {
        let middle = (LEFT + RIGHT) / 2.0;
        let share = (change / self.half).clamp(-1.0, 1.0);
        middle + share * (RIGHT - LEFT) / 2.0
    }

    fn ticks(&self) -> Vec<f64> {
        let most = (self.half / self.step).round() as i32;
        (-most..=most).map(|tick| f64::from(tick) * self.step).collect()
    }
}

fn grid(comparison: &Comparison, axis: &Axis, bottom: f64) -> String {
    let top = TOP - 6.0;
    let zero = axis.x(0.0);
    let mut grid = format!(
        "<rect class=\"band\" x=\"{zero:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\n",
        axis.x(comparison.settings.margin) - zero,
        bottom - top
    );
    for tick in axis.ticks() {
        let x = axis.x(tick);
        grid.push_str(&vertical("tick", x, top, bottom));
        grid.push_str(&centred(x, top - 6.0, &tick_label(tick)));
    }
    grid.push_str(&vertical("zero", zero, top, bottom));
    grid.push_str(&vertical(
        "tolerance",
        axis.x(comparison.settings.tolerance),
        top,
        bottom,
    ));
    grid.push_str(&centred((LEFT + zero) / 2.0, 12.0, "← faster"));
    grid.push_str(&centred((zero + RIGHT) / 2.0, 12.0, "slower →"));
    grid
}

fn tick_label(tick: f64) -> String {
    if tick > 0.0 {
        format!("+{}", percentage(tick))
    } else {
        percentage(tick)
    }
}

fn vertical(class: &str, x: f64, top: f64, bottom: f64) -> String {
    format!("<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\n")
}

fn centred(x: f64, y: f64, text: &str) -> String {
    format!("<text class=\"scale\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>\n")
}

fn line(comparison: &Comparison, axis: &Axis, row: &Row, top: f64) -> String {
    let words = format!("{} ({}), {}", changed(row), interval(row), standing(comparison, row));
    let more = format!("{words}, {}, {} rounds", metric(row), rounds(row));
    let name = name(comparison, row);
    let y = top + 36.0;
    let whisker = match (row.low, row.high) {
        (Some(low), Some(high)) => whisker(axis, low, high, y),
        _ => String::new(),
    };
    let shape = row.change.map(|change| shape(row.verdict, axis.x(change), y));
    format!(
        "<g class=\"{}\">\n<title>{}: {}</title>\n<text class=\"name\" x=\"4\" y=\"{:.1}\">{} {}</text>\n<text \
         class=\"figures\" x=\"4\" y=\"{:.1}\">{}</text>\n{whisker}{}</g>\n",
        class(row.verdict),
        escape(&name),
        escape(&more),
        top + 11.0,
        mark(row.verdict),
        escape(&name),
        top + 24.0,
        escape(&words),
        shape.unwrap_or_default()
    )
}

fn whisker(axis: &Axis, low: f64, high: f64, y: f64) -> String {
    let (left, right) = (axis.x(low), axis.x(high));
    let mut whisker =
        format!("<line class=\"whisker\" x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\"/>\n");
    if low < -axis.half {
        whisker.push_str(&arrow(LEFT, 7.0, y));
    } else if low <= axis.half {
        whisker.push_str(&vertical("whisker", left, y - 4.0, y + 4.0));
    }
    if high > axis.half {
        whisker.push_str(&arrow(RIGHT, -7.0, y));
    } else if high >= -axis.half {
        whisker.push_str(&vertical("whisker", right, y - 4.0, y + 4.0));
    }
    whisker
}

/// Its tip at the end of the axis, its tail towards the middle.
fn arrow(tip: f64, tail: f64, y: f64) -> String {
    let base = tip + tail;
    polygon(&[(tip, y), (base, y - 4.5), (base, y + 4.5)])
}

fn shape(verdict: Verdict, x: f64, y: f64) -> String {
    match verdict {
        Verdict::Regressed => polygon(&[(x, y - 6.0), (x - 6.0, y + 5.0), (x + 6.0, y + 5.0)]),
        Verdict::Improved => polygon(&[(x, y + 6.0), (x - 6.0, y - 5.0), (x + 6.0, y - 5.0)]),
        Verdict::Layout => polygon(&[
            (x - 5.0, y - 5.0),
            (x + 5.0, y - 5.0),
            (x + 5.0, y + 5.0),
            (x - 5.0, y + 5.0),
        ]),
        Verdict::NotComparable | Verdict::Void => format!(
            "<path class=\"shape\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\"/>\n",
            x - 5.0,
            y - 5.0
        ),
        Verdict::NotResolved => format!("<circle class=\"shape hollow\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\n"),
        Verdict::Ok => format!("<circle class=\"shape\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>\n"),
        Verdict::Identical => polygon(&[(x, y - 6.0), (x + 6.0, y), (x, y + 6.0), (x - 6.0, y)]),
    }
}

fn polygon(corners: &[(f64, f64)]) -> String {
    let points: Vec<String> = corners.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polygon class=\"shape\" points=\"{}\"/>\n", points.join(" "))
}

/// The shape of a verdict as a character.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "▲",
        Verdict::Improved => "▼",
        Verdict::Layout => "■",
        Verdict::NotComparable | Verdict::Void => "✕",
        Verdict::NotResolved => "○",
        Verdict::Ok => "●",
        Verdict::Identical => "◆",
    }
}

/// The class that colours it.
pub(crate) fn class(of: Verdict) -> String {
    verdict(of).replace(' ', "-")
}
