//! The right to compute: shared by recognisers, taken alone by the language model, which waits no longer than a deadline.
//!
//! The standard library's read-write lock cannot give up waiting. As there, one that waits to be alone goes before those
//! that come to share, or a steady stream of recognitions would keep it out for good.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Compute {
    claims: Mutex<Claims>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Claims {
    sharing: usize,
    waiting_alone: usize,
    alone: bool,
}

/// The right to compute beside others that share it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Shared<'a>(&'a Compute);

/// The right to compute while nobody else does, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alone<'a>(&'a Compute);

impl Compute {
    /// Waits until nobody is alone or waits to be.
    pub(crate) fn share(&self) -> Shared<'_> {
        let mut claims = self.claims();
        while claims.alone || claims.waiting_alone > 0 {
            claims = self.changed.wait(claims).unwrap_or_else(PoisonError::into_inner);
        }
        claims.sharing += 1;
        Shared(self)
    }

    /// Waits until nobody else computes, but not beyond `deadline`; none where somebody still does then.
    pub(crate) fn alone_by(&self, deadline: Instant) -> Option<Alone<'_>> {
        let mut claims = self.claims();
        claims.waiting_alone += 1;
        while claims.alone || claims.sharing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                claims.waiting_alone -= 1;
                // Those that would share may have waited for this one only.
                self.changed.notify_all();
                return None;
            }
            (claims, _) = self
                .changed
                .wait_timeout(claims, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        claims.waiting_alone -= 1;
        claims.alone = true;
        Some(Alone(self))
    }

    /// Nothing can panic while this lock is held, so a poisoned one is as good as any.
    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        self.0.claims().sharing -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.claims().alone = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// No test gets there.
    fn far() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    #[test]
    fn many_share_and_one_that_would_be_alone_gives_up_at_its_deadline() {
        let compute = Compute::default();
        let (first, second) = (compute.share(), compute.share());
        assert!(compute.alone_by(Instant::now()).is_none());
        drop(first);
        assert!(compute.alone_by(Instant::now()).is_none());
        drop(second);
        let alone = compute.alone_by(Instant::now());
        assert!(alone.is_some() && compute.alone_by(Instant::now()).is_none());
        drop(alone);
        // Giving up has left nothing behind that keeps the next one waiting.
        let _shared = compute.share();
    }

    #[test]
    fn one_that_waits_to_be_alone_goes_before_those_that_come_to_share() {
        let compute = Compute::default();
        let order = Mutex::new(Vec::new());
        let note = |name: &'static str| order.lock().unwrap().push(name);
        let first = compute.share();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _alone = compute.alone_by(far());
                note("alone");
            });
            while compute.claims().waiting_alone == 0 {
                thread::yield_now();
            }
            scope.spawn(|| {
                let _shared = compute.share();
                note("shared");
            });
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), ["alone", "shared"]);
    }

    #[test]
    fn those_that_share_wait_for_the_one_alone() {
        let compute = Compute::default();
        let alone = compute.alone_by(far());
        thread::scope(|scope| {
            let sharing = scope.spawn(|| {
                let _shared = compute.share();
                compute.claims().alone
            });
            drop(alone);
            assert!(!sharing.join().unwrap(), "shared with one that was alone");
        });
    }
}
