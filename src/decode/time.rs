//! Moments of a capture, as text in UTC.
//!
//! How: the seconds are formatted once and kept, because neighbouring records share them.
//! References: RFC 3339.

use std::fmt::Write as _;

use capture::Timestamp;

/// Writes moments as RFC 3339 with a fraction of six digits, or nine when they say more.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: Option<(u64, String)>,
}

impl Clock {
    /// Appends `2019-01-01T00:00:00.000000Z`.
    pub(crate) fn write(&mut self, time: Timestamp, out: &mut String) {
        if self.second.as_ref().is_none_or(|(secs, _)| *secs != time.secs) {
            // Out of jiff's range is a broken clock in the capture: shown as the number it is.
            let known = i64::try_from(time.secs).ok().map(jiff::Timestamp::from_second);
            let text = match known {
                Some(Ok(t)) => t.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                _ => format!("@{}", time.secs),
            };
            self.second = Some((time.secs, text));
        }
        if let Some((_, text)) = &self.second {
            out.push_str(text);
        }
        // Writing to a String cannot fail.
        let _ = if time.nanos.is_multiple_of(1000) {
            write!(out, ".{:06}Z", time.nanos / 1000)
        } else {
            write!(out, ".{:09}Z", time.nanos)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(clock: &mut Clock, secs: u64, nanos: u32) -> String {
        let mut out = String::new();
        clock.write(Timestamp { secs, nanos }, &mut out);
        out
    }

    #[test]
    fn rfc_3339_in_utc() {
        let mut clock = Clock::default();
        assert_eq!(text(&mut clock, 0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(&mut clock, 1_546_300_800, 5_000), "2019-01-01T00:00:00.000005Z");
        assert_eq!(text(&mut clock, 1_546_300_800, 1), "2019-01-01T00:00:00.000000001Z");
        assert_eq!(text(&mut clock, u64::MAX, 0), format!("@{}.000000Z", u64::MAX));
    }
}
