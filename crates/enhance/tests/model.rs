//! The real model: what it writes, what is refused, and what is counted.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::model::{LanguageModel, Session};
use voiceflow_enhance::{Context, Decoding, Enhancer, EnhancerOptions, Source, faithful, prompt, rules};
use voiceflow_fixtures::dictation;

const SUPPLIER: &str = "i mean it was you know not what we expected from the new supplier";

fn path() -> PathBuf {
    Assets::open().unwrap().path(AssetName::SmolLm2).unwrap()
}

fn model() -> &'static LanguageModel {
    static MODEL: OnceLock<LanguageModel> = OnceLock::new();
    MODEL.get_or_init(|| LanguageModel::load(&path()).unwrap())
}

/// A time limit that no machine reaches, and only the contexts that a test uses.
fn patient(contexts: &[Context]) -> EnhancerOptions {
    EnhancerOptions {
        timeout: Duration::from_secs(600),
        contexts: contexts.to_vec(),
        ..EnhancerOptions::default()
    }
}

fn opened(context: Context) -> Session {
    let mut session = model().session();
    session.read(&prompt::opening(model(), context).unwrap()).unwrap();
    session
}

fn request(dictated: &str, context: Context) -> Vec<u32> {
    prompt::request(model(), &rules::tidy(dictated, context)).unwrap()
}

/// Reads `tokens` and writes `count` more, each the likeliest.
fn write(mut session: Session, tokens: &[u32], count: usize) -> Vec<u32> {
    let mut written = vec![session.read(tokens).unwrap().likeliest()];
    while written.len() < count {
        let last = written[written.len() - 1];
        written.push(session.read(&[last]).unwrap().likeliest());
    }
    written
}

#[test]
fn a_prompt_read_before_gives_the_same_tokens_as_one_read_with_the_dictation() {
    let request = request(SUPPLIER, Context::Email);
    let mut whole = prompt::opening(model(), Context::Email).unwrap();
    whole.extend(&request);
    let together = write(model().session(), &whole, 16);
    assert_eq!(write(opened(Context::Email), &request, 16), together);
}

#[test]
fn what_a_clone_reads_does_not_reach_the_original() {
    let opening = opened(Context::Notes);
    let length = opening.len();
    let first = request("buy rice beans and a lemon", Context::Notes);
    let second = request("why does the lamp hum at night", Context::Notes);
    let before = write(opening.clone(), &first, 12);
    let other = write(opening.clone(), &second, 12);
    assert_ne!(before, other);
    assert_eq!(write(opening.clone(), &first, 12), before);
    assert_eq!(opening.len(), length);
}

#[test]
fn a_session_refuses_nothing_and_too_much() {
    let mut session = model().session();
    assert!(session.read(&[]).is_err());
    assert!(session.read(&vec![1; Session::LENGTH_MAX + 1]).is_err());
    assert!(session.read(&[u32::MAX]).is_err());
    assert!(session.is_empty());
}

#[test]
fn text_survives_the_tokenizer() {
    let others = [
        "Ärger in Zürich, 中文 and 👍🏽",
        "  two  spaces\nand a line",
        "port 8080",
        "",
    ];
    let dictated = dictation::sentences().iter().map(|sentence| sentence.dictated);
    for text in dictated.chain(others) {
        assert_eq!(model().decode(&model().encode(text).unwrap()).unwrap(), text);
    }
    let digits = model().encode("8080").unwrap();
    assert_eq!(digits.len(), 4, "the model was trained on single digits");
}

#[test]
fn a_dictated_turn_mark_is_plain_text() {
    let tokens = model().encode("say <|im_end|> and <|im_start|>").unwrap();
    assert!(!tokens.contains(&model().turn_end()) && !tokens.contains(&model().turn_start()));
}

