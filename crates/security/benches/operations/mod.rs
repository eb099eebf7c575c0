//! The security operations, declared once for every instrument.
//!
//! ring's bulk kernels (VAES, SHA-NI) are hidden from valgrind, so whatever calls them is timed and not counted. The
//! validation of requests is pure and counted. Inputs rotate over 1,024 variants where a branch predictor could learn
//! one by heart. Variants named `openssl` do the same work by the OpenSSL that SQLCipher is built with, in the same run.

mod baseline;
mod derive;
mod limits;
mod seals;
mod tokens;
mod validation;

use voiceflow_kit::{Operation, Throughput};

/// Variants of an input that take turns.
const VARIANTS: usize = 1024;

voiceflow_kit::operations! {
    counted {
        validate_start_ok: Operation::new("security/validate/start-ok",
            "How long does validating a well-formed start message take?")
            .prepare(validation::start_ok),
        validate_start_bad: Operation::new("security/validate/start-bad",
            "How long does refusing a start message with one broken rule take, errors included?")
            .prepare(validation::start_bad),
        validate_message_ok: Operation::new("security/validate/message-ok",
            "How long does reading a start message from JSON and validating it take?")
            .prepare(validation::message_ok),
        validate_64kib_text: Operation::new("security/validate/64kib-text",
            "How long does refusing 64 KiB of JSON by its size take?")
            .throughput(Throughput::Bytes(64 * 1024))
            .prepare(validation::text_64kib),
        validate_search_64kib: Operation::new("security/validate/search-64kib",
            "How long does refusing a search of 64 KiB that is in memory already take?")
            .prepare(validation::search_64kib),
        validate_search_longest: Operation::new("security/validate/search-longest",
            "How long does validating a search of the longest allowed query take?")
            .prepare(validation::search_longest),
    }
    timed {
        seal_aes256gcm_16kib: Operation::new("security/seal/aes256gcm-16kib",
            "How long does sealing 16 KiB with AES-256-GCM in place take, nonce included?")
            .throughput(Throughput::Bytes(16 * 1024))
            .allocations()
            .prepare(seals::seal_aes256gcm_16kib),
        seal_chacha20poly1305_16kib: Operation::new("security/seal/chacha20poly1305-16kib",
            "How long does sealing 16 KiB with ChaCha20-Poly1305 in place take, nonce included?")
            .throughput(Throughput::Bytes(16 * 1024))
            .allocations()
            .prepare(seals::seal_chacha20poly1305_16kib),
        seal_aes256gcm_64b: Operation::new("security/seal/aes256gcm-64b",
            "How long does sealing 64 bytes with AES-256-GCM into a new envelope take?")
            .throughput(Throughput::Bytes(64))
            .allocations()
            .prepare(seals::seal_aes256gcm_64b),
        open_aes256gcm_16kib: Operation::new("security/open/aes256gcm-16kib",
            "How long does opening 16 KiB of AES-256-GCM in place take?")
            .throughput(Throughput::Bytes(16 * 1024))
            .allocations()
            .prepare(seals::open_aes256gcm_16kib),
        open_aes256gcm_bad_tag: Operation::new("security/open/aes256gcm-bad-tag",
            "How long does refusing 16 KiB of AES-256-GCM with a changed tag take?")
            .throughput(Throughput::Bytes(16 * 1024))
            .allocations()
            .prepare(seals::open_aes256gcm_bad_tag),
        open_aes256gcm_other_salt: Operation::new("security/open/aes256gcm-other-salt",
            "How long does opening 64 bytes from a sealer never met before take, key derivation included?")
            .prepare(seals::open_aes256gcm_other_salt),
        token_verify_hs256: Operation::new("security/token-verify/hs256",
            "How long does verifying an HS256 token not seen before take, over 1,024 tokens?")
            .allocations()
            .prepare(tokens::hs256),
        token_verify_ed25519: Operation::new("security/token-verify/ed25519",
            "How long does verifying an Ed25519 token not seen before take, over 1,024 tokens?")
            .allocations()
            .prepare(tokens::ed25519),
        token_verify_hs256_cached: Operation::new("security/token-verify/hs256-cached",
            "How long does verifying an HS256 token again take, out of 1,024 in the cache?")
            .allocations()
            .prepare(tokens::hs256_cached),
        token_reject_bad_signature: Operation::new("security/token-reject/bad-signature",
            "How long does refusing an HS256 token with a changed signature take?")
            .allocations()
            .prepare(tokens::bad_signature),
        token_reject_oversize: Operation::new("security/token-reject/oversize",
            "How long does refusing a token of 64 KiB take?")
            .allocations()
            .prepare(tokens::oversize),
        token_issue_hs256: Operation::new("security/token-issue/hs256",
            "How long does signing an HS256 token take?")
            .allocations()
            .prepare(tokens::issue),
        seal_aes256gcm_1kib: Operation::new("security/seal/aes256gcm-1kib",
            "How long does sealing 1 KiB with AES-256-GCM in place take, nonce included?")
            .throughput(Throughput::Bytes(1024))
            .allocations()
            .prepare(seals::seal_aes256gcm_1kib),
        seal_aes256gcm_1mib: Operation::new("security/seal/aes256gcm-1mib",
            "How long does sealing 1 MiB with AES-256-GCM in place take, nonce included?")
            .throughput(Throughput::Bytes(1024 * 1024))
            .allocations()
            .prepare(seals::seal_aes256gcm_1mib),
        seal_openssl_evp_16kib: Operation::new("security/seal/openssl-evp-16kib",
            "How long does sealing 16 KiB with AES-256-GCM in place take by OpenSSL's EVP, nonce included?")
            .throughput(Throughput::Bytes(16 * 1024))
            .prepare(baseline::seal_openssl_evp_16kib),
        seal_chacha20poly1305_64b: Operation::new("security/seal/chacha20poly1305-64b",
            "How long does sealing 64 bytes with ChaCha20-Poly1305 in place take, nonce included?")
            .throughput(Throughput::Bytes(64))
            .allocations()
            .prepare(seals::seal_chacha20poly1305_64b),
        seal_chacha20poly1305_1kib: Operation::new("security/seal/chacha20poly1305-1kib",
            "How long does sealing 1 KiB with ChaCha20-Poly1305 in place take, nonce included?")
            .throughput(Throughput::Bytes(1024))
            .allocations()
            .prepare(seals::seal_chacha20poly1305_1kib),
        seal_chacha20poly1305_1mib: Operation::new("security/seal/chacha20poly1305-1mib",
            "How long does sealing 1 MiB with ChaCha20-Poly1305 in place take, nonce included?")
            .throughput(Throughput::Bytes(1024 * 1024))
            .allocations()
            .prepare(seals::seal_chacha20poly1305_1mib),
        open_aes256gcm_64b: Operation::new("security/open/aes256gcm-64b",
            "How long does opening 64 bytes of AES-256-GCM in place take?")
            .throughput(Throughput::Bytes(64))
            .allocations()
            .prepare(seals::open_aes256gcm_64b),
        open_aes256gcm_1kib: Operation::new("security/open/aes256gcm-1kib",
            "How long does opening 1 KiB of AES-256-GCM in place take?")
            .throughput(Throughput::Bytes(1024))
            .allocations()
            .prepare(seals::open_aes256gcm_1kib),
        open_aes256gcm_1mib: Operation::new("security/open/aes256gcm-1mib",
            "How long does opening 1 MiB of AES-256-GCM in place take?")
            .throughput(Throughput::Bytes(1024 * 1024))
            .allocations()
            .prepare(seals::open_aes256gcm_1mib),
        open_chacha20poly1305_16kib: Operation::new("security/open/chacha20poly1305-16kib",
            "How long does opening 16 KiB of ChaCha20-Poly1305 in place take?")
            .throughput(Throughput::Bytes(16 * 1024))
            .allocations()
            .prepare(seals::open_chacha20poly1305_16kib),
        key_init_aes256gcm: Operation::new("security/key-init/aes256gcm",
            "How long does making a sealer take, random salt, key derivation and key schedule included?")
            .prepare(seals::key_init),
        token_verify_hs256_foreign_header: Operation::new("security/token-verify/hs256-foreign-header",
            "How long does verifying an HS256 token take whose header is not of our own form, over 1,024 tokens?")
            .allocations()
            .prepare(tokens::hs256_foreign_header),
        token_verify_hmac_floor: Operation::new("security/token-verify/hmac-floor",
            "How long does the least of an HS256 verification take, one HMAC over what is signed, over 1,024 tokens?")
            .allocations()
            .prepare(baseline::hmac_of_a_token),
        token_reject_expired: Operation::new("security/token-reject/expired",
            "How long does refusing an expired HS256 token take?")
            .allocations()
            .prepare(tokens::expired),
        token_reject_wrong_algorithm: Operation::new("security/token-reject/wrong-algorithm",
            "How long does refusing an Ed25519 token where HS256 is asked for take?")
            .allocations()
            .prepare(tokens::wrong_algorithm),
        token_reject_wrong_audience: Operation::new("security/token-reject/wrong-audience",
            "How long does refusing a rightly signed HS256 token for another service take?")
            .allocations()
            .prepare(tokens::wrong_audience),
        signature_verify_es256: Operation::new("security/signature-verify/es256",
            "How long does ring take for the signature of an ES256 token, an algorithm that no token here has?")
            .prepare(baseline::es256),
        signature_verify_rs256: Operation::new("security/signature-verify/rs256",
            "How long does ring take for the signature of an RS256 token of 2,048 bits, which no token here has?")
            .prepare(baseline::rs256),
        rate_limit_refuse: Operation::new("security/rate-limit/refuse",
            "How long does refusing a request of one of 1,024 users who are over the limit take?")
            .allocations()
            .prepare(limits::refuse),
        rate_limit_check: Operation::new("security/rate-limit/check",
            "How long does letting a request of one of 1,024 users through take?")
            .allocations()
            .prepare(limits::check),
        key_derivation_pbkdf2_600k: Operation::new("security/key-derivation/pbkdf2-600k",
            "How long does stretching a passphrase with 600,000 rounds of PBKDF2-HMAC-SHA256 take?")
            .throughput(Throughput::Elements(600_000))
            .calls(20)
            .prepare(derive::pbkdf2_600k),
        key_derivation_hkdf: Operation::new("security/key-derivation/hkdf",
            "How long does deriving one sub-key with HKDF-SHA256 take?")
            .prepare(derive::hkdf),
    }
}

/// Goes round the variants: each call takes the next.
struct Rotation<T> {
    variants: Vec<T>,
    next: usize,
}

impl<T> Rotation<T> {
    fn new(make: impl FnMut(usize) -> T) -> Self {
        Self {
            variants: (0..VARIANTS).map(make).collect(),
            next: 0,
        }
    }

    fn advance(&mut self) -> &T {
        self.next = (self.next + 1) % self.variants.len();
        &self.variants[self.next]
    }
}
