//! The accepted changes in `baselines/waivers.toml`: regressions that somebody looked at and answers for.
//!
//! A waiver accepts one metric of one operation, up to a bound and until a date. It changes no verdict: the row stays
//! regressed, and whoever judges the whole takes it as accepted. A waiver that is expired, or that accepts nothing, is
//! a problem, so that the file holds only what is still meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use toml::value::{Date, Datetime};
use toml::{Spanned, Value};
use voiceflow_record::OperationId;

use crate::compare::model::{Metric, Row, Verdict, Waived};
use crate::units;

/// All waivers of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Waivers {
    /// Where they stand, as messages name it.
    file: String,
    entries: Vec<Waiver>,
}

/// What the waivers make of one comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// The regressed rows that are accepted, in the order of the file.
    pub(crate) waived: Vec<Waived>,
    /// Waivers that are expired or unused, and what to do about each. Any of them fails a gate.
    pub(crate) problems: Vec<String>,
}

impl Waivers {
    /// Holds the waivers against the rows of one comparison. A regressed row that has a waiver says so in its reason.
    ///
    /// `inherited` are those the baseline holds itself: once a waived change is merged its regression is in the baseline,
    /// and whoever comes next did not make the entry useless. It stays until it expires.
    ///
    /// `known` are all declared operations, `compared` those that this run measured: what a filter left out, or what is
    /// identical on both sides, says nothing about its waiver.
    pub(crate) fn apply(
        &self,
        rows: &mut [Row],
        today: Date,
        known: &BTreeSet<OperationId>,
        compared: &BTreeSet<OperationId>,
        inherited: &Self,
    ) -> Applied {
        let mut applied = Applied::default();
        for waiver in &self.entries {
            let is_known = known.contains(&waiver.operation) || rows.iter().any(|row| row.id == waiver.operation);
            let was_compared = compared.contains(&waiver.operation);
            let row = rows.iter_mut().find(|row| waiver.is_about(row));
            let standing = match waiver.standing(row.as_deref(), today, was_compared) {
                _ if !is_known => Standing::Undeclared,
                Standing::Unused if inherited.entries.iter().any(|other| other.is_same_as(waiver)) => Standing::Idle,
                standing => standing,
            };
            if let (Standing::Accepts, Some(row)) = (standing, &row) {
                applied.waived.push(waiver.waived(row));
            }
            if let Some(problem) = waiver.problem(standing, row.as_deref()) {
                let place = format!("{}, line {}", self.file, waiver.line);
                applied.problems.push(format!("{place}: {problem}"));
            }
            if let (Some(row), Some(note)) = (row, waiver.note(standing)) {
                add_reason(row, note);
            }
        }
        applied
    }

    /// Reads the text of such a file; `file` is how messages name it.
    pub(crate) fn parse(file: &str, text: &str) -> anyhow::Result<Self> {
        let wire: WireWaivers = toml::from_str(text).map_err(|error| {
            let line = line_at(text, error.span().map_or(0, |span| span.start));
            anyhow!(
                "{file}, line {line}: {}: every entry is a `[[waiver]]` with the fields {}",
                error.message(),
                field_names()
            )
        })?;
        let mut entries: Vec<Waiver> = Vec::new();
        for (index, written) in wire.waiver.iter().enumerate() {
            let entry = Entry {
                file,
                text,
                number: index + 1,
                start: written.span().start,
                fields: written.get_ref(),
            };
            let waiver = entry.read()?;
            let same = |other: &&Waiver| (&other.operation, other.metric) == (&waiver.operation, waiver.metric);
            if let Some(earlier) = entries.iter().find(same) {
                bail!(
                    "{}: line {} has a waiver of the same `operation` and `metric` already: keep one of the two",
                    entry.place(entry.start),
                    earlier.line
                );
            }
            entries.push(waiver);
        }
        Ok(Self {
            file: file.to_owned(),
            entries,
        })
    }
}

