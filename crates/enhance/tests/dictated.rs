//! The judged sentences, and what is said in the recordings: how near the rules alone and the constrained model come to
//! the references. Everything here is decided without chance, so the figures are the same on every run of one machine.

#![expect(clippy::print_stdout, reason = "the scores are what the test is read for")]

use std::path::PathBuf;
use std::time::Duration;

use voiceflow_assets::{AssetName, Assets};
use voiceflow_enhance::model::LanguageModel;
use voiceflow_enhance::{Context, Enhancer, EnhancerOptions, Source, faithful, prompt, rules};
use voiceflow_fixtures::speech;

#[path = "sentences/score.rs"]
mod score;
mod sentences;

use score::{Scores, Tally};
use sentences::Sentence;

/// The least share of the words to be dropped that are dropped. The rules that drop them were tried on these sentences.
const DROP_RECALL_MIN: f64 = 0.9;

fn path() -> PathBuf {
    Assets::open().unwrap().path(AssetName::SmolLm2).unwrap()
}

/// A time limit that no machine reaches.
fn enhancer() -> Enhancer {
    let options = EnhancerOptions {
        timeout: Duration::from_secs(600),
        cache_size: 0,
        ..EnhancerOptions::default()
    };
    Enhancer::load(&path(), &options).unwrap()
}

/// Both ways to tidy, scored on the same sentences.
struct Comparison {
    rules: Scores,
    model: Scores,
}

fn compare(enhancer: &Enhancer, sentences: &[Sentence]) -> Comparison {
    let (mut by_rules, mut by_model) = (Scores::default(), Scores::default());
    for sentence in sentences {
        let Sentence {
            id,
            context,
            dictated,
            reference,
            ..
        } = sentence;
        let tidy = rules::tidy(dictated, *context);
        let enhanced = enhancer.enhance(dictated, *context);
        assert_eq!(enhanced.source, Source::Model, "{id}");
        assert_eq!(faithful::check(dictated, &enhanced.text, *context), Ok(()), "{id}");
        check_word_count(sentence, &enhanced.text);
        by_rules.add(dictated, &tidy, reference);
        by_model.add(dictated, &enhanced.text, reference);
        if std::env::var_os("VOICEFLOW_SHOW").is_some() && enhanced.text != *reference {
            println!("{id}\n  + {reference}\n  - {}", enhanced.text);
        }
    }
    Comparison {
        rules: by_rules,
        model: by_model,
    }
}

/// Where nothing is to be dropped, nothing may be.
fn check_word_count(sentence: &Sentence, text: &str) {
    let count = |text: &str| text.split_whitespace().count();
    if !sentence.has_words_to_drop() {
        assert_eq!(count(text), count(&sentence.dictated), "{}: {text}", sentence.id);
    }
}

fn print(title: &str, Comparison { rules, model }: &Comparison) {
    println!("\n{title}: {} texts", rules.texts);
    println!("{:<14}{:>28}   {:>28}", "", "rules alone", "constrained model");
    println!(
        "{:<14}{:>28}   {:>28}",
        "", "precision recall     F1", "precision recall     F1"
    );
    let row = |name: &str, rules: Tally, model: Tally| {
        let cells = |tally: Tally| {
            format!(
                "{:>13.3} {:>6.3} {:>6.3}",
                tally.precision(),
                tally.recall(),
                tally.f1()
            )
        };
        println!("{name:<14}{}   {}", cells(rules), cells(model));
    };
    row("words dropped", rules.drops, model.drops);
    for mark in [',', '.', '?', '!'] {
        let of = |scores: &Scores| scores.marks.get(&mark).copied().unwrap_or_default();
        row(&format!("mark {mark}"), of(rules), of(model));
    }
    row("all marks", rules.punctuation(), model.punctuation());
    row("capitals", rules.capitals, model.capitals);
    println!("{:<14}{:>28}   {:>28}", "texts equal", rules.equal, model.equal);
}

