//! The rate limit.

use std::num::NonZeroU32;

use voiceflow_kit::{PrepareError, Prepared, check_eq, digest_parts};
use voiceflow_security::limit::{Limit, RateLimiter};

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
