//! What the model costs: loading it, its tokens, reading and writing.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::model::{LanguageModel, Session};
use voiceflow_enhance::{Context, Device, EnhanceError, prompt, rules};
use voiceflow_fixtures::dictation;
use voiceflow_kit::{NO_INPUTS, PrepareError, Prepared, Unavailable, WrongAnswer, check_eq};

use super::text::Rotation;

/// The dictation for the operations that need just one.
const DICTATED: &str = "the tomatoes need more sun so move them to the south wall before the weather turns";
const SEED: u64 = 0x746f_6b65;
const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Bytes of the model's file.
pub(super) const FILE_BYTES: u64 = 144_811_072;

/// Tokens of a note's prompt with the dictation, and of the dictation alone, in each way of decoding.
pub(super) const FREE_COLD_TOKENS: u64 = 155;
pub(super) const FREE_WARM_TOKENS: u64 = 23;
pub(super) const CONSTRAINED_COLD_TOKENS: u64 = 176;
pub(super) const CONSTRAINED_WARM_TOKENS: u64 = 17;

pub(super) fn path() -> Result<PathBuf, PrepareError> {
    Ok(Assets::open()?.path(AssetName::SmolLm2)?)
}

/// The model, loaded once for all operations of this process.
pub(super) fn shared() -> Result<&'static LanguageModel, PrepareError> {
    static MODEL: OnceLock<LanguageModel> = OnceLock::new();
    if let Some(model) = MODEL.get() {
        return Ok(model);
    }
    let model = LanguageModel::load(&path()?)?;
    Ok(MODEL.get_or_init(|| model))
}

/// The same for two threads of the processor.
pub(super) fn on_two_threads() -> Result<&'static LanguageModel, PrepareError> {
    static MODEL: OnceLock<LanguageModel> = OnceLock::new();
    if let Some(model) = MODEL.get() {
        return Ok(model);
    }
    let model = LanguageModel::load_on(&path()?, Device::Cpu, TWO)?;
    Ok(MODEL.get_or_init(|| model))
}

/// The same on a CUDA device, where there is one.
fn on_cuda() -> Result<&'static LanguageModel, PrepareError> {
    static MODEL: OnceLock<LanguageModel> = OnceLock::new();
    if let Some(model) = MODEL.get() {
        return Ok(model);
    }
    let model = LanguageModel::load_on(&path()?, Device::Cuda, NonZeroUsize::MIN).map_err(|error| match error {
        EnhanceError::Device { reason } => Unavailable::new(format!("no CUDA device: {reason}")).into(),
        other => PrepareError::from(other),
    })?;
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
    tokenize(1024, 20)
}

pub(super) fn tokenize_200_words() -> Result<Prepared, PrepareError> {
    tokenize(128, 200)
}

