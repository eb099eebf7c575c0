//! A target's committed corpus in the ordinary test run of the crate whose parser it feeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Gives every input of a target's corpus to its entry. `package` is the caller's own folder, beside `fuzz`.
///
/// # Panics
/// When an input breaks a promise, naming it, or when there is none.
pub(crate) fn replay(package: &str, target: &str, run: fn(&[u8])) {
    let folder = Path::new(package).join("../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("the folder can be listed").path();
        let data = std::fs::read(&path).expect("the input can be read");
        if catch_unwind(AssertUnwindSafe(|| run(&data))).is_err() {
            panic!("{} breaks a promise of the target {target}", path.display());
        }
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}
