//! Durations as Kubernetes and CEL write them: `90s`, `1m30s`, `500ms`.
//!
//! **For**: timers in the router shape. **Sits**: below the rules and the compiler.
//! **How it works**: numbers with units, largest magnitude 24 h x 10^6, no sign.
//! **References**: Go `time.ParseDuration`, which CEL's `duration()` follows.

use std::time::Duration;

/// `None` when the text is not a duration, or negative.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let cases = [
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1.5m", 90_000),
            ("500ms", 500),
            ("0", 0),
            ("0s", 0),
            ("1h", 3_600_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "90", "s", "-1s", "1 s", "1x", "1s1", "..s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
