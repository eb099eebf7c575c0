//! The whole way of a dictation: rules, cache, model, check, and the rules again where the model may not answer.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use voiceflow_protocol::Context;

use crate::cache::Answers;
use crate::constrained::{self, Decoded, Decoder, Opening, judge};
use crate::faithful::Checker;
use crate::model::LanguageModel;
use crate::options::{Decoding, EnhancerOptions};
use crate::outcome::{Counters, Enhanced, LiveCounters, Source};
use crate::turnstile::Turnstile;
use crate::writer::{Bounds, Writer, Written};
use crate::{EnhanceError, prompt, rules};

/// Tidies dictations. One serves any number of threads.
///
/// What they share: the model's weights, read only; a turnstile that lets one text be written at a time, in front of
/// which a call waits no longer than its own time limit; the cache, locked by shard; atomic counters. Texts answered by
/// rules or from the cache wait for nobody.
pub struct Enhancer {
    language: Option<Language>,
    options: EnhancerOptions,
    answers: Answers,
    counters: LiveCounters,
}

/// The model, and for each context what it has read before any dictation.
struct Language {
    model: LanguageModel,
    decoding: Decoding,
    openings: [OnceLock<Opening>; Context::ALL.len()],
    turnstile: Turnstile,
}

/// When a text has to be there, and how its caller comes by the right to compute.
struct Terms<F> {
    deadline: Instant,
    claim: F,
}

/// A text by the model or by the rules, before it is counted.
struct Attempt {
    text: Option<String>,
    source: Source,
    prompt_tokens: usize,
    tokens: usize,
}

impl Enhancer {
    /// Loads the model at `path` and reads the prompts of the options' contexts. Where the options turn enhancement off,
    /// the file is not looked at.
    ///
    /// # Errors
    /// `Open`, `Malformed`, `Unsupported` for a file that is no usable model; `Device` where the options' is not to be had;
    /// `Threads` where the system gives none; `Inference` where the model fails on a prompt.
    pub fn load(path: &Path, options: &EnhancerOptions) -> Result<Self, EnhanceError> {
        if !options.enabled {
            return Ok(Self::rules_only(options));
        }
        let language = Language {
            model: LanguageModel::load_on(path, options.device, options.threads)?,
            decoding: options.decoding,
            openings: [const { OnceLock::new() }; Context::ALL.len()],
            turnstile: Turnstile::default(),
        };
        for &context in &options.contexts {
            language.opening(context)?;
        }
        tracing::info!(
            device = ?options.device,
            threads = options.threads.get(),
            contexts = options.contexts.len(),
            "language model ready"
        );
        Ok(Self {
            language: Some(language),
            ..Self::rules_only(options)
        })
    }

    /// An enhancer without a model: every text is tidied by rules.
    #[must_use]
    pub fn rules_only(options: &EnhancerOptions) -> Self {
        Self {
            language: None,
            answers: Answers::new(options.cache_size, options.cache_ttl),
            options: options.clone(),
            counters: LiveCounters::default(),
        }
    }

    /// Tidies a dictation. It always answers; [`Enhanced::source`] says who wrote the text.
    #[must_use]
    pub fn enhance(&self, dictated: &str, context: Context) -> Enhanced {
        self.enhance_since(Instant::now(), dictated, context, |_| Some(()))
    }

    /// As [`Enhancer::enhance`], for a caller whose machine has other work to do: the time limit runs from `ready`, and
    /// before the model computes anything `claim` is asked, once, for the right to. It gets the deadline and must not
    /// wait beyond it. What it returns is held until the model is done; none says that the right did not come in time,
    /// and the rules answer. Texts answered by rules or from the cache claim nothing.
    #[must_use]
    pub fn enhance_since<Claim>(
        &self,
        ready: Instant,
        dictated: &str,
        context: Context,
        claim: impl FnOnce(Instant) -> Option<Claim>,
    ) -> Enhanced {
        let deadline = ready + self.options.timeout;
        let enhanced = self.answer(dictated, context, Terms { deadline, claim });
        self.counters.count(enhanced.source);
        enhanced
    }

    /// How many calls ended in which way.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.snapshot()
    }

    fn answer<Claim, F>(&self, dictated: &str, context: Context, terms: Terms<F>) -> Enhanced
    where
        F: FnOnce(Instant) -> Option<Claim>,
    {
        let by_rules = |source| by_rules(rules::tidy(dictated, context), source);
        let Some(language) = &self.language else {
            return by_rules(Source::RulesDisabled);
        };
        if dictated.chars().nth(self.options.max_input_chars).is_some() {
            return by_rules(Source::RulesTooLong);
        }
        if let Some(text) = self.answers.get(dictated, context) {
            return by_rules_or_cache(text);
        }
        let tidy = rules::tidy(dictated, context);
        let attempt = language
            .attempt(dictated, &tidy, context, &self.options, terms)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "the language model failed");
                Attempt::without_text(Source::RulesFailed, 0, 0)
            });
        let enhanced = attempt.or(tidy);
        if enhanced.source.is_deterministic() {
            self.answers.insert(dictated, context, &enhanced.text);
        }
        enhanced
    }
}