/// Today's date in UTC, by the clock of this machine.
pub(crate) fn today() -> anyhow::Result<Date> {
    const SECONDS_A_DAY: u64 = 24 * 60 * 60;
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| civil_date(elapsed.as_secs() / SECONDS_A_DAY))
        .context("the clock of this machine shows no year from 1970 to 9999: set it, waivers expire by it")
}

/// The date so many days after 1970-01-01, in the Gregorian calendar; `None` from the year 10000 on.
///
/// `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
/// (<https://howardhinnant.github.io/date_algorithms.html>), for days that are not negative. Years begin in March, so
/// that the leap day is a year's last; an era is 400 years, after which the calendar repeats.
fn civil_date(days_since_epoch: u64) -> Option<Date> {
    const DAYS_AN_ERA: u64 = 146_097;
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days_since_epoch.checked_add(FROM_MARCH_OF_YEAR_0)?;
    let (era, day_of_era) = (days / DAYS_AN_ERA, days % DAYS_AN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = if months_from_march < 10 {
        months_from_march + 3
    } else {
        months_from_march - 9
    };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    Some(Date {
        year: u16::try_from(year).ok().filter(|year| *year <= 9999)?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
    })
}

/// One accepted change.
#[derive(Clone, Debug, PartialEq)]
struct Waiver {
    /// Of the file, where the entry begins.
    line: usize,
    operation: OperationId,
    metric: Metric,
    bound: Bound,
    reason: String,
    owner: String,
    /// The last day on which it holds, in UTC.
    expires: Date,
}

/// What a waiver is worth to one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its row regressed, and not beyond the bound.
    Accepts,
    /// Its row regressed beyond the bound.
    Exceeded,
    Expired,
    /// Nobody declares its operation.
    Undeclared,
    /// Its row was compared and shows no regression.
    Unused,
    /// This run says nothing about it.
    Idle,
}

impl Waiver {
    /// Whether it is the same entry, wherever it stands in its file.
    fn is_same_as(&self, other: &Self) -> bool {
        let line = other.line;
        Self { line, ..self.clone() } == *other
    }

    fn is_about(&self, row: &Row) -> bool {
        row.id == self.operation && row.metric == self.metric
    }

    fn standing(&self, row: Option<&Row>, today: Date, was_compared: bool) -> Standing {
        match row {
            _ if self.expires < today => Standing::Expired,
            Some(row) if row.verdict == Verdict::Regressed && self.bound.allows(row) => Standing::Accepts,
            Some(row) if row.verdict == Verdict::Regressed => Standing::Exceeded,
            Some(row) if was_compared && shows_no_regression(row) => Standing::Unused,
            _ => Standing::Idle,
        }
    }

    fn waived(&self, row: &Row) -> Waived {
        Waived {
            id: self.operation.clone(),
            metric: self.metric,
            change: row.change.unwrap_or_default(),
            bound: self.bound.ratio(row),
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            expires: self.expires.to_string(),
        }
    }

    /// What is wrong with it, and what to do.
    fn problem(&self, standing: Standing, row: Option<&Row>) -> Option<String> {
        let predicate = match standing {
            Standing::Accepts | Standing::Exceeded | Standing::Idle => return None,
            Standing::Expired => format!(
                "expired on {}: mend the regression and remove the entry, or agree with its owner ({}) on a later \
                 `expires`",
                self.expires, self.owner
            ),
            Standing::Undeclared => "is unused, as no such operation is declared: correct `operation` to an id that \
                                     `cargo xtask list` prints, or remove the entry"
                .to_owned(),
            Standing::Unused => format!(
                "is unused, as the comparison found no such regression ({}): remove the entry",
                units::percent(row.and_then(|row| row.change).unwrap_or_default())
            ),
        };
        let metric = metric_word(self.metric);
        Some(format!("the waiver of `{metric}` of {} {predicate}", self.operation))
    }

