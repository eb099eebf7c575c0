//! One sentence about the whole, for those who read no further.

use std::collections::BTreeSet;

use voiceflow_record::OperationId;

use super::facts::{over_budget, planted};
use super::words::{
    changed, ids, is_void, is_waived, is_within_margin, metric, named, operations, percentage, rows, with_identical,
};
use crate::compare::model::{Comparison, Metric, Problem, Row, Verdict};

/// How the whole is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Unclear,
    Bad,
}

/// What a reader has to know who reads one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) tone: Tone,
    pub(crate) word: &'static str,
    pub(crate) sentence: String,
}

impl Headline {
    /// The word and the sentence.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.word, self.sentence)
    }
}

/// What can regress.
const JUDGED: [Metric; 3] = [Metric::Time, Metric::Instructions, Metric::Blocks];

/// The verdict as a sentence a person can act on. It reads as a pass only where something was compared, nothing failed,
/// every budget holds and what regressed is waived, whatever the verdict says.
pub(crate) fn headline(comparison: &Comparison) -> Headline {
    let mut headline = lead(comparison);
    for tail in tails(comparison, headline.word) {
        headline.sentence.push_str("; ");
        headline.sentence.push_str(&tail);
    }
    headline
}

fn lead(comparison: &Comparison) -> Headline {
    let over = over_budget(comparison);
    let (tone, word, sentence) = match comparison.verdict {
        Verdict::Void => (Tone::Bad, "VOID", void(comparison)),
        Verdict::Regressed => (Tone::Bad, "REGRESSED", regressed(comparison)),
        _ if !grown(comparison, &JUDGED).is_empty() => (Tone::Bad, "REGRESSED", regressed(comparison)),
        _ if !comparison.failed.is_empty() => (Tone::Bad, "FAILED", failed(comparison)),
        _ if over > 0 => (Tone::Bad, "OVER BUDGET", budgets_exceeded(over)),
        _ if !comparison.problems.is_empty() => (Tone::Bad, "WAIVERS", waiver_problems(comparison)),
        _ if !has_judged(comparison) => (Tone::Bad, "NOT COMPARABLE", nothing_compared(comparison)),
        Verdict::NotComparable => (Tone::Unclear, "NOT COMPARABLE", not_comparable(comparison)),
        Verdict::NotResolved => (Tone::Unclear, "NOT RESOLVED", not_resolved(comparison)),
        Verdict::Layout => (Tone::Unclear, "layout", layout_verdict(comparison)),
        Verdict::Improved => (Tone::Good, "improved", improved(comparison)),
        Verdict::Ok => (Tone::Good, "ok", claim(comparison)),
        Verdict::Identical => (Tone::Good, "ok", identical(comparison)),
    };
    Headline { tone, word, sentence }
}

fn void(comparison: &Comparison) -> String {
    let alarmed: BTreeSet<&OperationId> = comparison
        .placebo
        .operations
        .iter()
        .filter(|row| row.alarmed)
        .map(|row| &row.id)
        .collect();
    let who = if alarmed.len() > 1 {
        format!("{} placebos alarmed", alarmed.len())
    } else {
        "a placebo alarmed".to_owned()
    };
    let which = if alarmed.is_empty() {
        String::new()
    } else {
        format!(" ({})", named(&alarmed))
    };
    let counts = grown(comparison, &[Metric::Instructions, Metric::Blocks]);
    let counts = if counts.is_empty() {
        "none of them regressed".to_owned()
    } else {
        counts.join(", ")
    };
    format!(
        "{who}{which}, so no time verdict of this run holds, measure again on a quieter machine; exact counts still \
         hold: {counts}"
    )
}

fn regressed(comparison: &Comparison) -> String {
    let parts = grown(comparison, &JUDGED);
    if !parts.is_empty() {
        return parts.join(", ");
    }
    match over_budget(comparison) {
        0 => "what regressed is waived".to_owned(),
        over => budgets_exceeded(over),
    }
}

/// What regressed by each of these metrics and is not waived, in a few words each.
fn grown(comparison: &Comparison, metrics: &[Metric]) -> Vec<String> {
    let total = in_common(comparison).len();
    let mut parts: Vec<String> = Vec::new();
    for &metric in metrics {
        let rows = rows(comparison, |row| {
            row.metric == metric && row.verdict == Verdict::Regressed && !is_waived(comparison, row)
        });
        let Some(worst) = rows.first() else {
            continue;
        };
        let number = rows.len();
        let subject = if parts.is_empty() {
            format!("{number} of {}", operations(total))
        } else {
            number.to_string()
        };
        let verb = match (metric, number) {
            (Metric::Time, 1) => "is slower",
            (Metric::Time, _) => "are slower",
            (Metric::Instructions, 1) => "needs more instructions",
            (Metric::Instructions, _) => "need more instructions",
            (_, 1) => "allocates more heap blocks",
            (_, _) => "allocate more heap blocks",
        };
        let which = if number == 1 { "" } else { "worst " };
        parts.push(format!("{subject} {verb} ({which}{} {})", worst.id, changed(worst)));
    }
    parts
}

fn failed(comparison: &Comparison) -> String {
    let ids: BTreeSet<&OperationId> = comparison.failed.iter().map(|problem| &problem.id).collect();
    format!(
        "{} crashed, hung or answered wrongly ({}), and what was not measured may be the worst",
        operations(ids.len()),
        named(&ids)
    )
}

