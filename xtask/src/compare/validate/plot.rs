//! The plot of false alarms against slowdowns found: one panel a slowdown, one line a rule.

use std::fmt::Write as _;

use super::roc::{Entry, FAIR_ALARMS, Point, SLOWDOWNS};

/// Of a panel's axes, in the drawing's own units.
const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 44.0;
const BETWEEN: f64 = 44.0;
const LINE: f64 = 17.0;

/// The axis of alarms is logarithmic and begins here; rarer ones, none at all included, lie on its left edge.
const FEWEST_ALARMS: f64 = 0.001;

/// Colours that are told apart with most kinds of colour blindness (Okabe and Ito), the own rule's first; used again
/// with dashes.
const COLOURS: [&str; 7] = [
    "#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

const TITLE: &str = "Slowdowns found against false alarms";

const DESCRIPTION: &str = "For slowdowns of 1, 2 and 5 per cent, the share that each rule finds against the share of \
    suites of equal code in which it raises an alarm. Further up and further left is better.";

/// The plot as a file of its own, on white.
pub(crate) fn svg(entries: &[Entry]) -> String {
    let drawn: Vec<(&Entry, &[Vec<Point>])> = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.figures.as_ref()?.curves.as_slice())))
        .collect();
    let width = LEFT + SLOWDOWNS.len() as f64 * (WIDTH + BETWEEN);
    let legend_top = TOP + HEIGHT + 52.0;
    let height = legend_top + LINE * drawn.len().div_ceil(3) as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"roc-title roc-desc\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222222\">\n\
         <title id=\"roc-title\">{TITLE}</title>\n<desc id=\"roc-desc\">{DESCRIPTION}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (index, slowdown) in SLOWDOWNS.iter().enumerate() {
        let left = LEFT + index as f64 * (WIDTH + BETWEEN);
        svg.push_str(&axes(left, &format!("slowdown of {:.0} %", slowdown * 100.0)));
        for (number, (_, curves)) in drawn.iter().enumerate() {
            svg.push_str(&line(left, &curves[index], number));
        }
    }
    for (number, (entry, _)) in drawn.iter().enumerate() {
        let column = LEFT + (number % 3) as f64 * (WIDTH + BETWEEN);
        let y = legend_top + LINE * (number / 3) as f64;
        let _ = writeln!(
            svg,
            "<line x1=\"{column}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" {}/>\n<text x=\"{}\" y=\"{}\">{}</text>",
            column + 28.0,
            stroke(number),
            column + 34.0,
            y + 4.0,
            escape(&entry.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The frame of a panel with its ticks; the dashed line is where rules are compared.
fn axes(left: f64, title: &str) -> String {
    let bottom = TOP + HEIGHT;
    let mut axes = format!(
        "<rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888888\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"13\">{title}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">suites of equal code with an alarm</text>\n",
        left + WIDTH / 2.0,
        TOP - 14.0,
        left + WIDTH / 2.0,
        bottom + 32.0
    );
    for (alarms, label) in [(0.001, "≤ 0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")] {
        let x = left + across(alarms);
        let _ = writeln!(
            axes,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16.0
        );
    }
    for found in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = down(found);
        let _ = writeln!(
            axes,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"#e4e4e4\"/>\n<text x=\"{}\" \
             y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            left + WIDTH,
            left - 5.0,
            y + 4.0,
            found * 100.0
        );
    }
    let fair = left + across(FAIR_ALARMS);
    let _ = writeln!(
        axes,
        "<line x1=\"{fair:.1}\" y1=\"{TOP}\" x2=\"{fair:.1}\" y2=\"{bottom}\" stroke=\"#888888\" \
         stroke-dasharray=\"2 3\"/>"
    );
    axes
}

fn line(left: f64, curve: &[Point], number: usize) -> String {
    let points: Vec<String> = curve
        .iter()
        .map(|point| format!("{:.1},{:.1}", left + across(point.family_alarms), down(point.found)))
        .collect();
    format!(
        "<polyline fill=\"none\" {} points=\"{}\"/>\n",
        stroke(number),
        points.join(" ")
    )
}

fn stroke(number: usize) -> String {
    let colour = COLOURS[number % COLOURS.len()];
    let width = if number == 0 { 2.5 } else { 1.5 };
    let dashes = if number < COLOURS.len() {
        ""
    } else {
        " stroke-dasharray=\"6 3\""
    };
    format!("stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}")
}

/// From the left edge of a panel.
fn across(family_alarms: f64) -> f64 {
    let decades = (family_alarms.max(FEWEST_ALARMS) / FEWEST_ALARMS).log10();
    let all = (1.0 / FEWEST_ALARMS).log10();
    decades / all * WIDTH
}

fn down(found: f64) -> f64 {
    TOP + (1.0 - found) * HEIGHT
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::validate::roc::Figures;
    use crate::compare::validate::testing::assert_near;

    fn entry(name: &str, figures: Option<Figures>) -> Entry {
        Entry {
            name: name.to_owned(),
            source: String::new(),
            processes: "1".to_owned(),
            sequential: false,
            operations: 3,
            figures,
        }
    }

    #[test]
    fn every_rule_with_figures_has_a_line_in_every_panel_and_others_have_none() {
        let point = Point {
            family_alarms: 0.0,
            found: 0.5,
        };
        let figures = Figures {
            as_set: vec![point; 3],
            at_fair_alarms: vec![point; 3],
            curves: vec![vec![point; 4]; 3],
        };
        let svg = svg(&[entry("a < b", Some(figures)), entry("silent", None)]);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("a &lt; b") && !svg.contains("silent"));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn the_axis_of_alarms_has_a_decade_in_every_third() {
        assert_near(across(0.0), 0.0, 1e-9);
        assert_near(across(0.01), WIDTH / 3.0, 1e-9);
        assert_near(across(1.0), WIDTH, 1e-9);
    }
}
