//! The declaration of an operation and the list of a crate's operations.

use std::collections::BTreeSet;

use voiceflow_record::paired::PAIRED_PROTOCOL;
use voiceflow_record::{CatalogueEntry, Clock, Instrument, OperationId, Pairing, Throughput};

use crate::body::{PrepareError, Prepared};

/// One benchmark, one question.
pub struct Operation {
    id: &'static str,
    question: &'static str,
    throughput: Option<Throughput>,
    instruments: Vec<Instrument>,
    judged_by: Clock,
    cores: usize,
    calls: Option<usize>,
    prepare: Option<fn() -> Result<Prepared, PrepareError>>,
}

impl Operation {
    /// Declares an operation. `id` is `subsystem/operation/variant`, `question` a sentence ending in a question mark.
    pub fn new(id: &'static str, question: &'static str) -> Self {
        Self {
            id,
            question,
            throughput: None,
            instruments: vec![Instrument::Time],
            judged_by: Clock::Cpu,
            cores: 1,
            calls: None,
            prepare: None,
        }
    }

    /// How to make the state, the timed call and the check of its answer.
    #[must_use]
    pub fn prepare(mut self, prepare: fn() -> Result<Prepared, PrepareError>) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// How much one call does.
    #[must_use]
    pub fn throughput(mut self, throughput: Throughput) -> Self {
        self.throughput = Some(throughput);
        self
    }

    /// Measures heap allocations too: for timed operations whose Rust-side counts are the same in every run.
    #[must_use]
    pub fn allocations(mut self) -> Self {
        self.add_instrument(Instrument::Allocations);
        self
    }

    /// Times exactly `calls` calls, each by itself, instead of filling a span of time: for operations of several
    /// milliseconds. A P95 needs at least 90.
    #[must_use]
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = Some(calls);
        self
    }

    /// The operation blocks or uses other threads, so a comparison judges it by wall time, not by processor time.
    #[must_use]
    pub fn wall(mut self) -> Self {
        self.judged_by = Clock::Wall;
        self
    }

    /// Threads that do the operation's work at once.
    #[must_use]
    pub fn cores(mut self, cores: usize) -> Self {
        self.cores = cores;
        self
    }

    /// Part of [`operations!`](crate::operations): marks a pure, single-threaded body.
    #[doc(hidden)]
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.add_instrument(Instrument::Instructions);
        self.add_instrument(Instrument::Allocations);
        self
    }

    /// The id as declared.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// How much one call does, where it has a size.
    pub fn throughput_per_call(&self) -> Option<Throughput> {
        self.throughput
    }

    /// The clock a comparison judges by.
    pub fn judged_by(&self) -> Clock {
        self.judged_by
    }

    /// Threads that do the operation's work at once.
    pub fn cores_used(&self) -> usize {
        self.cores
    }

    /// The number of calls to time, where the declaration fixes it.
    pub fn fixed_calls(&self) -> Option<usize> {
        self.calls
    }

    /// Whether the instrument is honest for this operation.
    pub fn suits(&self, instrument: Instrument) -> bool {
        self.instruments.contains(&instrument)
    }

    /// Makes the state. What this does is never measured.
    pub fn make(&self) -> Result<Prepared, PrepareError> {
        let prepare = self
            .prepare
            .ok_or_else(|| format!("{} declares no `prepare`", self.id))?;
        prepare()
    }

    fn add_instrument(&mut self, instrument: Instrument) {
        if !self.instruments.contains(&instrument) {
            self.instruments.push(instrument);
            self.instruments.sort();
        }
    }
}

/// The operations of one crate, in the order of their declaration.
pub struct OperationList {
    operations: Vec<(&'static str, Operation)>,
}

impl OperationList {
    /// Part of [`operations!`](crate::operations).
    ///
    /// # Panics
    ///
    /// When two operations share an id, an id is malformed, or an identifier is not the one its id gives: mistakes of
    /// the declaration that would make results land under a wrong name.
    #[doc(hidden)]
    pub fn new(operations: Vec<(&'static str, Operation)>) -> Self {
        let mut seen = BTreeSet::new();
        for (identifier, operation) in &operations {
            let id: OperationId = operation.id.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                *identifier,
                id.identifier(),
                "the operation `{id}` is declared as `{identifier}`: declare it as `{}`",
                id.identifier()
            );
            assert!(seen.insert(operation.id), "the operation `{id}` is declared twice");
        }
        Self { operations }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().map(|(_, operation)| operation)
    }

