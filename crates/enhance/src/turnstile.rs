//! Lets one caller through at a time, and lets none wait beyond its deadline.
//!
//! A product of matrices takes every thread that it may have. Two texts written at once would share the cores at every
//! product and both be late; one after the other, the first is done in half the time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct Turnstile {
    taken: Mutex<bool>,
    freed: Condvar,
}

/// The right to run the model, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turnstile);

impl Turnstile {
    /// Waits for the turn until `deadline`; none where it has not come by then.
    pub(crate) fn enter_by(&self, deadline: Instant) -> Option<Turn<'_>> {
        // Nothing can panic while this lock is held, so a poisoned one is as good as any.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return None;
            }
            (taken, _) = self
                .freed
                .wait_timeout(taken, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turnstile;

    #[test]
    fn the_second_waits_no_longer_than_its_deadline_and_enters_when_the_first_leaves() {
        let turnstile = Turnstile::default();
        let first = turnstile.enter_by(Instant::now());
        assert!(first.is_some());
        assert!(turnstile.enter_by(Instant::now()).is_none());
        std::thread::scope(|scope| {
            let second = scope.spawn(|| turnstile.enter_by(Instant::now() + Duration::from_secs(60)).is_some());
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
