//! Values with bounds. Each bound is part of the type of its key, so that a value out of it is an error at its place.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use voiceflow_asr::{AUDIO_CTX_FULL, AudioContext};

/// A whole number from `MIN` to `MAX`.
pub(super) fn between<'de, const MIN: u64, const MAX: u64, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    let refused = || D::Error::custom(format!("the value must be a whole number from {MIN} to {MAX}"));
    let number: i64 = serde::Deserialize::deserialize(deserializer)?;
    let number = u64::try_from(number)
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
        .ok_or_else(refused)?;
    N::try_from(number).map_err(|_| refused())
}

/// A duration from `MIN_MS` to `MAX_MS` milliseconds: a number of seconds, or text with a unit such as `"500ms"`.
pub(super) fn duration<'de, const MIN_MS: u64, const MAX_MS: u64, D>(deserializer: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let duration = deserializer.deserialize_any(DurationVisitor)?;
    let (min, max) = (Duration::from_millis(MIN_MS), Duration::from_millis(MAX_MS));
    if (min..=max).contains(&duration) {
        Ok(duration)
    } else {
        Err(D::Error::custom(format!(
            "the value must be a duration from {min:?} to {max:?}"
        )))
    }
}

/// `"fit"`, `"full"`, or a number of positions.
pub(super) fn audio_context<'de, D>(deserializer: D) -> Result<AudioContext, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(AudioContextVisitor)
}

struct AudioContextVisitor;

impl Visitor<'_> for AudioContextVisitor {
    type Value = AudioContext;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "\"fit\", \"full\", or a whole number from 1 to {AUDIO_CTX_FULL}"
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AudioContext, E> {
        match text {
            "fit" => Ok(AudioContext::default()),
            "full" => Ok(AudioContext::Full),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_i64<E: Error>(self, positions: i64) -> Result<AudioContext, E> {
        u32::try_from(positions)
            .ok()
            .filter(|positions| (1..=AUDIO_CTX_FULL).contains(positions))
            .map(AudioContext::Fixed)
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(positions), &self))
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of seconds, or text such as \"500ms\", \"30s\", \"10m\", \"1h\" or \"7d\"")
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        u64::try_from(seconds)
            .map(Duration::from_secs)
            .map_err(|_| E::custom("a duration is not negative"))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds).map_err(|_| E::custom("a duration is a finite number, not negative"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_digits_and_a_known_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(7 * 24 * 60 * 60)));
        for text in [
            "",
            "5",
            "ms",
            "5 s",
            "-5s",
            "5sec",
            "1.5s",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
