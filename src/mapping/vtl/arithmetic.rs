//! What two values make: arithmetic and comparison as Velocity has them over Java's numbers.

use std::cmp::Ordering;

use super::syntax::Binary;
use super::value::Value;

/// Lists and maps are compared by so many bytes of their text.
const COMPARED: usize = 64 * 1024;

/// Adds numbers, and joins texts: whatever stands beside a text becomes one.
pub(super) fn add(left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Value::Text(_), _) | (_, Value::Text(_)) => {
            let mut text = String::from(&*left.text());
            right.write(&mut text);
            text.into()
        }
        _ => compute(Binary::Add, left, right),
    }
}

/// Computes with two numbers; with anything else, or by zero, there is no result.
pub(super) fn compute(operator: Binary, left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => whole(operator, *left, *right),
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => floating(operator, left, right),
            _ => Value::Null,
        },
    }
}

/// Whole numbers stay whole, and divide as Java's do; one that grows out of 64 bits becomes a floating-point number.
fn whole(operator: Binary, left: i64, right: i64) -> Value {
    let exact = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide if right == 0 => return Value::Null,
        Binary::Divide => left.checked_div(right),
        Binary::Remainder if right == 0 => return Value::Null,
        Binary::Remainder => Some(left.checked_rem(right).unwrap_or(0)),
        _ => return Value::Null,
    };
    exact.map_or_else(|| floating(operator, left as f64, right as f64), Value::Int)
}

fn floating(operator: Binary, left: f64, right: f64) -> Value {
    match operator {
        Binary::Add => Value::Double(left + right),
        Binary::Subtract => Value::Double(left - right),
        Binary::Multiply => Value::Double(left * right),
        Binary::Divide | Binary::Remainder if right == 0.0 => Value::Null,
        Binary::Divide => Value::Double(left / right),
        Binary::Remainder => Value::Double(left % right),
        _ => Value::Null,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

/// The order of two numbers; of anything else there is none.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

/// Numbers are equal by value, what is of one kind by content, and everything else by its text. Nothing and the empty
/// text are equal (data-plane reference, 12.2).
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
            order(left, right) == Some(Ordering::Equal)
        }
        _ if left.is_nothing() || right.is_nothing() => left.is_nothing() && right.is_nothing(),
        _ => left.beginning(COMPARED) == right.beginning(COMPARED),
    }
}
