//! Figures as people read them.

/// A span of time in microseconds, with the two largest units that matter: `840 µs`, `12.4 ms`, `3.2 s`, `4 min 12 s`.
#[must_use]
pub fn duration_us(us: u64) -> String {
    let (ms, s) = (us as f64 / 1e3, us as f64 / 1e6);
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{ms:.1} ms"),
        10_000..999_500 => format!("{ms:.0} ms"),
        999_500..59_950_000 => format!("{s:.1} s"),
        _ => long(us.div_ceil(1_000_000)),
    }
}

/// A span of time in seconds, as the API sends durations.
#[must_use]
pub fn duration_s(seconds: f64) -> String {
    duration_us((seconds.max(0.0) * 1e6).round() as u64)
}

fn long(seconds: u64) -> String {
    let pair = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
    };
    match seconds {
        0..3_600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// How far a moment lies from now, in words: `in 3 min`, `2 h ago`, `now`.
#[must_use]
pub fn relative(millis_from_now: i64) -> String {
    let seconds = millis_from_now.unsigned_abs() / 1_000;
    let text = match seconds {
        0..5 => return if millis_from_now > 999 { "in a moment".to_owned() } else { "just now".to_owned() },
        5..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..36_000 if seconds % 3_600 >= 60 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400..172_800 if seconds % 86_400 >= 3_600 => format!("1 d {} h", seconds % 86_400 / 3_600),
        _ => format!("{} d", seconds / 86_400),
    };
    if millis_from_now > 0 { format!("in {text}") } else { format!("{text} ago") }
}

/// A number of bytes with a binary unit: `812 B`, `1.4 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 1_023.95 && unit < UNITS.len() - 1 {
        value /= 1_024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A large count, shortened: `950`, `12.4 k`, `3.1 M`, `20 G`.
#[must_use]
pub fn count(n: u64) -> String {
    let (value, unit) = match n {
        0..1_000 => return n.to_string(),
        1_000..1_000_000 => (n as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (n as f64 / 1e6, "M"),
        1_000_000_000..1_000_000_000_000 => (n as f64 / 1e9, "G"),
        _ => (n as f64 / 1e12, "T"),
    };
    if value < 100.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A count with its digits in groups of three, set apart by thin spaces: `1 234 567`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_figures_that_matter() {
        for (us, text) in [
            (0, "0 µs"),
            (840, "840 µs"),
            (1_240, "1.2 ms"),
            (12_400, "12 ms"),
            (999_499, "999 ms"),
            (999_600, "1.0 s"),
            (3_210_000, "3.2 s"),
            (59_940_000, "59.9 s"),
            (59_990_000, "1 min"),
            (252_000_000, "4 min 12 s"),
            (7_260_000_000, "2 h 1 min"),
            (90_000_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration_us(us), text, "{us} µs");
        }
        assert_eq!(duration_s(-1.0), "0 µs");
    }

    #[test]
    fn moments_are_told_from_now() {
        assert_eq!(relative(0), "just now");
        assert_eq!(relative(2_000), "in a moment");
        assert_eq!(relative(-42_000), "42 s ago");
        assert_eq!(relative(180_000), "in 3 min");
        assert_eq!(relative(-2 * 3_600_000), "2 h ago");
        assert_eq!(relative(3 * 3_600_000 + 20 * 60_000), "in 3 h 20 min");
        assert_eq!(relative(-86_400_000 * 3), "3 d ago");
    }

    #[test]
    fn sizes_never_show_a_thousand_of_a_unit() {
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_024), "1.0 KiB");
        assert_eq!(bytes(1_048_575), "1.0 MiB");
        assert_eq!(bytes(300 << 20), "300 MiB");
        assert_eq!(count(20_000_000_000), "20.0 G");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(plural(1, "run", "runs"), "1 run");
    }
}