    /// What its regressed row says of it.
    fn note(&self, standing: Standing) -> Option<String> {
        match standing {
            Standing::Accepts => Some(format!(
                "accepted up to {} until {} by a waiver of {}",
                self.bound, self.expires, self.owner
            )),
            Standing::Exceeded => Some(format!(
                "beyond the {} that a waiver of {} accepts",
                self.bound, self.owner
            )),
            Standing::Expired => Some(format!("a waiver of it expired on {}", self.expires)),
            Standing::Undeclared | Standing::Unused | Standing::Idle => None,
        }
    }
}

/// Whether a row is evidence against a regression. One that is not resolved, not comparable, or slower by its layout is
/// none: on a noisy machine a waiver would come and go with it. Nor is a time that is within the margin and yet clearly
/// slower.
fn shows_no_regression(row: &Row) -> bool {
    let is_clearly_slower = row.metric == Metric::Time && row.low.is_some_and(|low| low > 0.0);
    matches!(row.verdict, Verdict::Ok | Verdict::Improved | Verdict::Identical) && !is_clearly_slower
}

fn add_reason(row: &mut Row, words: String) {
    if row.verdict == Verdict::Regressed {
        row.reason = Some(match row.reason.take() {
            Some(reason) => format!("{reason}; {words}"),
            None => words,
        });
    }
}

/// The most a change may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Of the baseline.
    Percent(f64),
    /// So many heap blocks more.
    Blocks(u32),
}

impl Bound {
    /// Reads `5 %`, and for blocks also `+3`. A bound of nothing would accept nothing, so there is none.
    fn parse(text: &str, metric: Metric) -> Option<Self> {
        let text = text.trim();
        if let Some(number) = text.strip_suffix('%') {
            let percent: f64 = number.trim().parse().ok()?;
            return (percent > 0.0 && percent.is_finite()).then_some(Self::Percent(percent));
        }
        let more = text.strip_prefix('+').filter(|_| metric == Metric::Blocks)?.trim();
        let is_digits = more.bytes().all(|byte| byte.is_ascii_digit());
        let blocks: u32 = more.parse().ok().filter(|_| is_digits)?;
        (blocks > 0).then_some(Self::Blocks(blocks))
    }

    /// Whether the change of a row is no more than this.
    fn allows(self, row: &Row) -> bool {
        let counts = row.baseline.zip(row.candidate);
        match self {
            // A time's change is estimated from pairs of rounds, not from the two figures.
            Self::Percent(percent) if row.metric == Metric::Time => {
                row.change.is_some_and(|change| change * 100.0 <= percent)
            }
            // Multiplied out: 129 against 100 is within 29 %, and something against nothing is within no share of it.
            Self::Percent(percent) => counts.is_some_and(|(old, new)| (new - old) * 100.0 <= percent * old),
            Self::Blocks(blocks) => counts.is_some_and(|(old, new)| new - old <= f64::from(blocks)),
        }
    }

    /// The same as a ratio minus one, as the changes of rows are.
    fn ratio(self, row: &Row) -> f64 {
        match self {
            Self::Percent(percent) => percent / 100.0,
            Self::Blocks(blocks) => f64::from(blocks) / row.baseline.unwrap_or_default().max(1.0),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(formatter, "{percent} %"),
            Self::Blocks(1) => write!(formatter, "one block"),
            Self::Blocks(blocks) => write!(formatter, "{blocks} blocks"),
        }
    }
}

/// The metrics that can regress.
const JUDGED: [Metric; 3] = [Metric::Time, Metric::Instructions, Metric::Blocks];

fn metric_word(metric: Metric) -> &'static str {
    match metric {
        Metric::Time => "time",
        Metric::Instructions => "instructions",
        Metric::Blocks => "blocks",
        Metric::Bytes => "bytes",
        Metric::PeakBytes => "peak_bytes",
    }
}

