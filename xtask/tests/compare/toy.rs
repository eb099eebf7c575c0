//! The sources of the toy: a crate whose operations take microseconds and whose commits change them by known amounts.

use voiceflow_record::paired::PAIRED_PROTOCOL;
use voiceflow_record::{Catalogue, CatalogueEntry, Clock, Instrument, OperationId, Pairing, Throughput};

/// `crates/toy/Cargo.toml`.
pub(crate) const MANIFEST: &str = r#"[package]
name = "voiceflow-toy"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true
autobenches = false

[lints]
workspace = true

[lib]
bench = false

[dev-dependencies]
# The instruction target's macros name it.
gungraun = { workspace = true }
voiceflow-kit = { workspace = true }

[[bench]]
name = "time"
harness = false

[[bench]]
name = "iai"
harness = false

[[bench]]
name = "allocations"
harness = false
"#;

/// `crates/toy/src/lib.rs`. What the work of `mix` is proportional to is one number.
pub(crate) const LIBRARY: &str = r#"//! Pure functions that commits make slower on purpose.

/// Passes of [`mix`] over its words.
const PASSES: u32 = 25;

/// Mixes words into one.
pub fn mix(words: &[u64]) -> u64 {
    (0..PASSES).fold(1, |state, _| stir(state, words))
}

#[inline(never)]
fn stir(state: u64, words: &[u64]) -> u64 {
    words.iter().fold(state, |state, &word| {
        (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

/// So many different names.
#[inline(never)]
pub fn collect(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name {number}")).collect()
}

/// A sum that depends on the order of the words.
pub fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0_u64, |sum, &word| sum.rotate_left(1).wrapping_add(word))
}

/// A product of the words, made odd.
pub fn product(words: &[u64]) -> u64 {
    words.iter().fold(1_u64, |product, &word| product.wrapping_mul(word | 1))
}
"#;

/// How much of `mix` the slower commit adds: two passes to twenty-five.
pub(crate) const SLOWDOWN: f64 = 2.0 / 25.0;

/// A function that takes a heap block, for the end of a source file.
pub(crate) const WEIGH: &str = r"
/// Takes a heap block that nobody needs.
#[inline(never)]
pub(crate) fn weigh(count: usize) -> usize {
    *std::hint::black_box(Box::new(count))
}
";

/// The bench targets by file name.
pub(crate) const TARGETS: [(&str, &str); 3] = [
    (
        "time.rs",
        "//! Times.\n\nmod operations;\n\nvoiceflow_kit::time_main!(operations::operations);\n",
    ),
    (
        "iai.rs",
        "//! Instructions.\n\nmod operations;\n\noperations::counted_operations!(voiceflow_kit::instructions_main);\n",
    ),
    (
        "allocations.rs",
        "//! Heap use.\n\nmod operations;\n\nvoiceflow_kit::allocations_main!(operations::operations);\n",
    ),
];

/// An operation as the toy declares it.
#[derive(Clone, Copy)]
pub(crate) struct Declared {
    pub(crate) id: &'static str,
    question: &'static str,
    elements: u64,
    /// The body of the function that prepares it.
    prepare: &'static str,
}

pub(crate) const MIX: Declared = Declared {
    id: "toy/mix/4kib",
    question: "How long does mixing 4 KiB take?",
    elements: 512,
    prepare: r#"    let words: Vec<u64> = (1..=512).collect();
    let expected = voiceflow_toy::mix(&words);
    let check = move |_: &mut Vec<u64>, mixed: &u64| check_eq("the mix", mixed, &expected);
    Ok(Prepared::new(words, |words| voiceflow_toy::mix(words), check))
"#,
};

pub(crate) const NAMES: Declared = Declared {
    id: "toy/names/100",
    question: "How long does making a hundred names take?",
    elements: 100,
    prepare: r#"    let check = |count: &mut usize, names: &Vec<String>| check_eq("the number of names", &names.len(), &*count);
    Ok(Prepared::new(100_usize, |count| voiceflow_toy::collect(*count), check))
"#,
};

pub(crate) const SUM: Declared = Declared {
    id: "toy/sum/1000",
    question: "How long does adding up a thousand words take?",
    elements: 1000,
    prepare: r#"    let words: Vec<u64> = (1..=1000).collect();
    let expected = voiceflow_toy::sum(&words);
    let check = move |_: &mut Vec<u64>, sum: &u64| check_eq("the sum", sum, &expected);
    Ok(Prepared::new(words, |words| voiceflow_toy::sum(words), check))
"#,
};

pub(crate) const PRODUCT: Declared = Declared {
    id: "toy/product/1000",
    question: "How long does multiplying a thousand words take?",
    elements: 1000,
    prepare: r#"    let words: Vec<u64> = (1..=1000).collect();
    let expected = voiceflow_toy::product(&words);
    let check = move |_: &mut Vec<u64>, product: &u64| check_eq("the product", product, &expected);
    Ok(Prepared::new(words, |words| voiceflow_toy::product(words), check))
"#,
};

impl Declared {
    fn id(&self) -> OperationId {
        self.id.parse().expect("a valid id")
    }
}

/// `crates/toy/benches/operations/mod.rs`.
pub(crate) fn operations(declared: &[Declared]) -> String {
    let mut declarations = String::new();
    let mut bodies = String::new();
    for operation in declared {
        let identifier = operation.id().identifier();
        let Declared {
            id,
            question,
            elements,
            prepare,
        } = operation;
        declarations.push_str(&format!(
            "        {identifier}: Operation::new({id:?}, {question:?})\n            \
             .throughput(Throughput::Elements({elements}))\n            .prepare({identifier}),\n"
        ));
        bodies.push_str(&format!(
            "\nfn {identifier}() -> Result<Prepared, PrepareError> {{\n{prepare}}}\n"
        ));
    }
    format!(
        "//! The toy's operations.\n\nuse voiceflow_kit::{{Operation, PrepareError, Prepared, Throughput, check_eq}};\n\n\
         voiceflow_kit::operations! {{\n    counted {{\n{declarations}    }}\n    timed {{}}\n}}\n{bodies}"
    )
}

/// `crates/toy/benches/catalogue.json`.
pub(crate) fn catalogue(declared: &[Declared]) -> String {
    let mut entries: Vec<CatalogueEntry> = declared.iter().map(entry).collect();
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    Catalogue { entries }.to_json()
}

fn entry(operation: &Declared) -> CatalogueEntry {
    let id = operation.id();
    CatalogueEntry {
        subsystem: id.subsystem().to_owned(),
        id,
        question: operation.question.to_owned(),
        instruments: Instrument::ALL.to_vec(),
        throughput: Some(Throughput::Elements(operation.elements)),
        paired: Some(Pairing {
            protocol: PAIRED_PROTOCOL,
            clock: Clock::Cpu,
            cores: 1,
            long: false,
        }),
    }
}
