//! The kit's own operations: small enough to try every instrument on, and wrong on request, so that tests can show that
//! a wrong answer fails whichever instrument runs it. Beside them the anchors, which need no subsystem either.

mod anchors;

use voiceflow_kit::{Operation, PrepareError, Prepared, Throughput, check_eq, digest_parts};

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
        fma_1t: Operation::new(
            "anchor/fma/1t",
            "How fast does one thread multiply and add in single precision, from registers?",
        )
        .throughput(Throughput::Elements(anchors::FLOP))
        .calls(100)
        .prepare(anchors::fma_1t),
        fma_2t: Operation::new(
            "anchor/fma/2t",
            "How fast do two threads multiply and add in single precision at once, from registers?",
        )
        .throughput(Throughput::Elements(2 * anchors::FLOP))
        .calls(100)
        .wall()
        .cores(2)
        .prepare(anchors::fma_2t),
        memread_1t: Operation::new("anchor/memread/1t", "How fast does one thread read memory that no cache holds?")
            .throughput(Throughput::Bytes(anchors::READ_BYTES))
            .calls(20)
            .prepare(anchors::memread_1t),
        memread_2t: Operation::new("anchor/memread/2t", "How fast do two threads at once read memory that no cache holds?")
            .throughput(Throughput::Bytes(anchors::READ_BYTES))
            .calls(20)
            .wall()
            .cores(2)
            .prepare(anchors::memread_2t),
        fdatasync_4kib: Operation::new(
            "anchor/fdatasync/4kib",
            "How long until the disk has 4 KiB that were written over others in a file?",
        )
        .calls(100)
        .wall()
        .prepare(anchors::fdatasync_4kib),
        clock_overhead: Operation::new("anchor/clock/overhead", "How long does reading the clock take, as every timing does twice?")
            .prepare(anchors::clock_overhead),
        sha256_16kib: Operation::new(
            "anchor/sha256/16kib",
            "How long does the SHA-256 of 16 KiB take, by the crate that the instruments use themselves?",
        )
        .throughput(Throughput::Bytes(anchors::BLOCK_BYTES as u64))
        .prepare(anchors::sha256_16kib),
    }
}

fn sum_1000_words() -> Result<Prepared, PrepareError> {
    let words: Vec<u64> = (1..=1000).collect();
    let inputs = digest_parts(words.iter().map(|word| word.to_le_bytes()));
    let mut right = RightUntil::asked();
    let check = move |_: &mut Vec<u64>, sum: &u64| check_eq("the sum", sum, &(500_500 + u64::from(right.is_over())));
    Ok(Prepared::new(words, |words| words.iter().sum::<u64>(), check).inputs(inputs))
}

fn sort_10000_words() -> Result<Prepared, PrepareError> {
    // Multiplying by an odd number visits every 32-bit word once, in an order far from sorted.
    let shuffled: Vec<u32> = (0..10_000_u32).map(|i| i.wrapping_mul(2_654_435_761) >> 7).collect();
    let inputs = digest_parts(shuffled.iter().map(|word| word.to_le_bytes()));
    let mut right = RightUntil::asked();
    Ok(Prepared::with_input(
        shuffled,
        |shuffled| shuffled.clone(),
        |_, mut words: Vec<u32>| {
            words.sort();
            words
        },
        move |_, sorted| check_eq("sorted", &(sorted.is_sorted() && !right.is_over()), &true),
    )
    .inputs(inputs))
}

/// Counts the checks until `VOICEFLOW_KIT_WRONG_ANSWER`, from which on answers count as wrong: 1 breaks the warm-up, 2
/// the call that is measured.
struct RightUntil {
    checks: u64,
    wrong_from: Option<u64>,
}

impl RightUntil {
    fn asked() -> Self {
        let wrong_from = std::env::var("VOICEFLOW_KIT_WRONG_ANSWER")
            .ok()
            .and_then(|number| number.parse().ok());
        Self { checks: 0, wrong_from }
    }

    fn is_over(&mut self) -> bool {
        self.checks += 1;
        self.wrong_from.is_some_and(|wrong_from| self.checks >= wrong_from)
    }
}
