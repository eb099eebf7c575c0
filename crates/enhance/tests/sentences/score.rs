//! How near a tidied text comes to its reference: what was dropped, the marks, the capitals.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Decisions that were right, taken without need, and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) right: usize,
    pub(crate) needless: usize,
    pub(crate) missed: usize,
}

impl Tally {
    /// The share of decisions that were right; 1 where none was taken.
    pub(crate) fn precision(&self) -> f64 {
        share(self.right, self.right + self.needless)
    }

    /// The share of wanted decisions that were taken; 1 where none was wanted.
    pub(crate) fn recall(&self) -> f64 {
        share(self.right, self.right + self.missed)
    }

    /// The harmonic mean of both.
    pub(crate) fn f1(&self) -> f64 {
        share(2 * self.right, 2 * self.right + self.needless + self.missed)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.needless += other.needless;
        self.missed += other.missed;
    }
}

/// The scores of some texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scores {
    /// Words dropped.
    pub(crate) drops: Tally,
    /// Words with a capital, each with exactly the right letters raised.
    pub(crate) capitals: Tally,
    /// Marks by themselves: `.`, `,`, `?`, `!`.
    pub(crate) marks: BTreeMap<char, Tally>,
    /// Texts that equal their reference.
    pub(crate) equal: usize,
    /// Texts that were scored.
    pub(crate) texts: usize,
}

impl Scores {
    /// All marks together.
    pub(crate) fn punctuation(&self) -> Tally {
        let mut all = Tally::default();
        for tally in self.marks.values() {
            all += *tally;
        }
        all
    }

    /// Adds what `text` made of `dictated`.
    pub(crate) fn add(&mut self, dictated: &str, text: &str, reference: &str) {
        let (written, wanted) = (pieces(text), pieces(reference));
        let pairs = common(&written, &wanted);
        let said = dictated.split_whitespace().count();
        let kept_needlessly = written.len() - pairs.len();
        let lost = wanted.len() - pairs.len();
        self.drops += Tally {
            right: said - wanted.len() - kept_needlessly.min(said - wanted.len()),
            needless: lost,
            missed: kept_needlessly,
        };
        let mut of_wanted = vec![None; wanted.len()];
        let mut free = vec![true; written.len()];
        for (one, other) in pairs {
            of_wanted[other] = Some(one);
            free[one] = false;
        }
        for (piece, one) in wanted.iter().zip(of_wanted) {
            let written = one.map(|one| &written[one]);
            self.add_capital(piece, written);
            self.add_mark(piece.mark, written.and_then(|written| written.mark));
        }
        for piece in written
            .iter()
            .zip(free)
            .filter_map(|(piece, free)| free.then_some(piece))
        {
            self.add_mark(None, piece.mark);
            self.capitals.needless += usize::from(piece.has_capital());
        }
        self.texts += 1;
        self.equal += usize::from(text == reference);
    }

    fn add_mark(&mut self, wanted: Option<char>, written: Option<char>) {
        if let Some(mark) = written {
            let tally = self.marks.entry(mark).or_default();
            if wanted == written {
                tally.right += 1;
            } else {
                tally.needless += 1;
            }
        }
        if let Some(mark) = wanted.filter(|_| wanted != written) {
            self.marks.entry(mark).or_default().missed += 1;
        }
    }

    fn add_capital(&mut self, wanted: &Piece, written: Option<&Piece>) {
        let right = written.is_some_and(|written| written.word == wanted.word);
        if wanted.has_capital() {
            self.capitals.right += usize::from(right);
            self.capitals.missed += usize::from(!right);
        }
        if !right && written.is_some_and(Piece::has_capital) {
            self.capitals.needless += 1;
        }
    }
}

/// A word and the mark behind it.
struct Piece {
    word: String,
    folded: String,
    mark: Option<char>,
}

impl Piece {
    fn has_capital(&self) -> bool {
        self.word.chars().any(char::is_uppercase)
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    text.split_whitespace()
        .map(|piece| {
            let word = piece.trim_end_matches(['.', ',', '?', '!']);
            Piece {
                word: word.to_owned(),
                folded: word.to_lowercase(),
                mark: piece[word.len()..].chars().next(),
            }
        })
        .collect()
}

/// The words that both have, in order: a longest common subsequence, as pairs of places.
fn common(one: &[Piece], other: &[Piece]) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0_usize; other.len() + 1]; one.len() + 1];
    for (row, left) in one.iter().enumerate().rev() {
        for (column, right) in other.iter().enumerate().rev() {
            lengths[row][column] = if left.folded == right.folded {
                lengths[row + 1][column + 1] + 1
            } else {
                lengths[row + 1][column].max(lengths[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::new();
    while row < one.len() && column < other.len() {
        if one[row].folded == other[column].folded {
            pairs.push((row, column));
            row += 1;
            column += 1;
        } else if lengths[row + 1][column] >= lengths[row][column + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}
