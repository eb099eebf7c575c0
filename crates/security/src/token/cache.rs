//! Tokens verified before, so that a client's next request costs a short hash and a comparison instead of a signature.
//!
//! A token is known by what is signed, as text, and by the SHA-256 of its signature: one that differs in one bit is
//! another token. The signature itself, which is what makes a token worth stealing, is not kept, so no token can be put
//! together from what lies here; and hashing it alone is one block of SHA-256 where the whole token would be five. Only
//! verified tokens enter, so a flood of bad ones cannot push good ones out. What is signed is kept up to
//! [`SIGNED_BYTES_MAX`]: a longer token is verified anew each time. Times are checked at every hit, by the caller's clock.
//!
//! The store is set-associative and of fixed size: the digest's first bytes choose a set of [`WAYS`] places behind its
//! own lock, and a full set gives up an expired entry, else the one used longest ago. No hashing beyond the digest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ring::digest;

use super::Claims;

/// Places in a set: enough that sets at half load rarely overflow, few enough to search in nanoseconds.
const WAYS: usize = 8;

/// Most bytes of header and claims that an entry keeps, so that long tokens, which their holder may choose, cannot take
/// four times the memory. An issuer's have about 220.
const SIGNED_BYTES_MAX: usize = 1024;

/// How a token is known here.
#[derive(Clone, Copy)]
pub(super) struct TokenKey<'a> {
    /// Header and claims, as they came.
    signed: &'a str,
    /// Of the signature, as it came.
    signature_sha256: [u8; digest::SHA256_OUTPUT_LEN],
}

impl<'a> TokenKey<'a> {
    /// `None` for a text without a signature, which is no token, and for one too long to be kept.
    pub(super) fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        if signed.len() > SIGNED_BYTES_MAX {
            return None;
        }
        let digest = digest::digest(&digest::SHA256, signature.as_bytes());
        Some(Self {
            signed,
            signature_sha256: digest.as_ref().try_into().expect("SHA-256 has 32 bytes"),
        })
    }
}

/// What the cache has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Look-ups answered from the cache.
    pub hits: u64,
    /// Look-ups of tokens not (or no longer) in it.
    pub misses: u64,
    /// Entries given up for a newer one while still valid.
    pub evictions: u64,
    /// Entries dropped because their time was over.
    pub expirations: u64,
}

pub(super) struct TokenCache {
    sets: Box<[Mutex<Set>]>,
    leeway_s: u64,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    expirations: AtomicU64,
}

#[derive(Default)]
struct Set {
    /// Counts the uses of this set, to tell the entry used longest ago.
    uses: u64,
    places: [Option<Entry>; WAYS],
}

struct Entry {
    signed: Box<str>,
    signature_sha256: [u8; digest::SHA256_OUTPUT_LEN],
    claims: Claims,
    last_use: u64,
}

impl TokenCache {
    /// Room for at least `capacity` tokens in even use.
    pub(super) fn new(capacity: usize, leeway_s: u64) -> Self {
        let sets = capacity.max(1).saturating_mul(2).div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            leeway_s,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
        }
    }

    /// The claims of a token verified before and still within its times. One whose `exp` has passed is dropped.
    pub(super) fn get(&self, key: &TokenKey<'_>, now_s: u64) -> Option<Claims> {
        let mut set = self.set(key).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = set.position(key) else {
            count(&self.misses);
            return None;
        };
        if self.is_expired(&set.places[index], now_s) {
            set.places[index] = None;
            count(&self.expirations);
            count(&self.misses);
            return None;
        }
        let stamp = set.next_use();
        let entry = set.places[index].as_mut()?;
        // A clock set back can make a token "not yet valid" again: the slow way decides then.
        if entry.claims.check_time(now_s, self.leeway_s).is_err() {
            count(&self.misses);
            return None;
        }
        entry.last_use = stamp;
        count(&self.hits);
        Some(entry.claims.clone())
    }

    /// Remembers a token that has just been verified.
    pub(super) fn insert(&self, key: &TokenKey<'_>, claims: Claims, now_s: u64) {
        let mut set = self.set(key).lock().unwrap_or_else(PoisonError::into_inner);
        for index in 0..WAYS {
            if self.is_expired(&set.places[index], now_s) {
                set.places[index] = None;
                count(&self.expirations);
            }
        }
        let last_use = set.next_use();
        let index = set.position(key).unwrap_or_else(|| set.place_to_fill());
        if set.places[index].as_ref().is_some_and(|entry| !entry.is_of(key)) {
            count(&self.evictions);
        }
        set.places[index] = Some(Entry {
            signed: key.signed.into(),
            signature_sha256: key.signature_sha256,
            claims,
            last_use,
        });
    }

    pub(super) fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            expirations: self.expirations.load(Ordering::Relaxed),
        }
    }

    fn is_expired(&self, place: &Option<Entry>, now_s: u64) -> bool {
        place
            .as_ref()
            .is_some_and(|entry| now_s > entry.claims.expires_s.saturating_add(self.leeway_s))
    }

    fn set(&self, key: &TokenKey<'_>) -> &Mutex<Set> {
        let prefix = u64::from_le_bytes(*key.signature_sha256.first_chunk().expect("a digest has 32 bytes"));
        // The number of sets is a power of two, so the low bits choose.
        &self.sets[prefix as usize & (self.sets.len() - 1)]
    }
}

