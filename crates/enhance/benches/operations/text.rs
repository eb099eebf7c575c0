//! Rules and check: pure text work.

use voiceflow_enhance::faithful::{self, Checker};
use voiceflow_enhance::{Context, rules};
use voiceflow_fixtures::dictation;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer};

/// Inputs take turns, more of them than a branch predictor learns.
const VARIANTS: usize = 1024;
const SEED: u64 = 0x7469_6479;

/// Dictations that take turns.
pub(super) struct Rotation<T> {
    items: Vec<T>,
    next: usize,
}

impl<T> Rotation<T> {
    pub(super) fn new(items: Vec<T>) -> Self {
        Self { items, next: 0 }
    }

    /// Goes on to the next item and answers its index.
    pub(super) fn advance(&mut self) -> usize {
        let index = self.next;
        self.next = (index + 1) % self.items.len();
        index
    }

    pub(super) fn item(&self, index: usize) -> &T {
        &self.items[index]
    }
}

pub(super) fn rules_20_words() -> Result<Prepared, PrepareError> {
    rules_of(20)
}

pub(super) fn rules_200_words() -> Result<Prepared, PrepareError> {
    rules_of(200)
}

fn rules_of(words: usize) -> Result<Prepared, PrepareError> {
    let texts = dictation::texts(SEED, VARIANTS, words);
    let inputs = texts.join("\n");
    let prepared = Prepared::with_input(
        Rotation::new(texts),
        Rotation::advance,
        |texts, index| (index, rules::tidy(texts.item(index), Context::Notes)),
        |texts, (index, tidy)| {
            faithful::check(texts.item(*index), tidy, Context::Notes)
                .map_err(|stray| WrongAnswer::new(stray.to_string()))?;
            if tidy.ends_with(['.', '?']) {
                Ok(())
            } else {
                Err(WrongAnswer::new("no end mark"))
            }
        },
    );
    Ok(prepared.inputs(inputs))
}

pub(super) fn faithful_20_words() -> Result<Prepared, PrepareError> {
    let texts = dictation::texts(SEED, VARIANTS, 20);
    let inputs = texts.join("\n");
    let pairs = texts
        .into_iter()
        .map(|text| (rules::tidy(&text, Context::Notes), text))
        .collect();
    let prepared = Prepared::with_input(
        Rotation::new(pairs),
        Rotation::advance,
        |pairs, index| {
            let (tidy, dictated) = pairs.item(index);
            faithful::check(dictated, tidy, Context::Notes)
        },
        |_, outcome| outcome.map_err(|stray| WrongAnswer::new(stray.to_string())),
    );
    Ok(prepared.inputs(inputs))
}

pub(super) fn faithful_beginning() -> Result<Prepared, PrepareError> {
    let texts = dictation::texts(SEED, VARIANTS, 20);
    let inputs = texts.join("\n");
    let pairs = texts
        .iter()
        .map(|text| (first_ten_words(text), Checker::new(text, Context::Notes)))
        .collect();
    let prepared = Prepared::with_input(
        Rotation::new(pairs),
        Rotation::advance,
        |pairs, index| {
            let (beginning, checker) = pairs.item(index);
            checker.check_beginning(beginning)
        },
        |_, outcome| outcome.map_err(|stray| WrongAnswer::new(stray.to_string())),
    );
    Ok(prepared.inputs(inputs))
}

fn first_ten_words(text: &str) -> String {
    text.split(' ').take(10).collect::<Vec<_>>().join(" ")
}