/// A field of an entry, and what to write there. All of them are required.
struct Field {
    name: &'static str,
    write: &'static str,
}

const OPERATION: Field = Field {
    name: "operation",
    write: "an id that `cargo xtask list` prints: `operation = \"storage/get/keyed-hot\"`",
};
const METRIC: Field = Field {
    name: "metric",
    write: "`metric = \"time\"`, `\"instructions\"` or `\"blocks\"`",
};
const BOUND: Field = Field {
    name: "bound",
    write: "the most the change may be: `bound = \"5 %\"`, or for blocks also `bound = \"+3\"`",
};
const REASON: Field = Field {
    name: "reason",
    write: "why the change is accepted: `reason = \"every row is checked now\"`",
};
const OWNER: Field = Field {
    name: "owner",
    write: "who answers for it: `owner = \"the storage team\"`",
};
const EXPIRES: Field = Field {
    name: "expires",
    write: "the last day on which it holds, without quotes: `expires = 2027-03-31`",
};
const FIELDS: [&Field; 6] = [&OPERATION, &METRIC, &BOUND, &REASON, &OWNER, &EXPIRES];

fn field_names() -> String {
    FIELDS.map(|field| field.name).join(", ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireWaivers {
    /// Values with their places, so that a mistake is told with its line, its entry and its field.
    #[serde(default)]
    waiver: Vec<Spanned<BTreeMap<String, Spanned<Value>>>>,
}

/// One `[[waiver]]` as it is written.
struct Entry<'a> {
    file: &'a str,
    /// The whole file.
    text: &'a str,
    /// From one, in the order of the file.
    number: usize,
    /// The byte at which it begins.
    start: usize,
    fields: &'a BTreeMap<String, Spanned<Value>>,
}

impl Entry<'_> {
    fn read(&self) -> anyhow::Result<Waiver> {
        self.refuse_unknown_fields()?;
        let operation = self.operation()?;
        let metric = self.metric()?;
        Ok(Waiver {
            line: line_at(self.text, self.start),
            operation,
            metric,
            bound: self.bound(metric)?,
            reason: self.words(&REASON)?,
            owner: self.words(&OWNER)?,
            expires: self.expires()?,
        })
    }

    fn refuse_unknown_fields(&self) -> anyhow::Result<()> {
        for (name, value) in self.fields {
            if !FIELDS.iter().any(|field| field.name == name) {
                bail!(
                    "{}: there is no field `{name}`: write {}",
                    self.place(value.span().start),
                    field_names()
                );
            }
        }
        Ok(())
    }

    fn operation(&self) -> anyhow::Result<OperationId> {
        let text = self.string(&OPERATION)?;
        text.parse::<OperationId>()
            .map_err(|_| self.mistake(&OPERATION, &format!("is `{text}`, which is no operation id")))
    }

    fn metric(&self) -> anyhow::Result<Metric> {
        let word = self.string(&METRIC)?;
        JUDGED
            .into_iter()
            .find(|metric| metric_word(*metric) == word)
            .ok_or_else(|| self.mistake(&METRIC, &format!("is `{word}`, which is not judged")))
    }

    fn bound(&self, metric: Metric) -> anyhow::Result<Bound> {
        let text = self.string(&BOUND)?;
        Bound::parse(text, metric).ok_or_else(|| {
            let what = format!("is `{text}`, which bounds no {}", metric_word(metric));
            self.mistake(&BOUND, &what)
        })
    }

    fn expires(&self) -> anyhow::Result<Date> {
        match self.value(&EXPIRES)?.as_datetime() {
            Some(Datetime {
                date: Some(date),
                time: None,
                offset: None,
            }) => Ok(*date),
            _ => Err(self.mistake(&EXPIRES, "is no date")),
        }
    }

    fn words(&self, field: &Field) -> anyhow::Result<String> {
        let text = self.string(field)?.trim();
        if text.is_empty() {
            return Err(self.mistake(field, "is empty"));
        }
        Ok(text.to_owned())
    }

    fn string(&self, field: &Field) -> anyhow::Result<&str> {
        self.value(field)?
            .as_str()
            .ok_or_else(|| self.mistake(field, "is no text in quotes"))
    }

    fn value(&self, field: &Field) -> anyhow::Result<&Value> {
        self.fields
            .get(field.name)
            .map(Spanned::get_ref)
            .ok_or_else(|| self.mistake(field, "is missing"))
    }

    fn mistake(&self, field: &Field, what: &str) -> anyhow::Error {
        let at = self
            .fields
            .get(field.name)
            .map_or(self.start, |value| value.span().start);
        anyhow!("{}: `{}` {what}: write {}", self.place(at), field.name, field.write)
    }

    /// The line of a byte, and which entry it belongs to.
    fn place(&self, at: usize) -> String {
        let operation = self
            .fields
            .get(OPERATION.name)
            .and_then(|value| value.get_ref().as_str());
        let name = operation.map_or_else(String::new, |operation| format!(" ({operation})"));
        format!(
            "{}, line {}, waiver {}{name}",
            self.file,
            line_at(self.text, at),
            self.number
        )
    }
}