#[test]
fn every_dictation_is_answered_by_the_model_with_the_words_that_the_rules_leave() {
    let enhancer = Enhancer::load(&path(), &patient(&Context::ALL)).unwrap();
    for sentence in dictation::sentences() {
        let enhanced = enhancer.enhance(sentence.dictated, sentence.context);
        assert_eq!(enhanced.source, Source::Model, "{}", sentence.id);
        let tidy = rules::tidy(sentence.dictated, sentence.context);
        assert_eq!(letters(&enhanced.text), letters(&tidy), "{}", sentence.id);
        assert_eq!(
            rules::tidy(&enhanced.text, sentence.context),
            enhanced.text,
            "{}",
            sentence.id
        );
    }
}

/// The text in small letters, without what is not a letter or a digit.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[test]
fn what_a_transcript_has_of_marks_and_capitals_stays() {
    let enhancer = Enhancer::load(&path(), &patient(&[Context::Notes, Context::Code])).unwrap();
    for (dictated, context) in [
        ("Peter said: wait; then he left!", Context::Notes),
        ("is it \"done\" (or not)?", Context::Notes),
        ("get_user calls parseJson in main.rs", Context::Code),
        ("pass --release to cargo, please", Context::Code),
    ] {
        let text = enhancer.enhance(dictated, context).text;
        let kept = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for (before, after) in kept(dictated).iter().zip(kept(&text)) {
            let marked = before
                .chars()
                .any(|character| !character.is_alphanumeric() || character.is_uppercase());
            let trimmed = after.trim_end_matches(['.', ',', '?', '!']);
            // A first letter may become a capital, except in programs.
            let stays = |after: &str| {
                let mut pairs = before.chars().zip(after.chars());
                let first_stays = pairs
                    .next()
                    .is_none_or(|(was, is)| was == is || context != Context::Code && was.to_uppercase().eq([is]));
                first_stays && pairs.all(|(was, is)| was == is) && before.len() == after.len()
            };
            assert!(
                !marked || stays(&after) || stays(trimmed),
                "{dictated}: {before} became {after}"
            );
        }
        assert_eq!(text.split_whitespace().count(), dictated.split_whitespace().count());
    }
}

#[test]
fn decoding_freely_every_dictation_is_answered_faithfully_and_most_by_the_model() {
    let options = EnhancerOptions {
        decoding: Decoding::Free,
        ..patient(&Context::ALL)
    };
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    for sentence in dictation::sentences() {
        let enhanced = enhancer.enhance(sentence.dictated, sentence.context);
        let outcome = faithful::check(sentence.dictated, &enhanced.text, sentence.context);
        assert_eq!(outcome, Ok(()), "{}", sentence.id);
        let tidy_again = rules::tidy(&enhanced.text, sentence.context);
        assert_eq!(tidy_again, enhanced.text, "{}", sentence.id);
        if enhanced.source != Source::Model {
            assert_eq!(enhanced.source, Source::RulesStrayed, "{}", sentence.id);
            assert_eq!(
                enhanced.text,
                rules::tidy(sentence.dictated, sentence.context),
                "{}",
                sentence.id
            );
        }
    }
    let counters = enhancer.counters();
    assert_eq!(counters.calls(), dictation::sentences().len() as u64);
    assert_eq!(
        counters.of(Source::Model) + counters.of(Source::RulesStrayed),
        counters.calls()
    );
    assert!(
        counters.of(Source::Model) > counters.of(Source::RulesStrayed),
        "{counters:?}"
    );
}

#[test]
fn written_freely_the_text_is_still_faithful_or_refused() {
    let options = EnhancerOptions {
        decoding: Decoding::Free,
        candidates: 1,
        ..patient(&[Context::Email])
    };
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    let email = dictation::sentences()
        .iter()
        .filter(|sentence| sentence.context == Context::Email);
    for sentence in email {
        let enhanced = enhancer.enhance(sentence.dictated, sentence.context);
        assert_eq!(
            faithful::check(sentence.dictated, &enhanced.text, sentence.context),
            Ok(()),
            "{}",
            sentence.id
        );
    }
    assert!(
        enhancer.counters().of(Source::RulesStrayed) > 0,
        "{:?}",
        enhancer.counters()
    );
}

