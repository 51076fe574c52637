//! Times as text, and what a clock shows at them.

use edgevae_core::format::input::Clock;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::csv::cell;

/// Dates beside ISO 8601; none in which day and month could be taken for each other.
const DATES: [&str; 2] = ["%Y/%m/%d", "%d.%m.%Y"];

/// As [`DATES`], with a time of day.
const FORMATS: [&str; 6] = [
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
];

/// Seconds since 1970 of the instant of a time: ISO 8601 with or without offset (without one it is taken for UTC),
/// `2024/01/31 12:00`, `31.01.2024 12:00`, or a number, whatever its unit.
pub fn seconds(text: &[u8]) -> Option<f64> {
    let text = str::from_utf8(text.trim_ascii()).ok()?;
    if let Ok(number) = fast_float2::parse::<f64, _>(text) {
        return number.is_finite().then_some(number);
    }
    // With an offset it is an instant, whatever the clock on the wall showed: clocks go back once a year.
    let instant = text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond);
    instant.or_else(|| written(text).map(utc)).map(|nanoseconds| nanoseconds as f64 / 1e9)
}

/// Whether the cell is a time and no number.
pub fn is_written(text: &[u8]) -> bool {
    cell::number(text).is_err() && str::from_utf8(text.trim_ascii()).is_ok_and(|text| written(text).is_some())
}

/// What a clock shows at a time, seconds; the clock goes by the offset that is written. [`Clock::Value`] shows the number.
pub fn shown_by(clock: Clock, text: &[u8]) -> Option<f32> {
    if matches!(clock, Clock::Value | Clock::Signed | Clock::Turns) {
        return cell::number(text).ok();
    }
    let text = str::from_utf8(text.trim_ascii()).ok()?;
    let time = match fast_float2::parse::<f64, _>(text) {
        Ok(seconds) => TimeZone::UTC.to_datetime(Timestamp::from_second(seconds.floor() as i64).ok()?),
        Err(_) => written(text)?,
    };
    let clock_time = time.time();
    let of_day = f64::from(clock_time.hour()) * 3600.0
        + f64::from(clock_time.minute()) * 60.0
        + f64::from(clock_time.second())
        + f64::from(clock_time.subsec_nanosecond()) / 1e9;
    let days = match clock {
        Clock::Week => f64::from(time.date().weekday().to_monday_zero_offset()),
        Clock::Year => f64::from(time.date().day_of_year()) - 1.0,
        Clock::Day | Clock::Value | Clock::Signed | Clock::Turns => 0.0,
    };
    Some((86_400.0 * days + of_day) as f32)
}

/// Seconds of a clock's period.
pub fn period(clock: Clock) -> f32 {
    match clock {
        Clock::Day | Clock::Value | Clock::Signed | Clock::Turns => 86_400.0,
        Clock::Week => 604_800.0,
        Clock::Year => 31_557_600.0,
    }
}

/// The civil time that is written.
fn written(text: &str) -> Option<DateTime> {
    if let Ok(time) = text.parse::<DateTime>() {
        return Some(time);
    }
    if text.parse::<Timestamp>().is_ok() {
        // What the clock on the wall showed, whatever its offset.
        let civil = text.rfind(['Z', 'z', '+', '-']).and_then(|at| text.get(..at)).unwrap_or(text);
        return civil.trim_end().parse().ok();
    }
    let date = || DATES.iter().find_map(|format| Date::strptime(format, text).ok());
    let time = FORMATS.iter().find_map(|format| DateTime::strptime(format, text).ok());
    time.or_else(|| date().map(|date| date.to_datetime(Time::midnight())))
}

/// Nanoseconds since 1970 as if the time were UTC.
fn utc(time: DateTime) -> i128 {
    time.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_of_one_time_are_equal() {
        let noon = 1_706_702_400.0;
        for text in [
            "2024-01-31T12:00:00Z",
            "2024-01-31 12:00:00",
            "2024-01-31 12:00",
            "2024-01-31T12:00:00.000",
            "31.01.2024 12:00",
            "2024/01/31 12:00:00",
            "1706702400",
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(noon), "{text}");
        }
        for text in ["2024-01-31T13:00:00+01:00", "2024-01-31T06:30:00-05:30", "2024-01-31 12:00:00+00:00"] {
            assert_eq!(seconds(text.as_bytes()), Some(noon), "{text}: the instant, not the clock on the wall");
        }
        assert_eq!(seconds(b"2024-01-31"), Some(noon - 43_200.0));
        for text in ["", "noon", "01/31/2024 12:00", "2024-13-01", "12:00"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
        assert!(is_written(b"2024-01-31") && !is_written(b"1706702400") && !is_written(b"run"));
    }

    #[test]
    fn clocks_show_day_week_and_year() {
        let at = |clock, text: &str| shown_by(clock, text.as_bytes());
        // A Wednesday.
        assert_eq!(at(Clock::Day, "2024-01-31T06:00:30Z"), Some(21_630.0));
        assert_eq!(at(Clock::Day, "2024-01-31T06:00:30+02:00"), Some(21_630.0), "the clock on the wall");
        assert_eq!(at(Clock::Week, "2024-01-31 00:00:01"), Some(172_801.0));
        assert_eq!(at(Clock::Year, "2024-02-01"), Some(31.0 * 86_400.0));
        assert_eq!(at(Clock::Day, "1706702400"), Some(43_200.0));
        assert_eq!(at(Clock::Value, "270.5"), Some(270.5));
        assert_eq!(at(Clock::Day, "soon"), None);
    }
}
