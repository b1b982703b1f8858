//! Numbers as Java prints them.

use std::fmt::Write;

/// Appends a floating-point number in the form of Java's `Double.toString`: digits from 10^-3 to 10^7, and otherwise
/// `d.dddE±n`; always with a point.
pub(super) fn write_double(out: &mut String, number: f64) {
    let size = number.abs();
    let written = if number.is_nan() {
        out.write_str("NaN")
    } else if number.is_infinite() {
        out.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        write!(out, "{number:?}")
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        write!(out, "{digits}{point}E{exponent}")
    };
    written.expect("a string takes all that is written to it");
}

#[cfg(test)]
mod tests {
    #[test]
    fn doubles_look_like_javas() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (3.5, "3.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (-1.5e300, "-1.5E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut text = String::new();
            super::write_double(&mut text, number);
            assert_eq!(text, expected);
        }
    }
}
