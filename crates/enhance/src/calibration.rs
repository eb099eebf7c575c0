//! What the constants of constrained decoding are fitted on: the model's evidence at every place of a text whose right
//! writing is known.
//!
//! The text is decoded as any other, except that each decision is the right one, so that the evidence is what a decoder
//! that has made no mistake so far would see. Not part of the crate's interface; `examples/calibrate.rs` uses it.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use voiceflow_protocol::Context;

use crate::constrained::judge::{Boundary, EndMark, Ending, Form, Judge, Mark, Writing};
use crate::constrained::{Bounds, Decoder, Opening};
use crate::model::LanguageModel;
use crate::{EnhanceError, prompt, rules};

/// Evidence as a row of numbers, with the number of the right choice.
pub type Observation = (Vec<f32>, usize);

/// All evidence of one text.
#[derive(Debug, Default)]
pub struct Observations {
    /// Boundaries before any mark is tried; 0 none, 1 a comma, 2 an end.
    pub screen: Vec<Observation>,
    /// Boundaries after all were tried; the same choices.
    pub mark: Vec<Observation>,
    /// Ends of sentences; 0 a full stop, 1 a question mark, 2 an exclamation mark.
    pub end: Vec<Observation>,
    /// Words that may get a capital; 1 where they have one.
    pub capital: Vec<Observation>,
    /// Words that may be written in capitals; 1 where they are.
    pub upper: Vec<Observation>,
}

/// Reads texts whose right writing is known.
pub struct Observer<'a> {
    model: &'a LanguageModel,
    openings: [OnceCell<Opening>; Context::ALL.len()],
}

impl<'a> Observer<'a> {
    /// An observer that has read nothing.
    #[must_use]
    pub fn new(model: &'a LanguageModel) -> Self {
        Self {
            model,
            openings: [const { OnceCell::new() }; Context::ALL.len()],
        }
    }

    /// Decodes the words of `reference`, each decision as it stands there.
    ///
    /// # Errors
    /// Where the model fails.
    pub fn observe(&self, reference: &str, context: Context) -> Result<Observations, EnhanceError> {
        let written: Vec<(String, Mark)> = reference.split_whitespace().map(cut).collect();
        let dictated: Vec<String> = written.iter().map(|(word, _)| word.to_lowercase()).collect();
        let chunks = rules::capitalised(&dictated.join(" "), context);
        let teacher = Teacher {
            written,
            observations: Observations::default(),
        };
        let bounds = Bounds {
            context,
            deadline: Instant::now() + Duration::from_secs(600),
        };
        let mut decoder = Decoder::new(self.model, teacher, self.opening(context)?, chunks, bounds)?;
        decoder.decode()?;
        Ok(decoder.into_judge().observations)
    }

    fn opening(&self, context: Context) -> Result<&Opening, EnhanceError> {
        let place = &self.openings[context as usize];
        if let Some(opening) = place.get() {
            return Ok(opening);
        }
        let opening = Opening::read(self.model, &prompt::priming(self.model, context)?)?;
        Ok(place.get_or_init(|| opening))
    }
}

/// A word and the mark behind it.
fn cut(piece: &str) -> (String, Mark) {
    let word = piece.trim_end_matches(['.', ',', '?', '!']);
    let mark = match &piece[word.len()..] {
        "" => Mark::None,
        "," => Mark::Comma,
        "?" => Mark::End(EndMark::Question),
        "!" => Mark::End(EndMark::Exclamation),
        _ => Mark::End(EndMark::Stop),
    };
    (word.to_owned(), mark)
}

/// Decides as the reference does and notes the evidence.
struct Teacher {
    written: Vec<(String, Mark)>,
    observations: Observations,
}

impl Teacher {
    fn mark_before(&self, place: usize) -> Mark {
        place
            .checked_sub(1)
            .map_or(Mark::End(EndMark::Stop), |before| self.written[before].1)
    }
}

impl Judge for Teacher {
    fn is_open(&mut self, _: &Boundary) -> bool {
        true
    }

    fn mark(&mut self, place: usize, boundary: &Boundary) -> Mark {
        let mark = self.mark_before(place);
        let choice = match mark {
            Mark::None => 0,
            Mark::Comma => 1,
            Mark::End(_) => 2,
        };
        self.observations.screen.push((boundary.screened().to_vec(), choice));
        self.observations.mark.push((boundary.weighed().to_vec(), choice));
        mark
    }

    fn end(&mut self, place: usize, ending: &Ending) -> EndMark {
        let Mark::End(end) = self.written[place].1 else {
            return EndMark::Stop;
        };
        self.observations.end.push((ending.weighed().to_vec(), end as usize));
        end
    }

    fn form(&mut self, place: usize, capital: Option<Writing>, upper: Option<Writing>) -> Form {
        let word = &self.written[place].0;
        let letters = word.chars().filter(|character| character.is_alphabetic()).count();
        let is_upper = letters > 1 && word.chars().all(|character| !character.is_lowercase());
        let is_capital = !is_upper && word.chars().next().is_some_and(char::is_uppercase);
        // A capital at the beginning of a sentence needs no evidence.
        let begins = matches!(self.mark_before(place), Mark::End(_));
        if let Some(capital) = capital.filter(|_| !begins && !is_upper) {
            self.observations
                .capital
                .push((capital.weighed().to_vec(), usize::from(is_capital)));
        }
        if let Some(upper) = upper {
            self.observations
                .upper
                .push((upper.weighed().to_vec(), usize::from(is_upper)));
        }
        match (is_upper, is_capital) {
            (true, _) => Form::Upper,
            (_, true) if capital.is_some() => Form::Capital,
            _ => Form::Drafted,
        }
    }
}
