//! Alternatives to a text that are read side by side in one batch.

use super::Expected;
use crate::EnhanceError;
use crate::llama::{After, Row};
use crate::model::Session;

/// Alternatives that wait for being read.
pub(crate) struct Branches {
    base: usize,
    rows: Vec<Row>,
}

/// One alternative: tokens, and one behind them that is not read.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    first: u32,
    /// Row of its first token.
    start: usize,
    /// The token behind each of its rows.
    behind: Vec<u32>,
}

/// Alternatives that were read.
pub(crate) struct ReadBranches(Vec<Expected>);

impl Branches {
    /// Alternatives to what a session of this length goes on to read.
    pub(crate) fn new(base: usize) -> Self {
        Self { base, rows: Vec::new() }
    }

    /// Adds `tokens` (at least one) in place of row `place` of the text; `target` follows them.
    pub(crate) fn add(&mut self, place: usize, tokens: &[u32], target: u32) -> Path {
        let start = self.rows.len();
        for (index, &token) in tokens.iter().enumerate() {
            let after = match index {
                0 => After::Memory(self.base + place),
                _ => After::Row(start + index - 1),
            };
            self.rows.push(Row { token, after });
        }
        Path {
            first: tokens[0],
            start,
            behind: tokens[1..].iter().copied().chain([target]).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Reads them all. The session keeps none of them.
    pub(crate) fn read(self, session: &mut Session) -> Result<ReadBranches, EnhanceError> {
        if self.rows.is_empty() {
            return Ok(ReadBranches(Vec::new()));
        }
        let length = session.len();
        let read = session.read_branches(&self.rows)?;
        session.truncate(length);
        Ok(ReadBranches(read.into_iter().map(Expected::new).collect()))
    }
}

impl ReadBranches {
    /// The logarithm of the probability of the path's tokens and of the one behind them, where `before` is expected.
    pub(crate) fn weight(&self, path: &Path, before: &Expected) -> f32 {
        let rows = self.0[path.start..].iter().zip(&path.behind);
        before.of(path.first) + rows.map(|(row, &token)| row.of(token)).sum::<f32>()
    }
}