fn waiver_problems(comparison: &Comparison) -> String {
    match comparison.problems.len() {
        1 => "a waiver is expired or accepts nothing".to_owned(),
        several => format!("{several} waivers are expired or accept nothing"),
    }
}

fn budgets_exceeded(over: usize) -> String {
    match over {
        1 => "1 budget is exceeded".to_owned(),
        over => format!("{over} budgets are exceeded"),
    }
}

fn nothing_compared(comparison: &Comparison) -> String {
    match in_common(comparison).len() {
        0 => "nothing was compared, so nothing was shown".to_owned(),
        total => format!(
            "none of {} could be compared, so nothing was shown; the reasons stand below",
            operations(total)
        ),
    }
}

fn not_comparable(comparison: &Comparison) -> String {
    format!(
        "{} of {} could not be compared, the reasons stand below; {}",
        ids(comparison, |row| row.verdict == Verdict::NotComparable).len(),
        operations(in_common(comparison).len()),
        claim(comparison)
    )
}

fn not_resolved(comparison: &Comparison) -> String {
    let unresolved = ids(comparison, |row| row.verdict == Verdict::NotResolved).len();
    if unresolved == 0 {
        return format!(
            "nothing is shown to be slower, but not everything could be compared; {}",
            claim(comparison)
        );
    }
    let advice = match comparison.settings.effort.as_str() {
        "quick" | "standard" => "measure longer with --full",
        _ => "measure on a quieter machine",
    };
    format!(
        "nothing is shown to be slower, but in {unresolved} of {} a slowdown of {} could not be excluded, {advice}",
        operations(in_common(comparison).len()),
        percentage(comparison.settings.margin)
    )
}

fn layout_verdict(comparison: &Comparison) -> String {
    let number = ids(comparison, |row| row.verdict == Verdict::Layout).len();
    let verb = if number == 1 { "is" } else { "are" };
    format!(
        "{number} of {} {verb} slower as linked, with equal instructions, and no longer when layouts are shuffled; {}",
        operations(in_common(comparison).len()),
        claim(comparison)
    )
}

fn improved(comparison: &Comparison) -> String {
    let rows = rows(comparison, |row| row.verdict == Verdict::Improved);
    let number = rows.iter().map(|row| &row.id).collect::<BTreeSet<_>>().len();
    let most = rows
        .first()
        .map(|row| format!(" (most {} {}, {})", row.id, changed(row), metric(row)))
        .unwrap_or_default();
    format!(
        "{number} of {} improved{most}; {}",
        operations(in_common(comparison).len()),
        claim(comparison)
    )
}

fn identical(comparison: &Comparison) -> String {
    match comparison.identical.len() {
        1 => {
            "the 1 operation runs the same machine code on the same inputs, so there was nothing to measure".to_owned()
        }
        number => format!(
            "all {number} operations run the same machine code on the same inputs, so there was nothing to measure"
        ),
    }
}

/// The confidence of one row; of all rows together it is less.
const SHOWN_AT: &str = "99.5 %";

/// What was shown of the operations, each by itself.
fn claim(comparison: &Comparison) -> String {
    let margin = percentage(comparison.settings.margin);
    let timed = with_identical(comparison, |row| row.metric == Metric::Time);
    let shown = with_identical(comparison, |row| row.metric == Metric::Time && is_within_margin(row));
    match (shown.len(), timed.len()) {
        (_, 0) => "no operation needs more instructions or heap blocks".to_owned(),
        (shown, total) if shown == total => {
            format!("each operation is shown, at {SHOWN_AT}, not to be slower by more than {margin}")
        }
        (shown, total) => {
            let verb = if shown == 1 { "is" } else { "are" };
            format!(
                "{shown} of {} {verb} shown, each at {SHOWN_AT}, not to be slower by more than {margin}",
                operations(total)
            )
        }
    }
}

/// The counts that follow the sentence, without what its first word has said.
fn tails(comparison: &Comparison, lead: &str) -> Vec<String> {
    let count = |verdict: Verdict| ids(comparison, |row| row.verdict == verdict && !is_void(comparison, row)).len();
    let counted = [
        (distinct(&comparison.failed), "FAILED"),
        (over_budget(comparison), "OVER BUDGET"),
        (count(Verdict::NotComparable), "not comparable"),
        (count(Verdict::Layout), "layout"),
        (count(Verdict::NotResolved), "not resolved"),
        (count(Verdict::Improved), "improved"),
        (comparison.removed.len(), "removed"),
        (comparison.added.len(), "added"),
        (distinct(&comparison.skipped), "skipped"),
        (comparison.waived.len(), "waived"),
    ];
    let mut tails: Vec<String> = counted
        .into_iter()
        .filter(|(number, word)| *number > 0 && !word.eq_ignore_ascii_case(lead))
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    tails.extend(planted(comparison));
    tails
}

/// An operation can fail, or be skipped, by several instruments.
fn distinct(problems: &[Problem]) -> usize {
    problems
        .iter()
        .map(|problem| &problem.id)
        .collect::<BTreeSet<_>>()
        .len()
}

fn in_common(comparison: &Comparison) -> BTreeSet<&OperationId> {
    with_identical(comparison, |_| true)
}

fn has_judged(comparison: &Comparison) -> bool {
    let is_judged = |row: &Row| row.verdict != Verdict::NotComparable;
    !comparison.identical.is_empty() || comparison.operations.iter().any(is_judged)
}
