//! From a comparison to what people and dashboards read: the terminal, a pull-request comment, one self-contained page,
//! a sign-off, and the formats of two dashboards.
//!
//! Every function takes a [`Comparison`] and returns text: nothing is printed, measured, or decided here, and rows are
//! shown in an order of their own, whatever order they come in. All reports speak through `headline`, `facts`, `notes`
//! and `words`, so that they say the same. Figures are rounded there and in [`crate::units`]. A positive change means
//! slower, or more.

mod dashboards;
mod facts;
mod forest;
mod headline;
mod html;
mod markdown;
mod notes;
mod sign_off;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod tests;
mod text;
pub(crate) mod words;

use crate::compare::model::Comparison;

pub(crate) use self::dashboards::{bencher_metric_format, github_action_benchmark};
pub(crate) use self::html::html;
pub(crate) use self::markdown::markdown;
pub(crate) use self::sign_off::sign_off;
pub(crate) use self::text::text;

/// The stable JSON, as `docs/json.md` describes it.
pub(crate) fn json(comparison: &Comparison) -> serde_json::Result<String> {
    serde_json::to_string_pretty(comparison)
}