fn tokenize(texts: usize, words: usize) -> Result<Prepared, PrepareError> {
    let model = shared()?;
    let texts = dictation::texts(SEED, texts, words);
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
    let length = std::fs::metadata(&path)?.len();
    if length != FILE_BYTES {
        return Err(format!(
            "{} has {length} bytes instead of the {FILE_BYTES} that are declared",
            path.display()
        )
        .into());
    }
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

pub(super) fn prefill_p32() -> Result<Prepared, PrepareError> {
    prefill(shared()?, 32)
}

pub(super) fn prefill_p128() -> Result<Prepared, PrepareError> {
    prefill(shared()?, 128)
}

pub(super) fn prefill_p128_2t() -> Result<Prepared, PrepareError> {
    prefill(on_two_threads()?, 128)
}

pub(super) fn prefill_p128_cuda() -> Result<Prepared, PrepareError> {
    prefill(on_cuda()?, 128)
}

pub(super) fn prefill_p512() -> Result<Prepared, PrepareError> {
    prefill(shared()?, 512)
}

fn prefill(model: &'static LanguageModel, count: usize) -> Result<Prepared, PrepareError> {
    let tokens = tokens(model, count)?;
    let inputs = bytes(&tokens);
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

/// Tokens of a dictation.
pub(super) fn tokens(model: &LanguageModel, count: usize) -> Result<Vec<u32>, PrepareError> {
    // A word has at least one token, and the generated ones have little more.
    let mut tokens = model.encode(&dictation::text(SEED, count + count / 4))?;
    tokens.truncate(count);
    Ok(tokens)
}

pub(super) fn expect_token(token: &Result<u32, EnhanceError>, expected: u32) -> Result<(), WrongAnswer> {
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

/// Writes 32 tokens, and takes them back.
pub(super) fn decode_32_tokens() -> Result<Prepared, PrepareError> {
    decode(shared()?)
}

pub(super) fn decode_32_tokens_cuda() -> Result<Prepared, PrepareError> {
    decode(on_cuda()?)
}

fn decode(model: &LanguageModel) -> Result<Prepared, PrepareError> {
    let mut session = opened(model)?;
    let first = session.read(&request(model)?)?.likeliest();
    let length = session.len();
    let expected = write(&mut session, first, 32)?;
    let prepared = Prepared::new(
        session,
        move |session| {
            session.truncate(length);
            write(session, first, 32)
        },
        move |_, tokens: &Result<Vec<u32>, EnhanceError>| match tokens {
            Ok(tokens) => check_eq("the tokens", tokens, &expected),
            Err(error) => Err(WrongAnswer::new(error.to_string())),
        },
    );
    Ok(prepared.inputs(DICTATED))
}

/// Tokens before a dictation, and those of the dictation.
struct Prefix {
    opening: Vec<u32>,
    request: Vec<u32>,
}

impl Prefix {
    /// What free decoding reads.
    fn free(model: &LanguageModel) -> Result<Self, PrepareError> {
        Ok(Self {
            opening: prompt::opening(model, Context::Notes)?,
            request: request(model)?,
        })
    }

    /// What constrained decoding reads, alternatives aside.
    fn constrained(model: &LanguageModel) -> Result<Self, PrepareError> {
        Ok(Self {
            opening: prompt::priming(model, Context::Notes)?,
            request: model.encode(&rules::tidy(DICTATED, Context::Notes))?,
        })
    }

    /// Reads all of it into an empty session; `count` tokens, as is declared.
    fn cold(self, model: &'static LanguageModel, count: u64) -> Result<Prepared, PrepareError> {
        let expected = self.next_token(model)?;
        let tokens = [self.opening, self.request].concat();
        expect_count(&tokens, count)?;
        let prepared = Prepared::new(
            tokens,
            move |tokens| model.session().read(tokens).map(|likelihoods| likelihoods.likeliest()),
            move |_, token| expect_token(token, expected),
        );
        Ok(prepared.inputs(DICTATED))
    }

    /// Reads the dictation, `count` tokens, where the rest was read before; every call begins with a clone, as every text
    /// does.
    fn warm(self, model: &'static LanguageModel, count: u64) -> Result<Prepared, PrepareError> {
        let expected = self.next_token(model)?;
        expect_count(&self.request, count)?;
        let mut session = model.session();
        session.read(&self.opening)?;
        let prepared = Prepared::new(
            session,
            move |session| {
                session
                    .clone()
                    .read(&self.request)
                    .map(|likelihoods| likelihoods.likeliest())
            },
            move |_, token| expect_token(token, expected),
        );
        Ok(prepared.inputs(DICTATED))
    }

    /// The token that follows, by the way that reads prompt and dictation each on its own.
    fn next_token(&self, model: &LanguageModel) -> Result<u32, PrepareError> {
        let mut session = model.session();
        session.read(&self.opening)?;
        Ok(session.read(&self.request)?.likeliest())
    }
}

pub(super) fn bytes(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

fn expect_count(tokens: &[u32], count: u64) -> Result<(), PrepareError> {
    if tokens.len() as u64 == count {
        Ok(())
    } else {
        Err(format!("{} tokens instead of the {count} that are declared", tokens.len()).into())
    }
}

pub(super) fn prefix_cold() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    Prefix::free(model)?.cold(model, FREE_COLD_TOKENS)
}

pub(super) fn prefix_warm() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    Prefix::free(model)?.warm(model, FREE_WARM_TOKENS)
}

pub(super) fn prefix_cold_constrained() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    Prefix::constrained(model)?.cold(model, CONSTRAINED_COLD_TOKENS)
}

pub(super) fn prefix_warm_constrained() -> Result<Prepared, PrepareError> {
    let model = shared()?;
    Prefix::constrained(model)?.warm(model, CONSTRAINED_WARM_TOKENS)
}
