//! How often one user may ask, with a memory that does not grow with the number of users.
//!
//! The rule is governor's GCRA: a burst, refilled at a steady rate. Its own key stores grow with every name they see,
//! so the state lies here in a table of fixed size, `WAYS` places a set, in which a full set gives up the user whose
//! allowance is the nearest to full, the one whose forgetting changes least. A forgotten user starts with a full burst:
//! the limiter errs on the side of letting a user in, and only beyond the capacity. Identifying the user is the token's
//! work.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::Quota;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use thiserror::Error;

/// Users that share a set, and its lock. Sixteen places of 16 bytes are four cache lines: searched in a few
/// nanoseconds, and a random set overflows rarely while the table is half full.
const WAYS: usize = 16;

/// What one user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests a minute in the long run.
    pub per_minute: NonZeroU32,
    /// Requests that may come at once after a pause.
    pub burst: NonZeroU32,
}

/// The request came too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many requests: try again in {} ms", .retry_after.as_millis())]
pub struct RateLimited {
    /// Time until a request of this user will be let through.
    pub retry_after: Duration,
}

/// Counts requests by user. Shared by reference between threads; users in different sets do not wait for each other.
pub struct RateLimiter<C: Clock = DefaultClock> {
    limiter: governor::RateLimiter<u64, FixedTable, C, NoOpMiddleware<C::Instant>>,
    hasher: RandomState,
}

impl RateLimiter {
    /// A limiter that remembers at least `capacity` users in even use, in 16 bytes each.
    #[must_use]
    pub fn new(limit: Limit, capacity: usize) -> Self {
        Self::with_clock(limit, capacity, DefaultClock::default())
    }
}

impl<C: Clock> RateLimiter<C> {
    /// The same, with a clock of the caller's.
    #[must_use]
    pub fn with_clock(limit: Limit, capacity: usize, clock: C) -> Self {
        let quota = Quota::per_minute(limit.per_minute).allow_burst(limit.burst);
        Self {
            limiter: governor::RateLimiter::new(quota, FixedTable::new(capacity), clock),
            hasher: RandomState::new(),
        }
    }

    /// Lets one request of `user` through, or says when to come again. A refused request costs no allowance.
    ///
    /// # Errors
    /// [`RateLimited`] with the time to wait.
    pub fn check(&self, user: &str) -> Result<(), RateLimited> {
        // The hash is keyed at random in each process: nobody can choose names that meet in one set.
        let key = self.hasher.hash_one(user);
        self.limiter.check_key(&key).map_err(|not_until| RateLimited {
            retry_after: not_until.wait_time_from(self.limiter.clock().now()),
        })
    }
}

impl<C: Clock> fmt::Debug for RateLimiter<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateLimiter").finish_non_exhaustive()
    }
}

/// Theoretical arrival times by user hash, in sets of [`WAYS`].
struct FixedTable {
    sets: Box<[Mutex<Set>]>,
}

/// `arrival_ns` is GCRA's theoretical arrival time, in nanoseconds since the limiter was made: the smaller, the fuller
/// the user's allowance. Nobody holds a place whose time is zero, because a request sets it past its own moment.
#[derive(Clone, Copy, Default)]
struct Place {
    user: u64,
    arrival_ns: u64,
}

type Set = [Place; WAYS];

impl FixedTable {
    /// Twice the places asked for: at half load a random set of sixteen, holding eight on average, overflows for about
    /// four users in a thousand.
    fn new(capacity: usize) -> Self {
        let sets = capacity.max(1).saturating_mul(2).div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::new(Set::default())).collect(),
        }
    }

    fn set(&self, user: u64) -> &Mutex<Set> {
        // The number of sets is a power of two, so the low bits choose.
        &self.sets[user as usize & (self.sets.len() - 1)]
    }
}

impl StateStore for FixedTable {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, user: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut set = self.set(*user).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set
            .iter()
            .position(|place| place.arrival_ns != 0 && place.user == *user);
        let (outcome, arrival) = decide(known.map(|index| Nanos::new(set[index].arrival_ns)))?;
        let index = known.unwrap_or_else(|| fullest_allowance(&set));
        set[index] = Place {
            user: *user,
            arrival_ns: arrival.as_u64(),
        };
        Ok(outcome)
    }
}

/// An empty place if there is one, else the place of the user who has waited the longest.
fn fullest_allowance(set: &Set) -> usize {
    let places = set.iter().enumerate();
    places
        .min_by_key(|(_, place)| place.arrival_ns)
        .map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(capacity: usize) -> (RateLimiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limit = Limit {
            per_minute: NonZeroU32::new(60).unwrap(),
            burst: NonZeroU32::new(3).unwrap(),
        };
        (RateLimiter::with_clock(limit, capacity, clock.clone()), clock)
    }

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let (limiter, clock) = limiter(100);
        for _ in 0..3 {
            assert_eq!(limiter.check("ada"), Ok(()));
        }
        for _ in 0..5 {
            // Being refused does not push the moment further away.
            assert_eq!(
                limiter.check("ada"),
                Err(RateLimited {
                    retry_after: Duration::from_secs(1)
                })
            );
        }
        clock.advance(Duration::from_millis(400));
        assert_eq!(
            limiter.check("ada"),
            Err(RateLimited {
                retry_after: Duration::from_millis(600)
            })
        );
        clock.advance(Duration::from_millis(600));
        assert_eq!(limiter.check("ada"), Ok(()));
        assert!(limiter.check("ada").is_err());
        clock.advance(Duration::from_secs(3600));
        let passed = (0..10).filter(|_| limiter.check("ada").is_ok()).count();
        assert_eq!(passed, 3, "a long pause refills the burst and no more");
    }

    #[test]
    fn one_user_does_not_use_up_anothers_allowance() {
        let (limiter, _clock) = limiter(100);
        for _ in 0..3 {
            limiter.check("ada").unwrap();
        }
        assert!(limiter.check("ada").is_err());
        assert_eq!(limiter.check("grace"), Ok(()));
    }

    #[test]
    fn a_flood_of_names_takes_no_memory_and_does_not_free_a_busy_user() {
        let (limiter, clock) = limiter(1_000);
        for round in 0..200 {
            for name in 0..20 {
                // One-time names come and go, each an instant later than the last.
                clock.advance(Duration::from_micros(1));
                let _ = limiter.check(&format!("passer-by {round} {name}"));
            }
            let _ = limiter.check("busy");
            let _ = limiter.check("busy");
        }
        assert!(
            limiter.check("busy").is_err(),
            "400 requests in 4 ms stay limited through 4,000 strangers"
        );
    }

    #[test]
    fn the_table_has_room_for_its_capacity_at_half_load() {
        for capacity in [0, 1, 16, 1_000, 10_000] {
            let places = FixedTable::new(capacity).sets.len() * WAYS;
            assert!(
                places >= 2 * capacity && places <= 4 * capacity.max(WAYS),
                "{capacity}: {places}"
            );
        }
    }

    #[test]
    fn threads_together_get_one_burst() {
        let (limiter, _clock) = limiter(100);
        let passed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..50).filter(|_| limiter.check("ada").is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 3);
    }

    #[test]
    fn the_message_says_how_long_to_wait() {
        let error = RateLimited {
            retry_after: Duration::from_millis(1_250),
        };
        assert_eq!(error.to_string(), "too many requests: try again in 1250 ms");
    }
}