    /// The operation declared under a Rust identifier.
    pub fn by_identifier(&self, identifier: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|(name, _)| *name == identifier)
            .map(|(_, operation)| operation)
    }

    /// What may be known of them without building: the content of the committed catalogue, ordered by id.
    pub fn catalogue(&self) -> Vec<CatalogueEntry> {
        let mut entries: Vec<CatalogueEntry> = self.iter().map(catalogue_entry).collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries
    }
}

/// Who fixes no more calls than these has long ones: a full run would take many more of a short one.
const FEW_CALLS: usize = 100;

fn catalogue_entry(operation: &Operation) -> CatalogueEntry {
    let id: OperationId = operation.id.parse().unwrap_or_else(|error| panic!("{error}"));
    CatalogueEntry {
        subsystem: id.subsystem().to_owned(),
        id,
        question: operation.question.to_owned(),
        instruments: operation.instruments.clone(),
        throughput: operation.throughput,
        paired: Some(Pairing {
            protocol: PAIRED_PROTOCOL,
            clock: operation.judged_by,
            cores: operation.cores,
            long: operation.calls.is_some_and(|calls| calls <= FEW_CALLS),
        }),
    }
}

/// Lists the operations of a crate.
///
/// `counted` operations are pure and single-threaded: no clock, no randomness, no threads, no kernels that valgrind
/// hides (SHA-NI, VAES), so their instructions and allocations can be counted. `timed` operations are the rest.
///
/// Each is declared under the identifier that its id gives: the id without its subsystem, with `/`, `-` and `.` turned
/// into `_`.
#[macro_export]
macro_rules! operations {
    (
        counted { $($counted:ident : $counted_operation:expr),* $(,)? }
        timed { $($timed:ident : $timed_operation:expr),* $(,)? }
    ) => {
        /// The operations of this crate.
        pub(crate) fn operations() -> $crate::OperationList {
            $crate::OperationList::new(vec![
                $((stringify!($counted), $crate::Operation::counted($counted_operation)),)*
                $((stringify!($timed), $timed_operation),)*
            ])
        }

        $crate::__counted_operations! { ($) $($counted)* }
    };
}

/// Writes the macro through which the instruction target learns the names of the counted operations: gungraun takes
/// functions, not values. `$dollar` is a dollar sign for the macro inside the macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __counted_operations {
    (($dollar:tt) $($name:ident)*) => {
        #[allow(unused_macros, reason = "only the instruction target calls it")]
        macro_rules! counted_operations {
            ($dollar($dollar callback:tt)*) => { $dollar($dollar callback)* ! { $($name)* } };
        }
        #[allow(unused_imports, reason = "only the instruction target calls it")]
        pub(crate) use counted_operations;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &'static str) -> Operation {
        Operation::new(id, "How long does it take?")
    }

    #[test]
    #[should_panic(expected = "declared twice")]
    fn an_id_declared_twice_is_refused() {
        OperationList::new(vec![("b_c", operation("a/b/c")), ("b_c", operation("a/b/c"))]);
    }

    #[test]
    #[should_panic(expected = "declare it as `b_c_d`")]
    fn an_identifier_that_is_not_the_id_is_refused() {
        OperationList::new(vec![("other", operation("a/b/c-d"))]);
    }

    #[test]
    fn the_catalogue_is_ordered_by_id_and_tells_the_instruments() {
        let list = OperationList::new(vec![("z_z", operation("a/z/z")), ("b_c", operation("a/b/c").counted())]);
        let catalogue = list.catalogue();
        assert_eq!(
            catalogue.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(),
            ["a/b/c", "a/z/z"]
        );
        assert_eq!(catalogue[0].instruments, Instrument::ALL);
        assert_eq!(catalogue[1].instruments, [Instrument::Time]);
        assert!(list.by_identifier("b_c").is_some_and(|found| found.id() == "a/b/c"));
    }

    #[test]
    fn an_operation_without_prepare_says_so() {
        let error = operation("a/b/c").make().err().expect("refused").to_string();
        assert!(error.contains("a/b/c declares no `prepare`"), "{error}");
    }
}
