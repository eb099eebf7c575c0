//! What is worse at the bad end than at the good one: counts first, then time.

use anyhow::{Context as _, bail};
use voiceflow_record::Instrument;

use super::line::Commit;
use super::report::{EndsRow, Figure};
use super::site::{Code, Site, Specimen, TimeFound, Timed};
use super::yardstick::{self, COUNTERS, Counter, Yardstick};
use crate::compare::counts::Counted;
use crate::compare::decide::TimeVerdict;
use crate::compare::model::Metric;
use crate::outcome::Failure;

/// Both ends, built and held against each other.
pub(crate) struct Ends {
    pub(crate) good: Specimen,
    pub(crate) bad: Specimen,
    /// What was compared, in this order. The last row is the worse one, where there is one.
    pub(crate) rows: Vec<EndsRow>,
    /// By what commits between them can be told apart; `None` where nothing is worse.
    pub(crate) yardstick: Option<Yardstick>,
}

/// Builds both ends and compares them by one metric after the other, up to the first that is worse.
pub(crate) fn hold(site: &Site<'_>, good: &Commit, bad: &Commit) -> anyhow::Result<Ends> {
    let (good, good_counts) = stand(site, good, "GOOD")?;
    let (bad, bad_counts) = stand(site, bad, "BAD")?;
    let mut ends = Ends {
        good,
        bad,
        rows: Vec::new(),
        yardstick: None,
    };
    for counter in COUNTERS {
        ends.count(site, counter, [&good_counts, &bad_counts]);
        if ends.yardstick.is_some() {
            return Ok(ends);
        }
    }
    ends.time(site)?;
    Ok(ends)
}

/// Builds one end and counts it while the slot holds its source.
fn stand(site: &Site<'_>, commit: &Commit, name: &str) -> anyhow::Result<(Specimen, Counted)> {
    let built = site
        .build(commit)
        .with_context(|| format!("{name} cannot be measured"))?;
    let Some(specimen) = site.find(built) else {
        return Err(Failure::nothing_comparable(format!(
            "{name}, {}, does not declare the operation {}: choose another commit, or another operation; \
             `cargo xtask list` names those of the working tree",
            commit.short(),
            site.id()
        )));
    };
    let counted = site.count(&specimen, &[Instrument::Instructions, Instrument::Allocations])?;
    Ok((specimen, counted))
}

impl Ends {
    /// What both ends cost by the last metric that was compared.
    pub(crate) fn figures(&self) -> [Option<Figure>; 2] {
        self.rows.last().map_or([None, None], |row| row.figures().map(Some))
    }

    fn count(&mut self, site: &Site<'_>, counter: Counter, [good, bad]: [&Counted; 2]) {
        let row = match (site.counted(good, counter), site.counted(bad, counter)) {
            // What varies in equal code says nothing of a commit.
            (Ok(_), Ok(_)) if self.have_same_code(counter.instrument) => {
                EndsRow::without_figures(counter.metric, SAME_CODE.to_owned())
            }
            (Ok(good), Ok(bad)) => {
                let row = EndsRow::of_counts(counter, good, bad);
                self.yardstick = row.is_worse.then_some(Yardstick::Count { counter, good, bad });
                row
            }
            (Err(reason), _) => EndsRow::without_figures(counter.metric, format!("GOOD: {reason}")),
            (_, Err(reason)) => EndsRow::without_figures(counter.metric, format!("BAD: {reason}")),
        };
        self.rows.push(row);
    }

    fn time(&mut self, site: &Site<'_>) -> anyhow::Result<()> {
        if self.have_same_code(Instrument::Time) {
            let row = EndsRow::without_figures(Metric::Time, SAME_CODE.to_owned());
            self.rows.push(row);
            return Ok(());
        }
        eprintln!("bisect: no count is worse at BAD, so the ends are timed");
        let row = match site.time(&self.good, &self.bad, yardstick::policy_of_ends())? {
            Timed::Failed(reason) => bail!("{} cannot be timed: {reason}", site.id()),
            Timed::NotComparable(reason) => EndsRow::without_figures(Metric::Time, reason),
            Timed::TooFew => EndsRow::without_figures(Metric::Time, "too few rounds fit the time".to_owned()),
            Timed::Found(found) => {
                self.yardstick = yardstick_of(&found);
                row_of(&found)
            }
        };
        self.rows.push(row);
        Ok(())
    }

    fn have_same_code(&self, instrument: Instrument) -> bool {
        let good = Code::of(&self.good, instrument);
        good.is_some() && good == Code::of(&self.bad, instrument)
    }
}

const SAME_CODE: &str = "same machine code and inputs at both ends";

fn yardstick_of(found: &TimeFound) -> Option<Yardstick> {
    let finding = &found.finding;
    (finding.verdict == TimeVerdict::Regressed).then_some(Yardstick::Time {
        clock: finding.clock,
        change: finding.estimate.change,
    })
}

fn row_of(found: &TimeFound) -> EndsRow {
    let finding = &found.finding;
    let is_open = matches!(
        finding.verdict,
        TimeVerdict::NotResolved | TimeVerdict::Suspected | TimeVerdict::GoneWhenShuffled
    );
    let doubt = is_open.then(|| yardstick::doubt(finding, &found.policy));
    let notes: Vec<String> = doubt.into_iter().chain(found.note.clone()).collect();
    EndsRow {
        metric: Metric::Time,
        good: found.good_ns,
        bad: found.other_ns,
        change: Some(finding.estimate.change),
        low: Some(finding.estimate.low),
        high: Some(finding.estimate.high),
        rounds: finding.rounds,
        is_worse: finding.verdict == TimeVerdict::Regressed,
        smallest_detectable: Some(finding.smallest_detectable).filter(|change| change.is_finite()),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}
