//! Figures with units, as people read and write them. Rounding happens here and nowhere else.

use voiceflow_record::Throughput;

/// Three significant digits and a unit: `1.23 ms`.
pub(crate) fn duration(nanoseconds: f64) -> String {
    let (scale, unit) = match nanoseconds {
        ns if ns < 1e3 => (1.0, "ns"),
        ns if ns < 1e6 => (1e3, "µs"),
        ns if ns < 1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{} {unit}", three_digits(nanoseconds / scale))
}

/// What a call does, by the time it takes.
pub(crate) fn rate(throughput: Throughput, nanoseconds: f64) -> String {
    let seconds = nanoseconds / 1e9;
    match throughput {
        Throughput::Bytes(bytes) => format!("{}B/s", scaled(bytes as f64 / seconds)),
        Throughput::Elements(elements) => format!("{}/s", scaled(elements as f64 / seconds)),
        Throughput::AudioSeconds(audio) => format!("{} × real time", three_digits(audio / seconds)),
    }
}

/// A whole number with thin groups: `1 234 567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A signed percentage: `+1.23 %`.
pub(crate) fn percent(ratio_minus_one: f64) -> String {
    format!("{:+.2} %", ratio_minus_one * 100.0)
}

/// Reads `500 ms` as nanoseconds, `64 KiB` as bytes, and a bare number as itself.
pub(crate) fn parse_quantity(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "" | "ns" | "B" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

fn scaled(value: f64) -> String {
    let (scale, prefix) = match value {
        v if v < 1e3 => (1.0, ""),
        v if v < 1e6 => (1e3, "k"),
        v if v < 1e9 => (1e6, "M"),
        _ => (1e9, "G"),
    };
    format!("{} {prefix}", three_digits(value / scale))
}

fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let cases = [
            (0.5, "0.50 ns"),
            (12.34, "12.3 ns"),
            (999.6, "1000 ns"),
            (1234.0, "1.23 µs"),
            (5e8, "500 ms"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(duration(nanoseconds), text);
        }
        assert_eq!(duration(2.5e9), "2.50 s");
    }

    #[test]
    fn rates_say_what_a_second_does() {
        assert_eq!(rate(Throughput::Bytes(16_384), 8192.0), "2.00 GB/s");
        assert_eq!(rate(Throughput::Elements(50), 1e9), "50.0 /s");
        assert_eq!(rate(Throughput::AudioSeconds(3.0), 0.3e9), "10.0 × real time");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(parse_quantity("500 ms"), Some(5e8));
        assert_eq!(parse_quantity("10µs"), Some(1e4));
        assert_eq!(parse_quantity("64 KiB"), Some(65_536.0));
        assert_eq!(parse_quantity("1200"), Some(1200.0));
        assert_eq!(parse_quantity("5 parsecs"), None);
        assert_eq!(parse_quantity("fast"), None);
    }
}