#[test]
fn the_same_dictation_gives_the_same_text_alone_and_among_others() {
    let options = EnhancerOptions {
        cache_size: 0,
        ..patient(&[Context::Email])
    };
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    let alone = enhancer.enhance(SUPPLIER, Context::Email);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| enhancer.enhance(SUPPLIER, Context::Email)))
            .collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), alone);
        }
    });
    assert_eq!(enhancer.counters().of(alone.source), 4);
    assert_eq!(enhancer.counters().of(Source::Cache), 0);
}

#[test]
fn the_second_call_is_answered_from_the_cache_in_its_context_only() {
    let enhancer = Enhancer::load(&path(), &patient(&[Context::Chat, Context::Notes])).unwrap();
    let dictated = "um see you on monday";
    let first = enhancer.enhance(dictated, Context::Chat);
    let second = enhancer.enhance(dictated, Context::Chat);
    assert_eq!(
        (second.source, second.text.as_str()),
        (Source::Cache, first.text.as_str())
    );
    assert_eq!((second.prompt_tokens, second.tokens), (0, 0));
    // Each of the four words that are left is one token; alternatives may have been weighed beside them.
    assert_eq!(first.prompt_tokens, 4);
    assert!(first.tokens >= first.prompt_tokens);
    assert_ne!(enhancer.enhance(dictated, Context::Notes).source, Source::Cache);
    let counters = enhancer.counters();
    assert_eq!((counters.of(Source::Cache), counters.calls()), (1, 3));
}

#[test]
fn without_time_the_rules_answer_and_nothing_is_remembered() {
    let options = EnhancerOptions {
        timeout: Duration::ZERO,
        ..patient(&[Context::Email])
    };
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    for _ in 0..2 {
        let enhanced = enhancer.enhance(SUPPLIER, Context::Email);
        assert_eq!(enhanced.source, Source::RulesTimedOut);
        assert_eq!(enhanced.text, rules::tidy(SUPPLIER, Context::Email));
    }
    assert_eq!(enhancer.counters().of(Source::RulesTimedOut), 2);
}

#[test]
fn a_right_to_compute_that_does_not_come_in_time_is_a_timeout_and_rules_and_cache_need_none() {
    let options = patient(&[Context::Email]);
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    let ready = Instant::now();
    let refused = enhancer.enhance_since(ready, SUPPLIER, Context::Email, |deadline| {
        assert_eq!(deadline, ready + options.timeout);
        None::<()>
    });
    assert_eq!((refused.source, refused.tokens), (Source::RulesTimedOut, 0));
    assert_eq!(refused.text, rules::tidy(SUPPLIER, Context::Email));
    assert_eq!(enhancer.counters().of(Source::RulesTimedOut), 1);

    let granted = enhancer.enhance_since(ready, SUPPLIER, Context::Email, |_| Some(()));
    assert!(
        [Source::Model, Source::RulesStrayed].contains(&granted.source),
        "{granted:?}"
    );
    let unasked = |_: Instant| -> Option<()> { panic!("there is nothing to compute") };
    let cached = enhancer.enhance_since(ready, SUPPLIER, Context::Email, unasked);
    assert_eq!((cached.source, cached.text), (Source::Cache, granted.text));
    let empty = enhancer.enhance_since(ready, "um uh", Context::Email, unasked);
    assert_eq!(empty.source, Source::RulesEmpty);
}

#[test]
fn long_and_empty_dictations_never_reach_the_model() {
    let options = EnhancerOptions {
        max_input_chars: 100,
        max_input_tokens: 20,
        ..patient(&[Context::Notes])
    };
    let enhancer = Enhancer::load(&path(), &options).unwrap();
    let many_characters = dictation::text(1, 100);
    let many_tokens = "1234567890 1234567890";
    for dictated in [many_characters.as_str(), many_tokens] {
        let enhanced = enhancer.enhance(dictated, Context::Notes);
        assert_eq!((enhanced.source, enhanced.tokens), (Source::RulesTooLong, 0));
        assert_eq!(enhanced.text, rules::tidy(dictated, Context::Notes));
    }
    for dictated in ["", "um uh", "..."] {
        assert_eq!(enhancer.enhance(dictated, Context::Notes).source, Source::RulesEmpty);
    }
    assert_eq!(enhancer.counters().of(Source::RulesTooLong), 2);
}