fn by_rules(text: String, source: Source) -> Enhanced {
    Enhanced {
        text,
        source,
        prompt_tokens: 0,
        tokens: 0,
    }
}

fn by_rules_or_cache(text: String) -> Enhanced {
    by_rules(text, Source::Cache)
}

impl Language {
    /// Lets the model write, as far as the limits allow.
    fn attempt<Claim, F>(
        &self,
        dictated: &str,
        tidy: &str,
        context: Context,
        options: &EnhancerOptions,
        terms: Terms<F>,
    ) -> Result<Attempt, EnhanceError>
    where
        F: FnOnce(Instant) -> Option<Claim>,
    {
        let checker = Checker::new(dictated, context);
        if tidy.is_empty() || checker.is_empty() {
            return Ok(Attempt::without_text(Source::RulesEmpty, 0, 0));
        }
        let request = prompt::request(&self.model, tidy)?;
        if request.len() > options.max_input_tokens {
            return Ok(Attempt::without_text(Source::RulesTooLong, 0, 0));
        }
        let Some(_claim) = (terms.claim)(terms.deadline) else {
            return Ok(Attempt::without_text(Source::RulesTimedOut, 0, 0));
        };
        let reading = Instant::now();
        let opening = self.opening(context)?;
        // A prompt that had to be read first is not held against the call.
        let deadline = terms.deadline + reading.elapsed();
        let Some(_turn) = self.turnstile.enter_by(deadline) else {
            return Ok(Attempt::without_text(Source::RulesTimedOut, 0, 0));
        };
        let (written, prompt_tokens, tokens) = match self.decoding {
            Decoding::Constrained => {
                let bounds = constrained::Bounds { context, deadline };
                let mut decoder = Decoder::new(
                    &self.model,
                    judge::Fitted,
                    opening,
                    rules::draft(dictated, context),
                    bounds,
                )?;
                let written = match decoder.decode()? {
                    Decoded::Text(text) => Written::Text(settled(text, &checker, context)),
                    Decoded::TimedOut => Written::TimedOut,
                };
                (written, decoder.dictated_tokens(), decoder.rows())
            }
            Decoding::Free => {
                let bounds = Bounds {
                    deadline,
                    candidates: options.candidates,
                    tokens_max: tokens_max(request.len()),
                };
                let mut writer = Writer::new(&self.model, &checker, bounds);
                let written = match writer.write(opening.session.clone(), &request)? {
                    Written::Text(text) => Written::Text(rules::tidy(&text, context)),
                    other => other,
                };
                (written, request.len(), writer.token_count())
            }
        };
        Ok(Attempt::new(written, &checker, prompt_tokens, tokens))
    }

    /// What the model has read before a dictation in this context. The first call for a context computes it; others that
    /// come meanwhile may compute it too, and all use the first result.
    fn opening(&self, context: Context) -> Result<&Opening, EnhanceError> {
        let place = &self.openings[context as usize];
        if let Some(opening) = place.get() {
            return Ok(opening);
        }
        let tokens = match self.decoding {
            Decoding::Constrained => prompt::priming(&self.model, context)?,
            Decoding::Free => prompt::opening(&self.model, context)?,
        };
        let opening = Opening::read(&self.model, &tokens)?;
        Ok(place.get_or_init(|| opening))
    }
}

/// A faithful text has the dictation's words, so it needs about as many tokens; a third more and a few leave room for
/// punctuation.
fn tokens_max(request_tokens: usize) -> usize {
    request_tokens + request_tokens / 3 + 8
}

/// A decoded text in the rules' form. The model's commas may show the rules a filler that they had taken for meant; where
/// that is no part of what may be dropped, the text stays as it is.
fn settled(text: String, checker: &Checker, context: Context) -> String {
    let tidy = rules::tidy(&text, context);
    if checker.check(&tidy).is_ok() { tidy } else { text }
}

impl Attempt {
    /// The model's text, checked as the caller will see it.
    fn new(written: Written, checker: &Checker, prompt_tokens: usize, tokens: usize) -> Self {
        let (text, source) = match written {
            Written::TimedOut => (None, Source::RulesTimedOut),
            Written::Strayed => (None, Source::RulesStrayed),
            Written::Text(text) => match checker.check(&text) {
                Ok(()) => (Some(text), Source::Model),
                Err(_) => (None, Source::RulesStrayed),
            },
        };
        Self {
            text,
            source,
            prompt_tokens,
            tokens,
        }
    }

    fn without_text(source: Source, prompt_tokens: usize, tokens: usize) -> Self {
        Self {
            text: None,
            source,
            prompt_tokens,
            tokens,
        }
    }

    /// The answer, with the rules' text where the model gave none.
    fn or(self, tidy: String) -> Enhanced {
        Enhanced {
            text: self.text.unwrap_or(tidy),
            source: self.source,
            prompt_tokens: self.prompt_tokens,
            tokens: self.tokens,
        }
    }
}