#[test]
fn the_constrained_model_keeps_every_word_and_comes_nearer_to_the_references_than_the_rules() {
    let enhancer = enhancer();
    let judged = sentences::judged();
    let comparison = compare(&enhancer, &judged);
    print("Dictated sentences", &comparison);
    let spoken = compare(&enhancer, &spoken());
    print("What the recordings say", &spoken);

    let Comparison { rules, model } = &comparison;
    assert!(model.punctuation().f1() > rules.punctuation().f1());
    assert!(model.capitals.f1() > rules.capitals.f1());
    // The recordings have nine marks, of which the rules miss one.
    assert!(spoken.model.punctuation().f1() >= spoken.rules.punctuation().f1());
    assert!(spoken.model.capitals.f1() >= spoken.rules.capitals.f1());
    for drops in [rules.drops, model.drops] {
        assert!(drops.needless == 0 && drops.recall() >= DROP_RECALL_MIN, "{drops:?}");
    }
}

#[test]
fn where_nothing_is_to_be_dropped_the_rules_keep_every_word() {
    for sentence in sentences::judged().iter().chain(&sentences::development()) {
        check_word_count(sentence, &rules::tidy(&sentence.dictated, sentence.context));
    }
}

/// The readings have transcripts without marks; these are their words as they are printed in books, by our conventions.
const READINGS: [(&str, &str); 5] = [
    (
        "librivox/0870",
        "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.",
    ),
    ("librivox/0880", "He was not an ill disposed young man."),
    (
        "librivox/0890",
        "Unless to be rather cold hearted and rather selfish is to be ill disposed.",
    ),
    (
        "librivox/0920",
        "Had he married a more a amiable woman, he might have been made still more respectable than he was.",
    ),
    ("librivox/0930", "He might even have been made amiable himself."),
];

/// What is said in the English recordings, as if it were dictated.
fn spoken() -> Vec<Sentence> {
    let sentences = speech::english().unwrap().into_iter().map(|clip| {
        let reading = READINGS.iter().find(|(id, _)| *id == clip.id);
        let reference = reading
            .map_or(clip.transcript.as_str(), |(_, reference)| *reference)
            .to_owned();
        let words = reference
            .split_whitespace()
            .map(|word| word.trim_end_matches(['.', ',', '?', '!']));
        let dictated = words.collect::<Vec<_>>().join(" ").to_lowercase();
        if reading.is_some() {
            assert_eq!(dictated, clip.transcript, "{}", clip.id);
        }
        Sentence {
            id: clip.id,
            kind: "spoken".to_owned(),
            context: Context::Notes,
            dictated,
            reference,
        }
    });
    sentences.collect()
}

/// Runs of `length` words, marks and capitals aside.
fn runs(text: &str, length: usize) -> Vec<String> {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', ',', '?', '!']).to_lowercase())
        .collect();
    words.windows(length).map(|run| run.join(" ")).collect()
}

/// Holds that no sentence of one set shares half of its runs of `length` words with a sentence of another.
fn check_other(own: &[Sentence], others: &[Sentence], length: usize, text: fn(&Sentence) -> &str) {
    let others: Vec<Vec<String>> = others.iter().map(|other| runs(text(other), length)).collect();
    for sentence in own {
        let own = runs(text(sentence), length);
        for other in &others {
            let shared = own.iter().filter(|run| other.contains(run)).count();
            assert!(
                own.is_empty() || 2 * shared < own.len(),
                "{} is all but a judged sentence",
                sentence.id
            );
        }
    }
}

#[test]
fn what_the_constants_are_fitted_on_is_other_than_what_judges_them() {
    let (development, judged) = (sentences::development(), sentences::judged());
    check_other(&development, &judged, 3, |sentence| &sentence.reference);
    check_other(&development, &judged, 4, |sentence| &sentence.dictated);
    check_other(&development, &spoken(), 3, |sentence| &sentence.reference);
}

#[test]
fn the_priming_shares_no_four_words_with_a_judged_sentence() {
    let model = LanguageModel::load(&path()).unwrap();
    let judged: Vec<String> = sentences::judged()
        .iter()
        .flat_map(|sentence| [runs(&sentence.reference, 4), runs(&sentence.dictated, 4)].concat())
        .collect();
    for context in Context::ALL {
        let page = model.decode(&prompt::priming(&model, context).unwrap()).unwrap();
        for message in page.lines() {
            for run in runs(message, 4) {
                assert!(!judged.contains(&run), "\"{run}\" of \"{message}\" is judged too");
            }
        }
    }
}
