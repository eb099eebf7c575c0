//! What the model costs: loading, reading, writing, and a whole sentence.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::faithful;
use voiceflow_enhance::model::{LanguageModel, Session};
use voiceflow_enhance::{Context, EnhanceError, Enhanced, Enhancer, EnhancerOptions, Source, prompt, rules};
use voiceflow_fixtures::dictation::{self, Sentence};
use voiceflow_kit::{NO_INPUTS, PrepareError, Prepared, WrongAnswer, check_eq};

use super::text::Rotation;

/// The dictation for the operations that need just one.
const DICTATED: &str = "the tomatoes need more sun so move them to the south wall before the weather turns";
const SEED: u64 = 0x746f_6b65;

fn path() -> Result<PathBuf, PrepareError> {
    Ok(Assets::open()?.path(AssetName::SmolLm2)?)
}

/// The model, loaded once for all operations of this process.
fn shared() -> Result<&'static LanguageModel, PrepareError> {
    static MODEL: OnceLock<LanguageModel> = OnceLock::new();
    if let Some(model) = MODEL.get() {
        return Ok(model);
    }
    let model = LanguageModel::load(&path()?)?;
    Ok(MODEL.get_or_init(|| model))
}

/// A session that has read the prompt of a note.
fn opened(model: &LanguageModel) -> Result<Session, PrepareError> {
    let mut session = model.session();
    session.read(&prompt::opening(model, Context::Notes)?)?;
    Ok(session)
}

fn request(model: &LanguageModel) -> Result<Vec<u32>, PrepareError> {
    Ok(prompt::request(model, &rules::tidy(DICTATED, Context::Notes))?)
}

pub(super) fn tokenize_20_words() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let texts = dictation::texts(SEED, 1024, 20);
    let inputs = texts.join("\n");
    let prepared = Prepared::with_input(
        Rotation::new(texts),
        Rotation::advance,
        move |texts, index| (index, model.encode(texts.item(index))),
        move |texts, (index, tokens): &(usize, Result<Vec<u32>, EnhanceError>)| {
            let tokens = tokens.as_ref().map_err(|error| WrongAnswer::new(error.to_string()))?;
            let back = model
                .decode(tokens)
                .map_err(|error| WrongAnswer::new(error.to_string()))?;
            check_eq("the text of the tokens", &back, texts.item(*index))
        },
    );
    Ok(prepared.inputs(inputs))
}

pub(super) fn detokenize_200_words() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let text = dictation::text(SEED, 200);
    let tokens = model.encode(&text)?;
    let prepared = Prepared::new(tokens, move |tokens| model.decode(tokens), {
        let text = text.clone();
        move |_, back: &Result<String, EnhanceError>| match back {
            Ok(back) => check_eq("the text of the tokens", back, &text),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        }
    });
    Ok(prepared.inputs(text))
}

pub(super) fn load() -> Result<Prepared, PrepareError> {
    let path = path()?;
    Ok(Prepared::new(
        path,
        |path| LanguageModel::load(path),
        |_, model: &Result<LanguageModel, EnhanceError>| match model {
            Ok(model) => check_eq("the session's length", &model.session().len(), &0),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    )
    .inputs(NO_INPUTS))
}

pub(super) fn prefill_p128() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let mut tokens = model.encode(&dictation::text(SEED, 160))?;
    tokens.truncate(128);
    let inputs: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let mut session = model.session();
    let expected = session.read(&tokens)?.likeliest();
    let prepared = Prepared::with_input(
        tokens,
        move |_| model.session(),
        |tokens, mut session| session.read(tokens).map(|likelihoods| likelihoods.likeliest()),
        move |_, token| expect_token(token, expected),
    );
    Ok(prepared.inputs(inputs))
}

fn expect_token(token: &Result<u32, EnhanceError>, expected: u32) -> Result<(), WrongAnswer> {
    match token {
        Ok(token) => check_eq("the next token", token, &expected),
        Err(error) => Err(WrongAnswer::new(error.to_string())),
    }
}

/// Writes `count` tokens freely, each the likeliest after those before it.
fn write(session: &mut Session, first: u32, count: usize) -> Result<Vec<u32>, EnhanceError> {
    let mut tokens = vec![first];
    for _ in 0..count {
        let last = tokens[tokens.len() - 1];
        tokens.push(session.read(&[last])?.likeliest());
    }
    Ok(tokens)
}

