//! Equality of secrets in a time that depends on their lengths alone.
//!
//! Use it wherever one side is secret: keys, tags, one-time codes. Everything else may compare with `==`.

use subtle::ConstantTimeEq;

/// Whether the two are equal.
///
/// The time taken depends on the lengths, never on where the contents differ. Different lengths answer at once: the
/// length of a secret is not kept secret.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn equal_bytes_are_equal_and_any_single_difference_is_seen() {
        let secret = [0xa5_u8; 48];
        assert!(equal(&secret, &secret));
        for position in 0..secret.len() {
            let mut other = secret;
            other[position] ^= 1;
            assert!(!equal(&secret, &other), "difference at byte {position}");
        }
    }

    #[test]
    fn lengths_must_agree_and_empty_equals_empty() {
        assert!(equal(b"", b""));
        assert!(!equal(b"", b"a"));
        assert!(!equal(b"abc", b"abcd"));
    }
}
