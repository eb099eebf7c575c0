//! The rate limit.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use voiceflow_kit::{PrepareError, Prepared, check_eq, digest_parts};
use voiceflow_security::limit::{Limit, RateLimited, RateLimiter};

use super::{Rotation, VARIANTS};

pub(crate) fn check() -> Result<Prepared, PrepareError> {
    // No benchmark makes four thousand million requests, so all of them pass and every call does the same work.
    let limit = Limit {
        per_minute: NonZeroU32::MAX,
        burst: NonZeroU32::MAX,
    };
    let users = Rotation::new(|number| format!("user-{number:04}@example.com"));
    let inputs = digest_parts(&users.variants);
    Ok(Prepared::new(
        (RateLimiter::new(limit, VARIANTS), users),
        |(limiter, users)| limiter.check(users.advance()),
        |_, answer| check_eq("the answer", answer, &Ok(())),
    )
    .inputs(inputs))
}

/// Users who are over the limit. The clock stands still, so every request is refused; reading one is left out.
pub(crate) fn refuse() -> Result<Prepared, PrepareError> {
    let limit = Limit {
        per_minute: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let users = Rotation::new(|number| format!("user-{number:04}@example.com"));
    let inputs = digest_parts(&users.variants);
    let limiter = limiter_that_refuses(limit, &users.variants)?;
    let minute = Duration::from_secs(60);
    Ok(Prepared::new(
        (limiter, users),
        |(limiter, users)| limiter.check(users.advance()),
        move |_, answer| check_eq("the answer", answer, &Err(RateLimited { retry_after: minute })),
    )
    .inputs(inputs))
}

/// With four times the users in places. The limiter hashes with keys of its own, so once in a while a set overflows all
/// the same; then other keys are drawn, until everybody's one request has been counted. Fails where that never happens.
fn limiter_that_refuses(limit: Limit, users: &[String]) -> Result<RateLimiter<FakeRelativeClock>, PrepareError> {
    for _ in 0..100 {
        let limiter = RateLimiter::with_clock(limit, 4 * VARIANTS, FakeRelativeClock::default());
        let first = users.iter().all(|user| limiter.check(user).is_ok());
        if first && users.iter().all(|user| limiter.check(user).is_err()) {
            return Ok(limiter);
        }
    }
    Err("no limiter in a hundred holds a quarter of what it has room for".into())
}
