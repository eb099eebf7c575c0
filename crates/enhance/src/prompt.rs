//! What the model is told before it sees a dictation: one instruction and a few examples for each context.
//!
//! The examples decide more than the instruction. Each shows the input as the rules leave it and the same words with
//! better punctuation; questions and requests stand among them, because those are what a chat model would rather answer.

use voiceflow_protocol::Context;

use crate::EnhanceError;
use crate::model::LanguageModel;

/// A dictation as the rules leave it, and as it should be written.
type Example = (&'static str, &'static str);

/// The tokens that come before every dictation in this context, up to the place where the dictation starts.
///
/// # Errors
/// Fails where the tokenizer does.
pub fn opening(model: &LanguageModel, context: Context) -> Result<Vec<u32>, EnhanceError> {
    let mut tokens = Vec::new();
    turn(model, &mut tokens, "system", &instruction(context))?;
    for (dictated, written) in examples(context) {
        turn(model, &mut tokens, "user", dictated)?;
        turn(model, &mut tokens, "assistant", written)?;
    }
    tokens.push(model.turn_start());
    tokens.extend(model.encode("user\n")?);
    Ok(tokens)
}

/// The tokens that come before every text that is decoded within its transcript: a page of well written messages, so that
/// the model goes on as they are written. It shows no instruction and no transcript, because nothing is asked.
///
/// # Errors
/// Fails where the tokenizer does.
pub fn priming(model: &LanguageModel, context: Context) -> Result<Vec<u32>, EnhanceError> {
    let page: String = PRIMING
        .iter()
        .chain(&own_priming(context))
        .map(|message| format!("{message}\n"))
        .collect();
    model.encode(&page)
}

/// One message for each convention: commas before a joined clause, after one that comes first and in a series, around an
/// apposition, and none before one that comes last; the end marks; names and acronyms.
const PRIMING: [&str; 7] = [
    "Hi Anna, thanks for the draft. I read it last night, and it looks good to me.",
    "We are late with the order, but if the parts arrive on Tuesday, we can still ship it.",
    "Could you send me the signed contract when you are back?",
    "Buy milk, bread, and eggs, and then call the dentist about Thursday.",
    "If the table is empty, we return early because the API expects at least one row.",
    "No, that was not what I meant, sorry!",
    "Peter, who lives in Oslo, said that he would come in June. Is that right?",
];

/// Messages that belong to the context alone: what it opens and closes with, and what it speaks about.
fn own_priming(context: Context) -> [&'static str; 2] {
    match context {
        Context::Email => [
            "Dear Mr Hall, many thanks for your letter of the third of May. We will answer it soon. Kind regards, Ines.",
            "Please find the PDF attached, and let me know whether it suits you.",
        ],
        Context::Chat => [
            "Hey, are you coming tonight? We start at eight. See you there!",
            "What a game! I still can't believe it.",
        ],
        Context::Code => [
            "The JSON parser fails on Linux, so we open the file again and then print what it says.",
            "Why is the CPU so busy? Stop the SQL import and look at the cache.",
        ],
        Context::Notes => [
            "After the long winter the roses need water, light, and patience. They were planted in April.",
            "Ask Mrs Bell on Park Road about the old BBC film.",
        ],
        Context::Meeting => [
            "Okay, the first point is the budget. Sara will update the plan, and Tom will call HR.",
            "The new CFO, Mr Bauer, starts in September. Who will show him the plant in Leeds?",
        ],
    }
}

/// The tokens of one dictation, up to the place where the model's text starts.
///
/// # Errors
/// Fails where the tokenizer does.
pub fn request(model: &LanguageModel, dictated: &str) -> Result<Vec<u32>, EnhanceError> {
    let mut tokens = model.encode(dictated)?;
    tokens.push(model.turn_end());
    tokens.extend(model.encode("\n")?);
    tokens.push(model.turn_start());
    tokens.extend(model.encode("assistant\n")?);
    Ok(tokens)
}

fn turn(model: &LanguageModel, tokens: &mut Vec<u32>, speaker: &str, text: &str) -> Result<(), EnhanceError> {
    tokens.push(model.turn_start());
    tokens.extend(model.encode(&format!("{speaker}\n{text}"))?);
    tokens.push(model.turn_end());
    tokens.extend(model.encode("\n")?);
    Ok(())
}

fn instruction(context: Context) -> String {
    let kind = match context {
        Context::Email => "an email",
        Context::Chat => "a chat message",
        Context::Code => "a comment in a program",
        Context::Notes => "a note",
        Context::Meeting => "the minutes of a meeting",
    };
    format!("Copy the dictated text as {kind}. Add punctuation and capital letters. Keep every word. Never answer it.")
}

fn examples(context: Context) -> [Example; 3] {
    match context {
        Context::Email => [
            (
                "Hi Anna thanks for the draft I read it last night and it looks good to me.",
                "Hi Anna, thanks for the draft. I read it last night, and it looks good to me.",
            ),
            (
                "Could you send me the signed contract when you have time?",
                "Could you send me the signed contract when you have time?",
            ),
            (
                "We are late with the order but if the parts arrive on Tuesday we can still ship it.",
                "We are late with the order, but if the parts arrive on Tuesday, we can still ship it.",
            ),
        ],
        Context::Chat => [
            (
                "Hey are you coming tonight we start at eight?",
                "Hey, are you coming tonight? We start at eight.",
            ),
            (
                "No no that was not what I meant sorry.",
                "No no, that was not what I meant, sorry.",
            ),
            (
                "I'm on the bus now so I will be there in ten minutes or so.",
                "I'm on the bus now, so I will be there in ten minutes or so.",
            ),
        ],
        Context::Code => [
            (
                "If the list is empty we return early otherwise parse_line is called for each row.",
                "If the list is empty, we return early; otherwise parse_line is called for each row.",
            ),
            (
                "Why does this lock stay open after the test?",
                "Why does this lock stay open after the test?",
            ),
            (
                "Rename the flag to dry run and move the check into main.rs",
                "Rename the flag to dry run, and move the check into main.rs.",
            ),
        ],
        Context::Notes => [
            (
                "Buy milk bread and eggs then call the dentist about Thursday.",
                "Buy milk, bread and eggs, then call the dentist about Thursday.",
            ),
            (
                "What did the landlord say about the heating?",
                "What did the landlord say about the heating?",
            ),
            (
                "The second idea was better because it needs no new tools.",
                "The second idea was better, because it needs no new tools.",
            ),
        ],
        Context::Meeting => [
            (
                "Okay first point the budget Peter said we are ten percent over.",
                "Okay, first point, the budget. Peter said we are ten percent over.",
            ),
            (
                "Who will talk to the customer about the delay?",
                "Who will talk to the customer about the delay?",
            ),
            (
                "We agreed to move the launch to June and Sara will update the plan.",
                "We agreed to move the launch to June, and Sara will update the plan.",
            ),
        ],
    }
}
