//! What a whole sentence costs, by its length, its context and the way of decoding.

use std::num::NonZeroUsize;
use std::time::Duration;

use voiceflow_enhance::{Context, Decoding, Enhanced, Enhancer, EnhancerOptions, Source, faithful};
use voiceflow_fixtures::dictation;
use voiceflow_kit::{PrepareError, Prepared, WrongAnswer, check_eq};

use super::model::path;
use super::text::Rotation;

/// What is dictated, and where.
struct Dictation {
    text: String,
    context: Context,
}

/// Texts of `words` words or up to a fifth more: each sentence that is not too long, with what fits of those after it.
fn dictations(words: usize) -> Vec<Dictation> {
    let sentences = dictation::sentences();
    let range = words..=words + words / 5;
    let joined = (0..sentences.len()).filter_map(|first| {
        let (mut texts, mut count) = (Vec::new(), 0);
        for sentence in sentences[first..].iter().chain(&sentences[..first]) {
            if count < words && count + sentence.word_count() <= *range.end() {
                texts.push(sentence.dictated);
                count += sentence.word_count();
            } else if texts.is_empty() {
                return None;
            }
        }
        range.contains(&count).then(|| Dictation {
            text: texts.join(" "),
            context: sentences[first].context,
        })
    });
    joined.collect()
}

/// The time limit is far away, so that no call is cut off and counted as fast.
fn enhancer(options: EnhancerOptions) -> Result<Enhancer, PrepareError> {
    let options = EnhancerOptions {
        timeout: Duration::from_secs(60),
        ..options
    };
    Ok(Enhancer::load(&path()?, &options)?)
}

pub(super) fn words_10() -> Result<Prepared, PrepareError> {
    of(dictations(10), threads(1))
}

pub(super) fn words_20() -> Result<Prepared, PrepareError> {
    of(dictations(20), threads(1))
}

pub(super) fn words_20_2t() -> Result<Prepared, PrepareError> {
    of(dictations(20), threads(2))
}

pub(super) fn words_40() -> Result<Prepared, PrepareError> {
    of(dictations(40), threads(1))
}

pub(super) fn words_40_2t() -> Result<Prepared, PrepareError> {
    of(dictations(40), threads(2))
}

pub(super) fn words_20_free() -> Result<Prepared, PrepareError> {
    let options = EnhancerOptions {
        decoding: Decoding::Free,
        ..threads(1)
    };
    of(dictations(20), options)
}

pub(super) fn email() -> Result<Prepared, PrepareError> {
    in_context(Context::Email)
}

pub(super) fn chat() -> Result<Prepared, PrepareError> {
    in_context(Context::Chat)
}

pub(super) fn code() -> Result<Prepared, PrepareError> {
    in_context(Context::Code)
}

pub(super) fn notes() -> Result<Prepared, PrepareError> {
    in_context(Context::Notes)
}

pub(super) fn meeting() -> Result<Prepared, PrepareError> {
    in_context(Context::Meeting)
}

/// The same texts in every context, few enough that all take their turn.
fn in_context(context: Context) -> Result<Prepared, PrepareError> {
    let dictations = dictations(20).into_iter().step_by(4);
    let dictations = dictations.map(|dictation| Dictation { context, ..dictation });
    of(dictations.collect(), threads(1))
}

fn threads(threads: usize) -> EnhancerOptions {
    EnhancerOptions {
        threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
        ..EnhancerOptions::default()
    }
}

fn of(mut dictations: Vec<Dictation>, options: EnhancerOptions) -> Result<Prepared, PrepareError> {
    let may_stray = options.decoding == Decoding::Free;
    let contexts = Context::ALL
        .into_iter()
        .filter(|context| dictations.iter().any(|one| one.context == *context));
    let enhancer = enhancer(EnhancerOptions {
        cache_size: 0,
        contexts: contexts.collect(),
        ..options
    })?;
    // A text that is refused ends early: only whole answers tell what one takes.
    dictations.retain(|one| !may_stray || enhancer.enhance(&one.text, one.context).source == Source::Model);
    if dictations.is_empty() {
        return Err("the model answers none of the dictations".into());
    }
    let inputs: Vec<&str> = dictations.iter().map(|one| one.text.as_str()).collect();
    let inputs = inputs.join("\n");
    let prepared = Prepared::with_input(
        Rotation::new(dictations),
        Rotation::advance,
        move |dictations, index| {
            let dictation = dictations.item(index);
            (index, enhancer.enhance(&dictation.text, dictation.context))
        },
        |dictations, (index, enhanced)| check(dictations.item(*index), enhanced),
    );
    Ok(prepared.inputs(inputs))
}

/// The text must be faithful and the model's own: one that writes rubbish is refused at its first token, which would
/// otherwise pass for a fast right answer.
fn check(dictation: &Dictation, enhanced: &Enhanced) -> Result<(), WrongAnswer> {
    faithful::check(&dictation.text, &enhanced.text, dictation.context)
        .map_err(|stray| WrongAnswer::new(stray.to_string()))?;
    check_eq("who wrote the text", &enhanced.source.as_str(), &Source::Model.as_str())
}

pub(super) fn cache_hit() -> Result<Prepared, PrepareError> {
    let enhancer = enhancer(EnhancerOptions {
        contexts: vec![Context::Notes],
        ..EnhancerOptions::default()
    })?;
    let texts: Vec<String> = dictations(20).into_iter().take(2).map(|one| one.text).collect();
    for text in &texts {
        let _ = enhancer.enhance(text, Context::Notes);
    }
    let inputs = texts.join("\n");
    Ok(Prepared::with_input(
        Rotation::new(texts),
        Rotation::advance,
        move |texts, index| enhancer.enhance(texts.item(index), Context::Notes),
        |_, enhanced| check_eq("the source", &enhanced.source, &Source::Cache),
    )
    .inputs(inputs))
}
