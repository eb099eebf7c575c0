//! Turns at measuring: on one machine two measurements at once would spoil each other's times.
//!
//! The lock lies in the user's cache, so it holds between checkouts and between commands. Builds and exact counts ask
//! for no turn. Whoever has one does not ask for another: a process would wait for itself.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::host;

/// The right to measure. It ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub(crate) struct Turn {
    waited: Duration,
    _lock: File,
}

impl Turn {
    /// How long others kept it waiting.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

/// Takes a turn; where another process has it, says so and waits.
pub(crate) fn take_turn() -> anyhow::Result<Turn> {
    wait_for_turn(&host::cache()?, |line| eprintln!("{line}"))
}

fn wait_for_turn(cache: &Path, say: impl FnOnce(&str)) -> anyhow::Result<Turn> {
    let asked = Instant::now();
    let path = cache.join("measuring.lock");
    let lock = open(&path)?;
    let cannot_lock = || format!("cannot lock {}", path.display());
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("another measurement is running on this machine: waiting for it to end");
            lock.lock().with_context(cannot_lock)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot_lock),
    }
    Ok(Turn {
        waited: asked.elapsed(),
        _lock: lock,
    })
}

fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(cache) = path.parent() {
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn no_wait(line: &str) {
        panic!("it said: {line}");
    }

    #[test]
    fn a_turn_is_free_again_when_the_one_before_it_ends() {
        let place = tempfile::tempdir().expect("temporary folder");
        let cache = place.path().join("not/made/yet");
        drop(wait_for_turn(&cache, no_wait).expect("free"));
        // Perhaps not at once: a process that another test starts shares the lock until it runs its program.
        drop(wait_for_turn(&cache, |_| {}).expect("free again"));
    }

    #[test]
    fn who_comes_second_says_so_and_waits() {
        let place = tempfile::tempdir().expect("temporary folder");
        let held = wait_for_turn(place.path(), no_wait).expect("free");
        let busy = open(&place.path().join("measuring.lock")).expect("opens").try_lock();
        assert!(matches!(busy, Err(TryLockError::WouldBlock)), "{busy:?}");

        let (sender, said) = mpsc::channel();
        let cache = place.path().to_owned();
        let second = std::thread::spawn(move || {
            let say = |line: &str| sender.send(line.to_owned()).expect("is heard");
            wait_for_turn(&cache, say).expect("waits").waited()
        });
        let line = said.recv().expect("it says something");
        assert!(line.starts_with("another measurement is running"), "{line}");
        let wait = Duration::from_millis(50);
        std::thread::sleep(wait);
        assert!(!second.is_finished(), "the turn is still held");
        drop(held);
        assert!(second.join().expect("ends") >= wait);
    }
}
