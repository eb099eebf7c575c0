//! Every operation once, in the ordinary test run, so that none rots; and the committed catalogue held equal to the
//! declarations.

use std::fmt::Write as _;
use std::path::Path;

use voiceflow_record::{Catalogue, write_file};

use crate::session::tells_failure;
use crate::{OperationList, PrepareError, Prepared};

/// Makes a test target of a list of operations.
#[macro_export]
macro_rules! operations_test {
    ($operations:path) => {
        #[test]
        fn every_operation_answers_right() {
            $crate::once::run_all(&$operations());
        }

        #[test]
        fn the_catalogue_lists_what_is_declared() {
            $crate::once::check_catalogue(env!("CARGO_MANIFEST_DIR"), &$operations());
        }
    };
}

/// Prepares and calls every operation once and checks its answer, and that it says what its inputs are: without their
/// digest, results on other inputs would pass for results on the same. What cannot be had on this machine is named and
/// left out.
///
/// # Panics
///
/// When some fail, naming all of them.
pub fn run_all(operations: &OperationList) {
    let mut failures = String::new();
    for operation in operations.iter() {
        if let Err(error) = operation.make().and_then(run)
            && tells_failure(operation, &error)
        {
            let _ = write!(failures, "\n  {}: {error}", operation.id());
        }
    }
    assert!(failures.is_empty(), "operations failed:{failures}");
}

fn run(mut prepared: Prepared) -> Result<(), PrepareError> {
    prepared.once()?;
    if prepared.inputs_sha256().is_none() {
        return Err("it does not say what its inputs are: add `.inputs(…)`, of `NO_INPUTS` if it takes none".into());
    }
    Ok(())
}

/// The name of the committed list in a crate's `benches` folder.
pub const CATALOGUE_FILE: &str = "catalogue.json";

/// Holds `benches/catalogue.json` equal to the declarations. When it is not, the file is written anew and the test
/// fails once, so that the change is seen and committed.
///
/// # Panics
///
/// When they differ or the file cannot be written.
pub fn check_catalogue(crate_folder: &str, operations: &OperationList) {
    let folder = Path::new(crate_folder).join("benches");
    // The top-level `benches` folder is itself a crate: its list lies beside its operations.
    let folder = if folder.is_dir() {
        folder
    } else {
        Path::new(crate_folder).to_owned()
    };
    let path = folder.join(CATALOGUE_FILE);
    let declared = Catalogue {
        entries: operations.catalogue(),
    };
    if Catalogue::read(&path).ok().as_ref() != Some(&declared) {
        write_file(&path, declared.to_json().as_bytes()).expect("the catalogue can be written");
        panic!("{CATALOGUE_FILE} was not up to date and has been written anew: look at the change and commit it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NO_INPUTS, Operation, Unavailable, WrongAnswer};

    fn right() -> Operation {
        Operation::new("a/b/right", "?").prepare(|| Ok(Prepared::new((), |()| 1, |(), _| Ok(())).inputs(NO_INPUTS)))
    }

    #[test]
    #[should_panic(expected = "operations failed:\n  a/b/silent: it does not say what its inputs are")]
    fn an_operation_that_does_not_say_what_its_inputs_are_fails_the_run() {
        let silent = Operation::new("a/b/silent", "?").prepare(|| Ok(Prepared::new((), |()| 1, |(), _| Ok(()))));
        run_all(&OperationList::new(vec![("b_right", right()), ("b_silent", silent)]));
    }

    #[test]
    fn what_cannot_be_had_on_this_machine_fails_nothing() {
        let missing = Operation::new("a/b/missing", "?").prepare(|| Err(Unavailable::new("no such device").into()));
        run_all(&OperationList::new(vec![("b_missing", missing), ("b_right", right())]));
    }

    #[test]
    #[should_panic(expected = "a/b/wrong: wrong answer: 2")]
    fn an_operation_that_answers_wrongly_fails_the_run() {
        let right = right();
        let wrong = Operation::new("a/b/wrong", "?").prepare(|| {
            Ok(Prepared::new(
                (),
                |()| 2,
                |(), answer| Err(WrongAnswer::new(answer.to_string())),
            ))
        });
        run_all(&OperationList::new(vec![("b_right", right), ("b_wrong", wrong)]));
    }
}
