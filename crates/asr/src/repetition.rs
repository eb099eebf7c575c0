//! Telling a decoder's loop from speech that repeats itself.
//!
//! With a window too small, Whisper's decoder reaches the end of a clip and starts over: the numbers one to ten come out
//! seven times, and decoding takes five times as long. People repeat themselves too ("very very", "no no no"), so a
//! repetition counts as a loop only when it is long, or comes faster than anybody speaks.

/// A phrase said so many times in a row, by its length in words, is a loop whatever the speed.
const REPEATS_OF_ONE_WORD: usize = 7;
const REPEATS_OF_TWO_WORDS: usize = 4;
const REPEATS_OF_PHRASE: usize = 3;

/// A phrase of at least this many words said twice is a loop when the words come too fast.
const LONG_PHRASE_WORDS: usize = 4;

/// Conversation runs at two to three words a second, and hurried speech at four to five.
const WORDS_PER_SECOND_MAX: f64 = 5.0;

/// The longest phrase that is looked for. A loop of Whisper's is one window's text, and no window holds more words.
const PHRASE_WORDS_MAX: usize = 100;

/// Where a text starts to repeat itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// The byte of the text at which the second saying starts.
    pub second_start: usize,
    /// The byte of the text after the last whole saying.
    pub end: usize,
    /// The words of the phrase.
    pub phrase_words: usize,
    /// How many times it is said in a row.
    pub repeats: usize,
    /// Whether the text has more words than anybody says in its time, so that the repetition cannot be real.
    pub too_fast: bool,
}

/// Finds a loop in a text that was heard in `audio_seconds` of audio, if there is one.
///
/// Case and punctuation do not matter. Costs at most `words × min(words, 100)` comparisons.
pub fn find(text: &str, audio_seconds: f64) -> Option<Repetition> {
    let words = words(text);
    let too_fast = words.len() as f64 > WORDS_PER_SECOND_MAX * audio_seconds.max(0.0);
    (1..=PHRASE_WORDS_MAX.min(words.len() / 2)).find_map(|length| {
        let needed = match length {
            1 => REPEATS_OF_ONE_WORD,
            2 => REPEATS_OF_TWO_WORDS,
            _ if length >= LONG_PHRASE_WORDS && too_fast => 2,
            _ => REPEATS_OF_PHRASE,
        };
        let run = longest_run(&words, length);
        (run.repeats >= needed).then(|| Repetition {
            second_start: words[run.start + length].start,
            end: words
                .get(run.start + run.repeats * length)
                .map_or(text.len(), |word| word.start),
            phrase_words: length,
            repeats: run.repeats,
            too_fast,
        })
    })
}

struct Word {
    /// Where it starts in the text.
    start: usize,
    /// A hash of its letters in lower case: equal words have equal hashes, which is all that is asked.
    hash: u64,
}

fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut inside = false;
    for (start, character) in text.char_indices() {
        if !character.is_alphanumeric() {
            inside = false;
            continue;
        }
        if !inside {
            words.push(Word {
                start,
                hash: FNV_OFFSET,
            });
        }
        inside = true;
        if let Some(word) = words.last_mut() {
            for lower in character.to_lowercase() {
                word.hash = (word.hash ^ u64::from(u32::from(lower))).wrapping_mul(FNV_PRIME);
            }
        }
    }
    words
}

/// FNV-1a, over characters: no seed, so counts of instructions stay the same from run to run.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

struct Run {
    start: usize,
    repeats: usize,
}

/// The longest row of sayings of one phrase of `length` words: a stretch in which every word equals the one `length`
/// before it.
fn longest_run(words: &[Word], length: usize) -> Run {
    let mut longest = Run { start: 0, repeats: 1 };
    let mut equal = 0;
    for index in length..words.len() {
        equal = if words[index].hash == words[index - length].hash {
            equal + 1
        } else {
            0
        };
        let repeats = 1 + equal / length;
        if repeats > longest.repeats {
            longest = Run {
                start: index + 1 - equal - length,
                repeats,
            };
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_seven_times_over_is_a_loop() {
        let once = "One, two, three, four, five, six, seven, eight, nine, ten. ";
        let found = find(&once.repeat(7), 3.0).expect("a loop");
        assert_eq!(
            (found.phrase_words, found.repeats, found.second_start),
            (10, 7, once.len())
        );
        assert!(found.too_fast && found.end == 7 * once.len());
        assert_eq!(find(once, 3.0), None);
    }

    #[test]
    fn case_and_punctuation_do_not_hide_a_loop() {
        assert!(find("We are here. we are here! WE ARE, HERE", 30.0).is_some());
    }

    #[test]
    fn people_may_repeat_themselves() {
        for text in [
            "very very good",
            "no no no no no",
            "five five five one",
            "had had",
            "bye bye, bye bye",
            "",
            "one",
        ] {
            assert_eq!(find(text, 4.0), None, "{text}");
        }
    }

    #[test]
    fn a_sentence_said_twice_is_a_loop_only_when_too_fast_to_be_speech() {
        let twice = "the meeting is at noon the meeting is at noon";
        assert!(find(twice, 1.5).is_some());
        assert_eq!(find(twice, 5.0), None);
    }

    #[test]
    fn a_loop_in_the_middle_is_found_where_it_starts_and_ends() {
        let text = "Well then, thank you all, thank you all, thank you all, and good night";
        let found = find(text, 10.0).expect("a loop");
        assert_eq!(&text[found.second_start..found.end], "thank you all, thank you all, ");
        assert!(!found.too_fast);
    }
}
