//! What is done with texts.

use voiceflow_asr::repetition::{self, Repetition};
use voiceflow_asr::wer::{Normalizer, WordErrors};
use voiceflow_kit::{PrepareError, Prepared, check_eq};

/// A hundred words, ten of them contractions or numbers.
const REFERENCE: &str = "I'm going to send the report to Mr. Dashwood before noon, and he won't mind if it's a bit late. \
    We met twenty one people at the station, they'd been waiting for two and a half hours in the rain. \
    The supplier said that nothing was wrong with the last delivery, but we counted every box and found three missing. \
    Please tell the others that we will not pay the invoice until somebody explains what happened on the way. \
    If you can't reach them today, try again tomorrow morning or write a short note, and let me know when they answer, \
    thank you very much for everything";

pub(crate) fn wer_100_words() -> Result<Prepared, PrepareError> {
    // One word is missing, one is another, one is new.
    let hypothesis = REFERENCE
        .replace("short ", "")
        .replace("station", "nation")
        .replace("thank", "oh well, thank");
    let reference_words = Normalizer::new().normalize(REFERENCE).split_whitespace().count();
    let inputs = [REFERENCE, hypothesis.as_str()].join("\n");
    Ok(Prepared::new(
        (Normalizer::new(), hypothesis),
        |(normalizer, hypothesis)| normalizer.word_errors(REFERENCE, hypothesis),
        move |_, answer| {
            check_eq(
                "the word errors",
                answer,
                &WordErrors {
                    errors: 4,
                    reference_words,
                },
            )
        },
    )
    .inputs(inputs))
}

pub(crate) fn loop_guard_repeated_text() -> Result<Prepared, PrepareError> {
    let once = "One, two, three, four, five, six, seven, eight, nine, ten. ";
    let expected = Some(Repetition {
        second_start: once.len(),
        end: 7 * once.len(),
        phrase_words: 10,
        repeats: 7,
        too_fast: true,
    });
    Ok(Prepared::new(
        once.repeat(7),
        |text| repetition::find(text, 3.0),
        move |_, answer| check_eq("the repetition", answer, &expected),
    )
    .inputs(once.repeat(7)))
}

pub(crate) fn loop_guard_plain_text() -> Result<Prepared, PrepareError> {
    Ok(Prepared::new(
        REFERENCE,
        |text| repetition::find(text, 40.0),
        |_, answer| check_eq("the repetition", answer, &None::<Repetition>),
    )
    .inputs(REFERENCE))
}
