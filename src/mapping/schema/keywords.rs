//! What the keywords ask of a value that look neither at other schemas nor for patterns.

use std::cmp::Ordering;

use serde_json::Number;

use super::node::{Bound, Keyword, Type};
use super::value::Value;
use super::words::{Names, Report};
use crate::mapping::document::Shape;

/// Checks a value with a keyword that needs nothing else. Each applies to values of one type, but for two.
pub(super) fn check(keyword: &Keyword, value: &Value<'_>, report: &mut Report) {
    let size = value.part.size();
    match (keyword, &value.shape) {
        (Keyword::NoOtherItems(listed), Shape::Array) if size > *listed => {
            report
                .wrong(format_args!("schema only allows {listed} elements in array but instance has {size} elements"));
        }
        (Keyword::Enum(values, rule), _) if !rule.allows(&value.json()) => {
            let value = value.json();
            report.wrong(format_args!("instance value ({value}) not found in enum (possible values: {values})"));
        }
        (Keyword::MaxItems(most), Shape::Array) if size as u64 > *most => {
            report.wrong(format_args!(
                "array is too long: must have at most {most} elements but instance has {size} elements"
            ));
        }
        (Keyword::MinItems(least), Shape::Array) if (size as u64) < *least => {
            report.wrong(format_args!(
                "array is too short: must have at least {least} elements but instance has {size} elements"
            ));
        }
        (Keyword::MaxLength(most), Shape::Text(text)) => {
            let length = text.chars().count();
            if length as u64 > *most {
                report.wrong(format_args!("string \"{text}\" is too long (length: {length}, maximum allowed: {most})"));
            }
        }
        (Keyword::MinLength(least), Shape::Text(text)) => {
            let length = text.chars().count();
            if (length as u64) < *least {
                report.wrong(format_args!(
                    "string \"{text}\" is too short (length: {length}, required minimum: {least})"
                ));
            }
        }
        (Keyword::MaxProperties(most), Shape::Object) if size as u64 > *most => {
            report.wrong(format_args!(
                "object has too many properties (found {size} but schema requires at most {most})"
            ));
        }
        (Keyword::MinProperties(least), Shape::Object) if (size as u64) < *least => {
            report.wrong(format_args!(
                "object has too few properties (found {size} but schema requires at least {least})"
            ));
        }
        (Keyword::Maximum(Bound { limit, exclusive }), Shape::Number(number)) => match compare(number, limit) {
            Ordering::Greater => report.wrong(format_args!(
                "numeric instance is greater than the required maximum (maximum: {limit}, found: {number})"
            )),
            Ordering::Equal if *exclusive => {
                report.wrong(format_args!("numeric instance is not strictly lower than the required maximum {limit}"));
            }
            Ordering::Equal | Ordering::Less => {}
        },
        (Keyword::Minimum(Bound { limit, exclusive }), Shape::Number(number)) => match compare(number, limit) {
            Ordering::Less => report.wrong(format_args!(
                "numeric instance is lower than the required minimum (minimum: {limit}, found: {number})"
            )),
            Ordering::Equal if *exclusive => {
                report
                    .wrong(format_args!("numeric instance is not strictly greater than the required minimum {limit}"));
            }
            Ordering::Equal | Ordering::Greater => {}
        },
        (Keyword::MultipleOf(divisor, rule), Shape::Number(number)) if !rule.allows(&value.json()) => {
            report.wrong(format_args!("remainder of division is not zero ({number} / {divisor})"));
        }
        (Keyword::Required(names), Shape::Object) => {
            let missing = value.missing(names);
            if !missing.is_empty() {
                let missing = Names(&missing);
                report.wrong(format_args!("object has missing required properties ({missing})"));
            }
        }
        (Keyword::Type(types), shape) if !types.contain(Type::of(shape)) => {
            let (found, names) = (Type::of(shape).name(), types.names());
            let allowed = Names(&names);
            report.wrong(format_args!(
                "instance type ({found}) does not match any allowed primitive type (allowed: {allowed})"
            ));
        }
        (Keyword::UniqueItems(rule), Shape::Array) if !rule.allows(&value.json()) => {
            report.wrong(format_args!("array must not contain duplicate elements"));
        }
        (Keyword::Format(format), Shape::Text(text)) => format.check(text, report),
        _ => {}
    }
}

/// Whole numbers are compared exactly, others as far as a double goes.
fn compare(one: &Number, other: &Number) -> Ordering {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
    }
}
