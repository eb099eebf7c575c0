//! Which commit to ask about next, and what the answers amount to: a binary search that steps to the neighbours of
//! commits that cannot be answered for. Pure: it knows places in a line of commits, and not how answers come about.

use serde::Serialize;

/// What is said of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// As before the change.
    Good,
    /// As after it.
    Bad,
    /// Neither can be said.
    Skipped,
}

impl Answer {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Skipped => "skipped",
        }
    }
}

/// One answer, and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The commit's place in the line.
    pub(crate) place: usize,
    pub(crate) answer: Answer,
    pub(crate) why: String,
}

/// What all answers so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This one is bad, and the one before it is good.
    First(usize),
    /// One of these is the first bad one. The one before `first` is good, and `last` is bad; once there is nothing left
    /// to ask, those in between were all skipped.
    Among { first: usize, last: usize },
}

/// A search along a line of commits, oldest first, whose first is known to be good and whose last is known to be bad.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    evidence: Vec<Evidence>,
    /// The latest place known to be good.
    good: usize,
    /// The earliest place behind it known to be bad.
    bad: usize,
}

impl Search {
    /// Before the first question, with what is known of both ends.
    ///
    /// # Panics
    ///
    /// When the line does not have two ends.
    pub(crate) fn between(commits: usize, why_good: &str, why_bad: &str) -> Self {
        assert!(commits >= 2, "a line of {commits} commits has not two ends");
        let end = |place, answer, why: &str| Evidence {
            place,
            answer,
            why: why.to_owned(),
        };
        Self {
            evidence: vec![end(0, Answer::Good, why_good), end(commits - 1, Answer::Bad, why_bad)],
            good: 0,
            bad: commits - 1,
        }
    }

    /// The place to ask about next: of those that may still narrow it, the one nearest to the middle. `None` when there
    /// is none.
    pub(crate) fn question(&self) -> Option<usize> {
        let middle = self.good + self.suspects() / 2;
        (self.good + 1..self.bad)
            .filter(|&place| !self.is_skipped(place))
            .min_by_key(|place| place.abs_diff(middle))
    }

    /// Takes the answer to a question.
    ///
    /// # Panics
    ///
    /// When nobody asked: an answer outside what is still open contradicts an earlier one.
    pub(crate) fn record(&mut self, evidence: Evidence) {
        assert!(
            self.good < evidence.place && evidence.place < self.bad,
            "commit {} is not between {} and {}",
            evidence.place,
            self.good,
            self.bad
        );
        match evidence.answer {
            Answer::Good => self.good = evidence.place,
            Answer::Bad => self.bad = evidence.place,
            Answer::Skipped => {}
        }
        self.evidence.push(evidence);
    }

    /// What is known so far; final once there is no question left.
    pub(crate) fn found(&self) -> Found {
        if self.suspects() == 1 {
            Found::First(self.bad)
        } else {
            Found::Among {
                first: self.good + 1,
                last: self.bad,
            }
        }
    }

    /// How many commits may be the first bad one.
    pub(crate) fn suspects(&self) -> usize {
        self.bad - self.good
    }

    /// How many answers it takes if none of them is a skip.
    pub(crate) fn steps_left(&self) -> u32 {
        self.suspects().next_power_of_two().trailing_zeros()
    }

    /// Everything that was answered, both ends included, in the order of history.
    pub(crate) fn evidence(&self) -> Vec<&Evidence> {
        let mut evidence: Vec<&Evidence> = self.evidence.iter().collect();
        evidence.sort_by_key(|evidence| evidence.place);
        evidence
    }

