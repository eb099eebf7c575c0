//! The kit's own operations: small enough to try every instrument on, and wrong on request, so that tests can show that
//! a wrong answer fails whichever instrument runs it.

use voiceflow_kit::{Operation, PrepareError, Prepared, Throughput, check_eq};

voiceflow_kit::operations! {
    counted {
        sum_1000_words: Operation::new("kit/sum/1000-words", "How long does summing a thousand 64-bit words take?")
            .throughput(Throughput::Bytes(8000))
            .prepare(sum_1000_words),
    }
    timed {
        sort_10000_words: Operation::new("kit/sort/10000-words", "How long does a stable sort of ten thousand words take?")
            .throughput(Throughput::Elements(10_000))
            .allocations()
            .prepare(sort_10000_words),
    }
}

fn sum_1000_words() -> Result<Prepared, PrepareError> {
    let words: Vec<u64> = (1..=1000).collect();
    let expected = 500_500 + u64::from(wrong_answer_wanted());
    Ok(Prepared::new(
        words,
        |words| words.iter().sum::<u64>(),
        move |_, sum| check_eq("the sum", sum, &expected),
    ))
}

fn sort_10000_words() -> Result<Prepared, PrepareError> {
    // A full-period generator modulo a power of two visits every word once, in an order far from sorted.
    let shuffled: Vec<u32> = (0..10_000_u32).map(|i| i.wrapping_mul(2_654_435_761) >> 7).collect();
    Ok(Prepared::with_input(
        shuffled,
        |shuffled| shuffled.clone(),
        |_, mut words: Vec<u32>| {
            words.sort();
            words
        },
        |_, sorted| check_eq("sorted", &(sorted.is_sorted() && !wrong_answer_wanted()), &true),
    ))
}

fn wrong_answer_wanted() -> bool {
    std::env::var_os("VOICEFLOW_KIT_WRONG_ANSWER").is_some()
}
