//! What the keywords ask of a value that look neither at other schemas nor for patterns.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::node::{Bound, Keyword, type_of};
use super::words::{Names, Report};

/// Checks a value with a keyword that needs nothing else. Each applies to values of one type, but for two.
pub(super) fn check(keyword: &Keyword, value: &Value, report: &mut Report) {
    match (keyword, value) {
        (Keyword::NoOtherItems(listed), Value::Array(items)) if items.len() > *listed => {
            let found = items.len();
            report
                .wrong(format_args!("schema only allows {listed} elements in array but instance has {found} elements"));
        }
        (Keyword::Enum(values, rule), value) if !rule.allows(value) => {
            report.wrong(format_args!("instance value ({value}) not found in enum (possible values: {values})"));
        }
        (Keyword::MaxItems(most), Value::Array(items)) if items.len() as u64 > *most => {
            let found = items.len();
            report.wrong(format_args!(
                "array is too long: must have at most {most} elements but instance has {found} elements"
            ));
        }
        (Keyword::MinItems(least), Value::Array(items)) if (items.len() as u64) < *least => {
            let found = items.len();
            report.wrong(format_args!(
                "array is too short: must have at least {least} elements but instance has {found} elements"
            ));
        }
        (Keyword::MaxLength(most), Value::String(text)) => {
            let length = text.chars().count();
            if length as u64 > *most {
                report.wrong(format_args!("string \"{text}\" is too long (length: {length}, maximum allowed: {most})"));
            }
        }
        (Keyword::MinLength(least), Value::String(text)) => {
            let length = text.chars().count();
            if (length as u64) < *least {
                report.wrong(format_args!(
                    "string \"{text}\" is too short (length: {length}, required minimum: {least})"
                ));
            }
        }
        (Keyword::MaxProperties(most), Value::Object(members)) if members.len() as u64 > *most => {
            let found = members.len();
            report.wrong(format_args!(
                "object has too many properties (found {found} but schema requires at most {most})"
            ));
        }
        (Keyword::MinProperties(least), Value::Object(members)) if (members.len() as u64) < *least => {
            let found = members.len();
            report.wrong(format_args!(
                "object has too few properties (found {found} but schema requires at least {least})"
            ));
        }
        (Keyword::Maximum(Bound { limit, exclusive }), Value::Number(number)) => match compare(number, limit) {
            Ordering::Greater => report.wrong(format_args!(
                "numeric instance is greater than the required maximum (maximum: {limit}, found: {number})"
            )),
            Ordering::Equal if *exclusive => {
                report.wrong(format_args!("numeric instance is not strictly lower than the required maximum {limit}"));
            }
            Ordering::Equal | Ordering::Less => {}
        },
        (Keyword::Minimum(Bound { limit, exclusive }), Value::Number(number)) => match compare(number, limit) {
            Ordering::Less => report.wrong(format_args!(
                "numeric instance is lower than the required minimum (minimum: {limit}, found: {number})"
            )),
            Ordering::Equal if *exclusive => {
                report
                    .wrong(format_args!("numeric instance is not strictly greater than the required minimum {limit}"));
            }
            Ordering::Equal | Ordering::Greater => {}
        },
        (Keyword::MultipleOf(divisor, rule), Value::Number(number)) if !rule.allows(value) => {
            report.wrong(format_args!("remainder of division is not zero ({number} / {divisor})"));
        }
        (Keyword::Required(names), Value::Object(members)) => {
            let missing = missing(names, members);
            if !missing.is_empty() {
                let missing = Names(&missing);
                report.wrong(format_args!("object has missing required properties ({missing})"));
            }
        }
        (Keyword::Type(types), value) if !types.contain(type_of(value)) => {
            let (found, names) = (type_of(value), types.names());
            let allowed = Names(&names);
            report.wrong(format_args!(
                "instance type ({found}) does not match any allowed primitive type (allowed: {allowed})"
            ));
        }
        (Keyword::UniqueItems(rule), Value::Array(_)) if !rule.allows(value) => {
            report.wrong(format_args!("array must not contain duplicate elements"));
        }
        (Keyword::Format(format), Value::String(text)) => format.check(text, value, report),
        _ => {}
    }
}

/// The names that an object lacks.
pub(super) fn missing<'n>(names: &'n [String], members: &Map<String, Value>) -> Vec<&'n str> {
    names.iter().map(String::as_str).filter(|name| !members.contains_key(*name)).collect()
}

/// Whole numbers are compared exactly, others as far as a double goes.
fn compare(one: &Number, other: &Number) -> Ordering {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
    }
}