/// The line that a byte is on, from one.
fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    const ID: &str = "storage/get/keyed-hot";

    /// Line 1 is its header, line 7 its `expires`.
    const ENTRY: &str = "[[waiver]]\n\
                         operation = \"storage/get/keyed-hot\"\n\
                         metric = \"time\"\n\
                         bound = \"5 %\"\n\
                         reason = \"every row is checked now\"\n\
                         owner = \"the storage team\"\n\
                         expires = 2027-03-31\n";

    fn parse(text: &str) -> anyhow::Result<Waivers> {
        Waivers::parse("waivers.toml", text)
    }

    fn refusal(text: &str) -> String {
        parse(text).expect_err("refused").to_string()
    }

    fn waivers(from: &str, to: &str) -> Waivers {
        parse(&ENTRY.replace(from, to)).expect("parses")
    }

    fn id(text: &str) -> OperationId {
        text.parse().expect("valid")
    }

    fn ids(texts: &[&str]) -> BTreeSet<OperationId> {
        texts.iter().map(|text| id(text)).collect()
    }

    fn date(year: u16, month: u8, day: u8) -> Date {
        Date { year, month, day }
    }

    fn row(metric: Metric, verdict: Verdict, baseline: f64, candidate: f64) -> Row {
        let change = candidate / baseline.max(1.0) - 1.0;
        Row {
            id: id(ID),
            metric,
            verdict,
            clock: None,
            baseline: Some(baseline),
            candidate: Some(candidate),
            change: Some(change),
            low: Some(change - 0.01),
            high: Some(change + 0.01),
            threshold: 0.005,
            smallest_detectable: None,
            rounds: 8,
            p_adjusted: None,
            confirmation: None,
            other_clock_change: None,
            throughput: None,
            planted_percent: 0.0,
            reason: None,
            explanation: None,
        }
    }

    fn slower_by(percent: f64) -> Row {
        row(Metric::Time, Verdict::Regressed, 100.0, 100.0 + percent)
    }

    /// On a day in 2026, with the operation declared and compared.
    fn apply(waivers: &Waivers, rows: &mut [Row]) -> Applied {
        waivers.apply(rows, date(2026, 6, 1), &ids(&[ID]), &ids(&[ID]), &Waivers::default())
    }

    fn accepts(waivers: &Waivers, row: Row) -> bool {
        let applied = apply(waivers, &mut [row]);
        assert_eq!(applied.problems, Vec::<String>::new());
        !applied.waived.is_empty()
    }

    #[test]
    fn a_regression_within_the_bound_is_listed_as_waived_and_stays_regressed() {
        let mut rows = [slower_by(4.0)];
        let applied = apply(&waivers("", ""), &mut rows);
        assert_eq!(applied.problems, Vec::<String>::new());
        let [waived] = &applied.waived[..] else {
            panic!("{:?}", applied.waived)
        };
        assert_eq!((&waived.id, waived.metric, waived.bound), (&id(ID), Metric::Time, 0.05));
        assert_eq!(Some(waived.change), rows[0].change);
        assert_eq!(
            [&waived.reason, &waived.owner, &waived.expires],
            ["every row is checked now", "the storage team", "2027-03-31"]
        );
        assert_eq!(rows[0].verdict, Verdict::Regressed);
        assert_eq!(
            rows[0].reason.as_deref(),
            Some("accepted up to 5 % until 2027-03-31 by a waiver of the storage team")
        );
    }

    #[test]
    fn a_regression_beyond_the_bound_is_not_accepted_and_its_row_says_so() {
        let mut rows = [slower_by(6.0)];
        rows[0].reason = Some("instructions are equal".to_owned());
        let applied = apply(&waivers("", ""), &mut rows);
        assert_eq!(applied, Applied::default());
        assert_eq!(
            rows[0].reason.as_deref(),
            Some("instructions are equal; beyond the 5 % that a waiver of the storage team accepts")
        );
    }

    #[test]
    fn a_waiver_accepts_no_other_metric_and_no_other_operation() {
        let mut other_metric = row(Metric::Instructions, Verdict::Regressed, 100.0, 101.0);
        assert!(!accepts(&waivers("", ""), other_metric.clone()));
        other_metric.metric = Metric::Time;
        other_metric.id = id("storage/get/keyed-cold");
        assert!(!accepts(&waivers("", ""), other_metric));
    }

    #[test]
    fn a_waiver_holds_through_its_last_day_and_is_a_problem_from_the_next() {
        let on = |today| {
            waivers("", "").apply(
                &mut [slower_by(4.0)],
                today,
                &ids(&[ID]),
                &ids(&[ID]),
                &Waivers::default(),
            )
        };
        assert_eq!(on(date(2027, 3, 31)).waived.len(), 1);
        let expired = on(date(2027, 4, 1));
        assert!(expired.waived.is_empty());
        assert_eq!(
            expired.problems,
            [
                "waivers.toml, line 1: the waiver of `time` of storage/get/keyed-hot expired on 2027-03-31: mend the \
                 regression and remove the entry, or agree with its owner (the storage team) on a later `expires`"
            ]
        );
    }

    #[test]
    fn an_expired_waiver_is_a_problem_even_where_nothing_was_compared() {
        let applied = waivers("", "").apply(
            &mut [],
            date(2028, 1, 1),
            &ids(&[ID]),
            &BTreeSet::new(),
            &Waivers::default(),
        );
        assert!(applied.problems[0].contains("expired on 2027-03-31"), "{applied:?}");
    }

    #[test]
    fn a_waiver_without_its_regression_is_unused() {
        for (metric, verdict, candidate) in [
            ("time", Verdict::Ok, 100.5),
            ("time", Verdict::Improved, 90.0),
            ("instructions", Verdict::Ok, 100.1),
            ("blocks", Verdict::Ok, 100.0),
        ] {
            let waivers = waivers("\"time\"", &format!("\"{metric}\""));
            let metric = waivers.entries[0].metric;
            let applied = apply(&waivers, &mut [row(metric, verdict, 100.0, candidate)]);
            assert!(applied.waived.is_empty());
            assert!(applied.problems[0].contains("is unused"), "{applied:?}");
            assert!(applied.problems[0].ends_with("remove the entry"), "{applied:?}");
        }
    }

    #[test]
    fn what_shows_no_absence_of_a_regression_does_not_make_a_waiver_unused() {
        for verdict in [Verdict::NotResolved, Verdict::NotComparable, Verdict::Layout] {
            let applied = apply(&waivers("", ""), &mut [row(Metric::Time, verdict, 100.0, 101.0)]);
            assert_eq!(applied, Applied::default(), "{verdict:?}");
        }
        let mut within_margin_and_clearly_slower = row(Metric::Time, Verdict::Ok, 100.0, 101.0);
        within_margin_and_clearly_slower.low = Some(0.005);
        assert_eq!(
            apply(&waivers("", ""), &mut [within_margin_and_clearly_slower]),
            Applied::default()
        );
    }

    #[test]
    fn an_operation_that_is_identical_or_filtered_out_does_not_make_its_waiver_unused() {
        let applied = waivers("", "").apply(
            &mut [],
            date(2026, 6, 1),
            &ids(&[ID]),
            &ids(&["a/b/c"]),
            &Waivers::default(),
        );
        assert_eq!(applied, Applied::default());
    }

    #[test]
    fn a_waiver_that_the_baseline_holds_too_is_not_held_against_the_next_change() {
        let unused = |inherited: &Waivers| {
            let mut row = slower_by(0.5);
            row.verdict = Verdict::Ok;
            row.low = Some(-0.001);
            let (known, compared) = (ids(&[ID]), ids(&[ID]));
            waivers("", "")
                .apply(&mut [row], date(2026, 6, 1), &known, &compared, inherited)
                .problems
        };
        assert_eq!(unused(&Waivers::default()).len(), 1);
        assert_eq!(unused(&waivers("", "")), Vec::<String>::new());
    }

    #[test]
    fn a_waiver_of_an_operation_that_nobody_declares_is_unused() {
        let applied = waivers("", "").apply(
            &mut [],
            date(2026, 6, 1),
            &ids(&["a/b/c"]),
            &ids(&["a/b/c"]),
            &Waivers::default(),
        );
        assert!(
            applied.problems[0].contains("no such operation is declared"),
            "{applied:?}"
        );
        assert!(applied.problems[0].contains("`cargo xtask list`"), "{applied:?}");
    }

    #[test]
    fn bounds_on_counts_are_exact() {
        let instructions = |candidate| row(Metric::Instructions, Verdict::Regressed, 100.0, candidate);
        let counted = parse(&ENTRY.replace("\"time\"", "\"instructions\"").replace("5 %", "29 %")).expect("parses");
        assert!(accepts(&counted, instructions(129.0)));
        assert!(!accepts(&counted, instructions(130.0)));
    }

    #[test]
    fn blocks_are_bounded_by_number_or_by_share() {
        let blocks = |baseline, candidate| row(Metric::Blocks, Verdict::Regressed, baseline, candidate);
        let bounded =
            |bound: &str| parse(&ENTRY.replace("\"time\"", "\"blocks\"").replace("5 %", bound)).expect("parses");
        assert!(accepts(&bounded("+3"), blocks(7.0, 10.0)));
        assert!(!accepts(&bounded("+3"), blocks(7.0, 11.0)));
        assert!(accepts(&bounded("+3"), blocks(0.0, 3.0)));
        assert!(accepts(&bounded("50 %"), blocks(2.0, 3.0)));
        assert!(!accepts(&bounded("50 %"), blocks(0.0, 1.0)));
        let applied = apply(&bounded("+3"), &mut [blocks(6.0, 7.0)]);
        assert_eq!(applied.waived[0].bound, 0.5);
    }

    #[test]
    fn a_mistake_is_told_with_its_line_its_entry_and_what_to_write() {
        for (from, to, line, complaint) in [
            (
                "keyed-hot",
                "keyed/hot",
                2,
                "waiver 1 (storage/get/keyed/hot): `operation` is",
            ),
            ("\"storage/get/keyed-hot\"", "7", 2, "`operation` is no text in quotes"),
            ("\"time\"", "\"bytes\"", 3, "`metric` is `bytes`, which is not judged"),
            ("5 %", "5", 4, "waiver 1 (storage/get/keyed-hot): `bound` is `5`"),
            ("5 %", "0 %", 4, "`bound` is `0 %`"),
            ("5 %", "-5 %", 4, "write the most the change may be"),
            ("5 %", "+3", 4, "which bounds no time"),
            ("5 %", "much", 4, "`bound` is `much`"),
            ("every row is checked now", " ", 5, "`reason` is empty"),
            ("the storage team", "", 6, "`owner` is empty: write who answers for it"),
            ("2027-03-31", "\"2027-03-31\"", 7, "without quotes"),
            ("2027-03-31", "2027-03-31T00:00:00", 7, "`expires` is no date"),
            (
                "2027-03-31",
                "2027-02-29",
                7,
                "operation, metric, bound, reason, owner, expires",
            ),
            ("owner =", "owners =", 6, "there is no field `owners`"),
            ("owner = \"the storage team\"\n", "", 1, "`owner` is missing"),
            ("[[waiver]]", "[[waivers]]", 1, "unknown field `waivers`"),
        ] {
            let error = refusal(&ENTRY.replace(from, to));
            assert!(
                error.starts_with(&format!("waivers.toml, line {line}")),
                "{to}: {error}"
            );
            assert!(error.contains(complaint), "{to}: {error}");
        }
    }

    #[test]
    fn a_mistake_in_a_later_entry_names_that_entry() {
        let later = ENTRY.replace("time", "blocks").replace("5 %", "five");
        let error = refusal(&format!("# accepted\n\n{ENTRY}\n{later}"));
        assert!(
            error.starts_with("waivers.toml, line 14, waiver 2 (storage/get/keyed-hot): `bound`"),
            "{error}"
        );
    }

    #[test]
    fn two_waivers_of_one_operation_and_metric_are_refused_and_of_two_metrics_are_not() {
        let error = refusal(&format!("{ENTRY}{ENTRY}"));
        assert!(error.starts_with("waivers.toml, line 8, waiver 2"), "{error}");
        assert!(error.contains("line 1 has a waiver of the same"), "{error}");
        let both = parse(&format!("{ENTRY}{}", ENTRY.replace("time", "blocks"))).expect("parses");
        assert_eq!(both.entries.len(), 2);
    }

    #[test]
    fn the_committed_file_and_the_example_in_its_header_are_well_formed() {
        let folder = Workspace::find().expect("a checkout").baselines();
        let text = std::fs::read_to_string(folder.join("waivers.toml")).expect("reads");
        parse(&text).expect("parses");
        let example: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#     ")).collect();
        assert_eq!(parse(&example.join("\n")).expect("parses").entries.len(), 1);
    }

    #[test]
    fn days_since_1970_become_dates_over_leap_years_and_centuries() {
        for (days, expected) in [
            (0, date(1970, 1, 1)),
            (59, date(1970, 3, 1)),
            (11_015, date(2000, 2, 28)),
            (11_016, date(2000, 2, 29)),
            (11_017, date(2000, 3, 1)),
            (19_782, date(2024, 2, 29)),
            (20_453, date(2025, 12, 31)),
            (20_512, date(2026, 2, 28)),
            (20_513, date(2026, 3, 1)),
            (20_908, date(2027, 3, 31)),
            (47_540, date(2100, 2, 28)),
            (47_541, date(2100, 3, 1)),
            (2_932_896, date(9999, 12, 31)),
        ] {
            assert_eq!(civil_date(days), Some(expected), "{days}");
        }
        assert_eq!(civil_date(2_932_897), None);
        assert_eq!(civil_date(u64::MAX), None);
    }

    #[test]
    fn today_is_a_date_that_the_clock_shows() {
        let today = today().expect("a clock that is set");
        assert!(today >= date(2024, 1, 1), "{today}");
    }
}
