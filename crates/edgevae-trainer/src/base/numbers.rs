//! Numbers as a reader sees them: grouped thousands, a fixed number of significant digits, percent.

/// A count with grouped thousands: `1,960`.
pub fn count(value: usize) -> String {
    group(&value.to_string())
}

/// A fraction in percent: `0.05` gives `5.0 %`.
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// "`part` of `whole` (percent)"; without the percent when `whole` is 0.
pub fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return format!("{} of 0", count(part));
    }
    format!("{} of {} ({})", count(part), count(whole), percent(part as f64 / whole as f64))
}

/// "1 row", "2 rows".
pub fn plural(value: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A quantity with `digits` significant digits; scientific below 1e-4 and from 1e7 on.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rounding first: 9.9999 with three digits is 10.0, one digit more before the point.
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if !(-4..7).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    group(&format!("{value:.decimals$}"))
}

/// Puts a comma between each three digits before the decimal point.
pub fn group(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest.find('.').map_or((rest, ""), |at| rest.split_at(at));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands_before_the_point_only() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(group("-1234.5678"), "-1,234.5678");
    }

    #[test]
    fn keeps_the_significant_digits_over_the_whole_range() {
        assert_eq!(significant(0.0, 3), "0");
        assert_eq!(significant(9.9999, 3), "10.0");
        assert_eq!(significant(0.00123456, 3), "0.00123");
        assert_eq!(significant(123_456.0, 3), "123,456");
        assert_eq!(significant(1e9, 3), "1.00e9");
        assert_eq!(significant(-2.5e-7, 2), "-2.5e-7");
        assert_eq!(significant(f64::NAN, 3), "not finite");
    }

    #[test]
    fn a_share_of_nothing_has_no_percent() {
        assert_eq!(share(98, 1960), "98 of 1,960 (5.0 %)");
        assert_eq!(share(0, 0), "0 of 0");
        assert_eq!(plural(1, "row"), "1 row");
        assert_eq!(plural(2, "row"), "2 rows");
    }
}
