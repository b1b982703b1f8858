//! What clients did and saw, and whether one register per key could have behaved so.
//!
//! The check is Wing and Gong's, with Lowe's memory of what was tried: look for an order of the operations in which each
//! lies between its call and its return and sees what the ones before it did.

use std::collections::HashSet;

/// A register's content; every write writes another one.
pub(super) type Value = Option<u64>;

/// What was asked of a register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    Read,
    Write(Value),
    /// Write the second if the first is there.
    Swap(Value, Value),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Got {
    Read(Value),
    /// It was made.
    Done,
    /// It was not made, as something else was there.
    Refused,
    /// It may have been made, or be made later.
    Unknown,
}

/// One operation. Times are places in the order of all calls and returns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) asked: Asked,
    pub(super) got: Got,
    pub(super) called: u64,
    pub(super) returned: u64,
}

/// Whether there is an order that explains all operations of one register, which is empty at first.
pub(super) fn is_linearizable(operations: &[Operation]) -> bool {
    // Reads without a result say nothing.
    let mut operations: Vec<Operation> =
        operations.iter().copied().filter(|one| one.asked != Asked::Read || one.got != Got::Unknown).collect();
    operations.sort_by_key(|one| one.called);
    for one in &mut operations {
        if one.got == Got::Unknown {
            one.returned = u64::MAX;
        }
    }
    let mut tried = HashSet::new();
    search(&operations, &mut vec![false; operations.len()], None, &mut tried)
}

fn search(
    operations: &[Operation],
    taken: &mut Vec<bool>,
    value: Value,
    tried: &mut HashSet<(Vec<bool>, Value)>,
) -> bool {
    let left = || operations.iter().zip(taken.iter()).filter(|(_, taken)| !**taken).map(|(one, _)| one);
    // What may never have been made need not be explained.
    let Some(first_return) = left().filter(|one| one.got != Got::Unknown).map(|one| one.returned).min() else {
        return true;
    };
    if !tried.insert((taken.clone(), value)) {
        return false;
    }
    for at in 0..operations.len() {
        // Only what was called before the first return can come next.
        if taken[at] || operations[at].called > first_return {
            continue;
        }
        let Some(after) = step(value, &operations[at]) else { continue };
        taken[at] = true;
        if search(operations, taken, after, tried) {
            return true;
        }
        taken[at] = false;
    }
    false
}

/// The register after an operation; `None` if it can't have been next.
fn step(value: Value, operation: &Operation) -> Option<Value> {
    match (operation.asked, operation.got) {
        (Asked::Read, Got::Read(seen)) => (seen == value).then_some(value),
        (Asked::Write(new), Got::Done | Got::Unknown) => Some(new),
        (Asked::Swap(old, new), Got::Done | Got::Unknown) => (old == value).then_some(new),
        (Asked::Swap(old, _), Got::Refused) => (old != value).then_some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(asked: Asked, got: Got, called: u64, returned: u64) -> Operation {
        Operation { asked, got, called, returned }
    }

    #[test]
    fn histories_are_told_apart() {
        use Asked::{Read, Swap, Write};
        use Got::{Done, Read as Saw, Refused, Unknown};
        let write = |value, called, returned| operation(Write(Some(value)), Done, called, returned);
        let lost = |value, called| operation(Write(Some(value)), Unknown, called, called + 1);
        let read = |value, called, returned| operation(Read, Saw(value), called, returned);
        let cases: &[(&str, &[Operation], bool)] = &[
            ("nothing", &[], true),
            ("what was written is read", &[write(1, 0, 1), read(Some(1), 2, 3)], true),
            ("a stale read", &[write(1, 0, 1), read(None, 2, 3)], false),
            ("either, while it is written", &[write(1, 0, 5), read(None, 1, 2), read(Some(1), 3, 4)], true),
            ("not back again", &[write(1, 0, 5), read(Some(1), 1, 2), read(None, 3, 4)], false),
            ("an unknown write may show late", &[lost(1, 0), read(None, 2, 3), read(Some(1), 4, 5)], true),
            ("or never", &[lost(1, 0), read(None, 2, 3)], true),
            ("but not go again", &[lost(1, 0), read(Some(1), 2, 3), read(None, 4, 5)], false),
            ("a lost write", &[write(1, 0, 1), write(2, 2, 3), read(Some(1), 4, 5)], false),
            ("a swap of what is not there", &[write(1, 0, 1), operation(Swap(Some(2), Some(3)), Done, 2, 3)], false),
            (
                "a swap refused though it was there",
                &[write(1, 0, 1), operation(Swap(Some(1), Some(3)), Refused, 2, 3)],
                false,
            ),
            (
                "of two swaps of one value only one is made",
                &[operation(Swap(None, Some(1)), Done, 0, 5), operation(Swap(None, Some(2)), Done, 1, 4)],
                false,
            ),
        ];
        for (name, operations, expected) in cases {
            assert_eq!(is_linearizable(operations), *expected, "{name}");
        }
    }
}