pub(super) fn decode_32_tokens() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let mut session = opened(model)?;
    let first = session.read(&request(model)?)?.likeliest();
    let expected = write(&mut session.clone(), first, 32)?;
    let prepared = Prepared::with_input(
        session,
        |session| session.clone(),
        move |_, mut session| write(&mut session, first, 32),
        move |_, tokens: &Result<Vec<u32>, EnhanceError>| match tokens {
            Ok(tokens) => check_eq("the tokens", tokens, &expected),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    );
    Ok(prepared.inputs(DICTATED))
}

pub(super) fn prefix_cold() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let mut tokens = prompt::opening(model, Context::Notes)?;
    tokens.extend(request(model)?);
    let expected = first_token(model)?;
    let prepared = Prepared::new(
        tokens,
        move |tokens| model.session().read(tokens).map(|likelihoods| likelihoods.likeliest()),
        move |_, token| expect_token(token, expected),
    );
    Ok(prepared.inputs(DICTATED))
}

pub(super) fn prefix_warm() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let session = opened(model)?;
    let request = request(model)?;
    let expected = first_token(model)?;
    let prepared = Prepared::new(
        session,
        move |session| {
            session
                .clone()
                .read(&request)
                .map(|likelihoods| likelihoods.likeliest())
        },
        move |_, token| expect_token(token, expected),
    );
    Ok(prepared.inputs(DICTATED))
}

/// The token that follows prompt and dictation, by the way that reads each on its own.
fn first_token(model: &LanguageModel) -> Result<u32, PrepareError> {
    Ok(opened(model)?.read(&request(model)?)?.likeliest())
}

/// Sentences of about 20 words.
fn sentences() -> Vec<&'static Sentence> {
    dictation::sentences()
        .iter()
        .filter(|sentence| (15..=25).contains(&sentence.word_count()))
        .collect()
}

/// What is dictated, for the digest of the inputs.
fn dictated(sentences: &[&Sentence]) -> String {
    let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.dictated).collect();
    texts.join("\n")
}

/// The time limit is far away, so that no call is cut off and counted as fast.
fn enhancer(cache_size: u64, contexts: &[Context]) -> Result<Enhancer, PrepareError> {
    let options = EnhancerOptions {
        cache_size,
        timeout: Duration::from_secs(60),
        contexts: contexts.to_vec(),
        ..EnhancerOptions::default()
    };
    Ok(Enhancer::load(&path()?, &options)?)
}

pub(super) fn sentence_20_words() -> Result<Prepared, PrepareError> {
    let enhancer = enhancer(0, &Context::ALL)?;
    let mut sentences = sentences();
    // A text that is refused ends early: only whole answers tell what one takes.
    sentences.retain(|sentence| enhancer.enhance(sentence.dictated, sentence.context).source == Source::Model);
    if sentences.is_empty() {
        return Err("the model answers none of the sentences of about 20 words".into());
    }
    let inputs = dictated(&sentences);
    let prepared = Prepared::with_input(
        Rotation::new(sentences),
        Rotation::advance,
        move |sentences, index| {
            let sentence = sentences.item(index);
            (index, enhancer.enhance(sentence.dictated, sentence.context))
        },
        |sentences, (index, enhanced)| check_sentence(sentences.item(*index), enhanced),
    );
    Ok(prepared.inputs(inputs))
}

/// The text must be faithful and the model's own: one that writes rubbish is refused at its first token, which would
/// otherwise pass for a fast right answer.
fn check_sentence(sentence: &Sentence, enhanced: &Enhanced) -> Result<(), WrongAnswer> {
    faithful::check(sentence.dictated, &enhanced.text, sentence.context)
        .map_err(|stray| WrongAnswer::new(stray.to_string()))?;
    match enhanced.source {
        Source::Model => Ok(()),
        other => Err(WrongAnswer::new(format!(
            "{} came from {}",
            sentence.id,
            other.as_str()
        ))),
    }
}

pub(super) fn cache_hit() -> Result<Prepared, PrepareError> {
    let enhancer = enhancer(1000, &[Context::Notes])?;
    // Two are enough to ask for in turn; each costs the model most of a second before anything is measured.
    let sentences: Vec<_> = sentences().into_iter().take(2).collect();
    for sentence in &sentences {
        let _ = enhancer.enhance(sentence.dictated, Context::Notes);
    }
    let inputs = dictated(&sentences);
    Ok(Prepared::with_input(
        Rotation::new(sentences),
        Rotation::advance,
        move |sentences, index| enhancer.enhance(sentences.item(index).dictated, Context::Notes),
        |_, enhanced| check_eq("the source", &enhanced.source, &Source::Cache),
    )
    .inputs(inputs))
}