    fn is_skipped(&self, place: usize) -> bool {
        self.evidence
            .iter()
            .any(|evidence| evidence.place == place && evidence.answer == Answer::Skipped)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Asks until there is no question left. No place is asked about twice.
    fn finish(commits: usize, oracle: impl Fn(usize) -> Answer) -> Search {
        let mut search = Search::between(commits, "GOOD", "BAD");
        let mut asked = BTreeSet::from([0, commits - 1]);
        while let Some(place) = search.question() {
            assert!(asked.insert(place), "{place} of {commits} was asked about twice");
            let answer = oracle(place);
            search.record(Evidence {
                place,
                answer,
                why: answer.as_str().to_owned(),
            });
        }
        search
    }

    fn truth(first_bad: usize, place: usize) -> Answer {
        if place < first_bad { Answer::Good } else { Answer::Bad }
    }

    #[test]
    fn every_first_bad_commit_is_found_in_as_few_steps_as_halving_takes() {
        for commits in 2..70 {
            let most = Search::between(commits, "", "").steps_left() as usize;
            for first_bad in 1..commits {
                let search = finish(commits, |place| truth(first_bad, place));
                assert_eq!(search.found(), Found::First(first_bad), "of {commits}");
                let asked = search.evidence().len() - 2;
                assert!(asked <= most, "{asked} steps to {first_bad} of {commits}, not {most}");
            }
        }
    }

    #[test]
    fn whatever_is_skipped_the_range_is_as_small_as_the_others_allow() {
        for commits in 2..=10_usize {
            let choices = 1_u32 << (commits - 2);
            for skipped in 0..choices {
                // The ends are known, so the bits are of the places from 1 on.
                let is_skipped = |place: usize| place > 0 && place + 1 < commits && (skipped >> (place - 1)) & 1 == 1;
                for first_bad in 1..commits {
                    let search = finish(commits, |place| {
                        if is_skipped(place) {
                            Answer::Skipped
                        } else {
                            truth(first_bad, place)
                        }
                    });
                    let good = (0..first_bad).rev().find(|&place| !is_skipped(place)).expect("GOOD is");
                    let bad = (first_bad..commits).find(|&place| !is_skipped(place)).expect("BAD is");
                    let expected = if bad == good + 1 {
                        Found::First(bad)
                    } else {
                        Found::Among {
                            first: good + 1,
                            last: bad,
                        }
                    };
                    assert_eq!(
                        search.found(),
                        expected,
                        "{first_bad} of {commits}, skipped {skipped:b}"
                    );
                }
            }
        }
    }

    #[test]
    fn where_all_are_skipped_all_are_suspects() {
        let search = finish(6, |_| Answer::Skipped);
        assert_eq!(search.found(), Found::Among { first: 1, last: 5 });
        assert_eq!(search.suspects(), 5);
        assert_eq!(search.evidence().len(), 6);
    }

    #[test]
    fn two_commits_need_no_question() {
        let search = finish(2, |_| Answer::Skipped);
        assert_eq!(search.found(), Found::First(1));
        assert_eq!(search.steps_left(), 0);
    }

    #[test]
    fn a_skipped_commit_is_followed_by_its_neighbours() {
        let mut search = Search::between(11, "", "");
        let mut asked = Vec::new();
        for _ in 0..5 {
            let place = search.question().expect("there is more to ask");
            asked.push(place);
            search.record(Evidence {
                place,
                answer: Answer::Skipped,
                why: String::new(),
            });
        }
        assert_eq!(asked, [5, 4, 6, 3, 7]);
    }

    #[test]
    fn evidence_is_told_in_the_order_of_history() {
        let search = finish(9, |place| truth(6, place));
        let places: Vec<usize> = search.evidence().iter().map(|evidence| evidence.place).collect();
        assert_eq!(places, [0, 4, 5, 6, 8]);
        assert_eq!(search.evidence()[0].why, "GOOD");
    }

    #[test]
    #[should_panic(expected = "is not between")]
    fn an_answer_that_contradicts_an_earlier_one_is_a_bug() {
        let mut search = Search::between(3, "", "");
        search.record(Evidence {
            place: 2,
            answer: Answer::Good,
            why: String::new(),
        });
    }
}
