//! Lets the model write one text, token by token, and watches every step of it.
//!
//! At each place the likeliest token is taken that keeps the text faithful to what was dictated, out of a few candidates.
//! Where none does, writing stops at once: the text has strayed and finishing it would only cost time. Everything is
//! greedy, so the same dictation always gives the same text.

use std::time::Instant;

use crate::EnhanceError;
use crate::faithful::Checker;
use crate::model::{LanguageModel, Likelihoods, Session};

/// What became of one text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The model ended its turn, and the text is faithful.
    Text(String),
    /// No candidate kept the text faithful, or it did not end in time to be one.
    Strayed,
    /// The deadline passed.
    TimedOut,
}

/// How far the model may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) deadline: Instant,
    pub(crate) candidates: usize,
    pub(crate) tokens_max: usize,
}

/// One text in the making.
pub(crate) struct Writer<'a> {
    model: &'a LanguageModel,
    checker: &'a Checker,
    bounds: Bounds,
    tokens: Vec<u32>,
    /// Tokens since the last one that added a letter or a digit.
    idle: usize,
}

/// More marks in a row than this say nothing: the model is stuck between words.
const IDLE_TOKENS_MAX: usize = 3;

/// What may follow the text so far.
enum Next {
    Token(u32),
    End,
    Nothing,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(model: &'a LanguageModel, checker: &'a Checker, bounds: Bounds) -> Self {
        Self {
            model,
            checker,
            bounds,
            tokens: Vec::new(),
            idle: 0,
        }
    }

    /// Writes the answer to `request`, which the session reads first.
    pub(crate) fn write(&mut self, mut session: Session, request: &[u32]) -> Result<Written, EnhanceError> {
        let mut input = request.to_vec();
        loop {
            if Instant::now() >= self.bounds.deadline {
                return Ok(Written::TimedOut);
            }
            let likelihoods = session.read(&input)?;
            match self.choose(likelihoods)? {
                Next::End => return Ok(Written::Text(self.model.decode(&self.tokens)?)),
                Next::Token(token) if self.tokens.len() < self.bounds.tokens_max => {
                    self.tokens.push(token);
                    input = vec![token];
                }
                Next::Token(_) | Next::Nothing => return Ok(Written::Strayed),
            }
        }
    }

    /// Number of tokens written.
    pub(crate) fn token_count(&self) -> usize {
        self.tokens.len()
    }

    /// The likeliest of the candidates that keeps the text faithful.
    fn choose(&mut self, mut likelihoods: Likelihoods) -> Result<Next, EnhanceError> {
        let before = self.model.decode(&self.tokens)?;
        for _ in 0..self.bounds.candidates.max(1) {
            let token = likelihoods.take_likeliest();
            if token == self.model.turn_end() {
                if self.checker.check(&before).is_ok() {
                    return Ok(Next::End);
                }
                continue;
            }
            self.tokens.push(token);
            let after = self.model.decode(&self.tokens)?;
            self.tokens.pop();
            let grows = after.len() > before.len() && after.starts_with(&before);
            let speaks = after
                .get(before.len()..)
                .is_some_and(|added| added.contains(char::is_alphanumeric));
            let idle = if speaks { 0 } else { self.idle + 1 };
            if grows && idle <= IDLE_TOKENS_MAX && self.checker.check_beginning(&after).is_ok() {
                self.idle = idle;
                return Ok(Next::Token(token));
            }
        }
        // The model would go on where everything has been said: its last word stands, and its marks stay away.
        Ok(if self.checker.check(&before).is_ok() {
            Next::End
        } else {
            Next::Nothing
        })
    }
}
