//! Threads that share the work of products.
//!
//! Products are short, and between two of them there is little to share. So the threads stay between products, and those
//! without work look for some for a moment, then sleep; rayon does both. Who comes late finds less to do: a part goes to
//! whoever asks first, and nobody waits for a thread that has not begun.

use std::iter::Enumerate;
use std::num::NonZeroUsize;
use std::slice::ChunksMut;
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Parts that each member finds.
const PARTS_EACH: usize = 4;

/// Threads that compute together; one thread is whoever asks.
#[derive(Debug)]
pub(crate) struct Team {
    threads: Option<ThreadPool>,
    /// Held by whoever's work the threads do: a thread that waits for the rest of a product would else begin somebody
    /// else's whole work.
    turn: Mutex<()>,
}

impl Team {
    /// A team of so many threads.
    ///
    /// # Errors
    /// Fails where the system gives no threads.
    pub(crate) fn new(threads: NonZeroUsize) -> Result<Self, ThreadPoolBuildError> {
        let pool = (threads.get() > 1).then(|| {
            ThreadPoolBuilder::new()
                .num_threads(threads.get())
                .thread_name(|index| format!("enhance-{index}"))
                .build()
        });
        Ok(Self {
            threads: pool.transpose()?,
            turn: Mutex::default(),
        })
    }

    /// Does `work`, with many calls of [`Team::fill`] in it, on a thread of the team, while the caller sleeps: one hand-over
    /// for all of them. Other callers wait for their turn. Within work of the team it does more of it at once.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.threads {
            Some(threads) if threads.current_thread_index().is_none() => {
                let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                threads.install(work)
            }
            _ => work(),
        }
    }

    /// Fills `values` by parts of whole units of `unit` values, which must divide their number: `fill` gets the number of
    /// the part's first unit, and the part. Of the team `members_max` take part at most.
    pub(crate) fn fill<F>(&self, values: &mut [f32], unit: usize, members_max: usize, fill: F)
    where
        F: Fn(usize, &mut [f32]) + Sync,
    {
        let size = self.threads.as_ref().map_or(1, ThreadPool::current_num_threads);
        let members = size.min(members_max).min(values.len() / unit);
        let Some(threads) = self.threads.as_ref().filter(|_| members > 1) else {
            return fill(0, values);
        };
        let units = (values.len() / unit).div_ceil(members * PARTS_EACH).max(1);
        let parts = Mutex::new(values.chunks_mut(units * unit).enumerate());
        let take_parts = || {
            while let Some((index, part)) = next(&parts) {
                fill(index * units, part);
            }
        };
        threads.scope(|scope| {
            for _ in 1..members {
                scope.spawn(|_| take_parts());
            }
            take_parts();
        });
    }
}

fn next<'a>(parts: &Mutex<Enumerate<ChunksMut<'a, f32>>>) -> Option<(usize, &'a mut [f32])> {
    parts.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn every_unit_is_filled_once_whatever_the_team() {
        for threads in [1, 2, 3, 7] {
            let team = Team::new(NonZeroUsize::new(threads).unwrap()).unwrap();
            for units in [1, 2, 5, 8, 64, 1001] {
                for members_max in [1, 2, 100] {
                    let mut values = vec![0.0; 3 * units];
                    team.fill(&mut values, 3, members_max, |first, part| {
                        assert_eq!(part.len() % 3, 0);
                        for (offset, value) in part.iter_mut().enumerate() {
                            *value += (3 * first + offset) as f32 + 1.0;
                        }
                    });
                    let expected: Vec<f32> = (1..=3 * units).map(|value| value as f32).collect();
                    assert_eq!(
                        values, expected,
                        "{threads} threads, {units} units, {members_max} members"
                    );
                }
            }
        }
    }

    #[test]
    fn a_helper_takes_part() {
        let team = Team::new(NonZeroUsize::new(2).unwrap()).unwrap();
        let both = Barrier::new(2);
        let mut values = [0.0; 2];
        // Each part ends when the other has begun, so that one thread alone would wait for ever.
        team.fill(&mut values, 1, 2, |first, part| {
            both.wait();
            part[0] = first as f32 + 1.0;
        });
        assert_eq!(values, [1.0, 2.0]);
    }

    #[test]
    fn work_fills_more_than_once_and_may_hand_on_to_the_team_again() {
        let team = Team::new(NonZeroUsize::new(2).unwrap()).unwrap();
        let sum = team.run(|| {
            let mut values = vec![0.0; 100];
            for _ in 0..3 {
                team.fill(&mut values, 1, 2, |_, part| {
                    part.iter_mut().for_each(|value| *value += 1.0)
                });
            }
            team.run(|| values.iter().sum::<f32>())
        });
        assert_eq!(sum, 300.0);
    }

    #[test]
    fn one_callers_work_is_never_begun_within_anothers() {
        let team = Team::new(NonZeroUsize::new(2).unwrap()).unwrap();
        let at_work = AtomicUsize::new(0);
        let work = || {
            for _ in 0..50 {
                team.run(|| {
                    assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                    team.fill(&mut [0.0; 64], 1, 2, |_, _| thread::yield_now());
                    at_work.fetch_sub(1, Ordering::SeqCst);
                });
            }
        };
        thread::scope(|scope| {
            let callers = [scope.spawn(work), scope.spawn(work), scope.spawn(work)];
            assert!(callers.into_iter().all(|caller| caller.join().is_ok()));
        });
    }

    #[test]
    fn what_goes_wrong_in_a_helper_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(NonZeroUsize::new(2).unwrap()).unwrap();
        let both = Barrier::new(2);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            team.run(|| {
                let owner = thread::current().id();
                team.fill(&mut [0.0; 2], 1, 2, |_, _| {
                    both.wait();
                    assert_eq!(thread::current().id(), owner, "as asked");
                });
            });
        }));
        assert!(outcome.is_err());
        let mut values = [0.0; 8];
        team.run(|| team.fill(&mut values, 1, 2, |_, part| part.fill(1.0)));
        assert_eq!(values, [1.0; 8]);
    }
}