impl Entry {
    /// The digest first: only who holds the signature gets as far as a comparison of texts.
    fn is_of(&self, key: &TokenKey<'_>) -> bool {
        self.signature_sha256 == key.signature_sha256 && *self.signed == *key.signed
    }
}

impl Set {
    fn position(&self, key: &TokenKey<'_>) -> Option<usize> {
        self.places
            .iter()
            .position(|place| place.as_ref().is_some_and(|entry| entry.is_of(key)))
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// An empty place if there is one, else the one used longest ago.
    fn place_to_fill(&self) -> usize {
        let age = |place: &Option<Entry>| place.as_ref().map_or(0, |entry| entry.last_use);
        let places = self.places.iter().enumerate();
        places.min_by_key(|(_, place)| age(place)).map_or(0, |(index, _)| index)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(user: &str, expires_s: u64) -> Claims {
        Claims {
            user: user.into(),
            not_before_s: 1_000,
            expires_s,
        }
    }

    fn token(number: usize) -> String {
        format!("signed.signature-{number}")
    }

    fn key(token: &str) -> TokenKey<'_> {
        TokenKey::of(token).unwrap()
    }

    #[test]
    fn both_what_is_signed_and_the_signature_tell_tokens_apart() {
        let cache = TokenCache::new(64, 30);
        cache.insert(&key("header.ada.signature"), claims("ada", 2_000), 1_500);
        for other in [
            "header.eve.signature",
            "header.ada.signaturf",
            "header.ada.",
            "header.ada.signature.",
        ] {
            assert_eq!(cache.get(&key(other), 1_500), None, "{other}");
        }
        assert!(cache.get(&key("header.ada.signature"), 1_500).is_some());
        assert!(TokenKey::of("no point").is_none());
    }

    #[test]
    fn what_is_signed_is_kept_up_to_its_longest_and_no_further() {
        let token = |signed_bytes| format!("{}.signature", "s".repeat(signed_bytes));
        assert!(TokenKey::of(&token(SIGNED_BYTES_MAX)).is_some());
        assert!(TokenKey::of(&token(SIGNED_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn a_token_is_found_until_it_expires_and_is_then_gone() {
        let cache = TokenCache::new(64, 30);
        let key = key("a token.signature");
        assert_eq!(cache.get(&key, 1_500), None);
        cache.insert(&key, claims("ada", 2_000), 1_500);
        assert_eq!(
            cache.get(&key, 2_030),
            Some(claims("ada", 2_000)),
            "the last second of the leeway"
        );
        assert_eq!(cache.get(&key, 2_031), None);
        assert_eq!(cache.get(&key, 1_500), None, "dropped, not hidden");
        assert_eq!(
            cache.statistics(),
            CacheStatistics {
                hits: 1,
                misses: 3,
                evictions: 0,
                expirations: 1
            }
        );
    }

    #[test]
    fn a_clock_set_back_before_nbf_is_a_miss() {
        let cache = TokenCache::new(64, 30);
        let key = key("a token.signature");
        cache.insert(&key, claims("ada", 2_000), 1_500);
        assert_eq!(cache.get(&key, 969), None);
        assert!(cache.get(&key, 970).is_some());
    }

    #[test]
    fn a_full_set_gives_up_what_was_used_longest_ago() {
        let cache = TokenCache::new(1, 0);
        assert_eq!(cache.sets.len(), 1);
        let tokens: Vec<_> = (0..=WAYS).map(token).collect();
        let keys: Vec<_> = tokens.iter().map(|token| key(token)).collect();
        for key in &keys[..WAYS] {
            cache.insert(key, claims("ada", 2_000), 1_500);
        }
        assert!(cache.get(&keys[0], 1_500).is_some());
        cache.insert(&keys[WAYS], claims("ada", 2_000), 1_500);
        assert!(cache.get(&keys[0], 1_500).is_some());
        assert!(cache.get(&keys[1], 1_500).is_none());
        assert_eq!(cache.statistics().evictions, 1);
    }

    #[test]
    fn expired_entries_make_room_before_valid_ones() {
        let cache = TokenCache::new(1, 0);
        for number in 0..WAYS {
            let expires_s = if number == 3 { 1_600 } else { 9_000 };
            cache.insert(&key(&token(number)), claims("ada", expires_s), 1_500);
        }
        cache.insert(&key("new.signature"), claims("grace", 9_000), 1_700);
        assert_eq!(
            cache.statistics(),
            CacheStatistics {
                hits: 0,
                misses: 0,
                evictions: 0,
                expirations: 1
            }
        );
        assert!(cache.get(&key(&token(0)), 1_700).is_some());
    }

    #[test]
    fn memory_stays_bounded_whatever_enters() {
        let cache = TokenCache::new(16, 0);
        for number in 0..1_000 {
            cache.insert(&key(&token(number)), claims("ada", 2_000), 1_500);
        }
        let held: usize = cache
            .sets
            .iter()
            .map(|set| set.lock().unwrap().places.iter().flatten().count())
            .sum();
        assert_eq!(held, 32);
        assert_eq!(cache.statistics().evictions, 1_000 - 32);
    }
}
