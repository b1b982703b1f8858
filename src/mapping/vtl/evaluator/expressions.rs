//! The values of expressions and references, and assignments to them.

use std::cmp::Ordering;

use super::super::syntax::{At, Binary, Expression, Reference, Step};
use super::super::value::{List, Map, Style, Value};
use super::super::{Constant, Error, arithmetic, methods};
use super::Rendering;

/// A text counts as one more step for each so many bytes.
pub(super) const BYTES_PER_STEP: usize = 256;
/// A list or map counts as one more step for each so many items.
const ITEMS_PER_STEP: usize = 64;
/// Steps that a comparison of a list or map counts for.
const COMPARISON: u64 = 256;

impl<'t> Rendering<'t> {
    pub(super) fn value(&mut self, expression: &'t Expression) -> Result<Value, Error> {
        match expression {
            Expression::Literal(constant) => Ok(match constant {
                Constant::Bool(flag) => Value::Bool(*flag),
                Constant::Int(number) => Value::Int(*number),
                Constant::Double(number) => Value::Double(*number),
                Constant::Text(text) => Value::Text(text.clone()),
            }),
            composed => self.deeper(|rendering| rendering.composed(composed)),
        }
    }

    fn composed(&mut self, expression: &'t Expression) -> Result<Value, Error> {
        Ok(match expression {
            Expression::Literal(_) => Value::Null,
            Expression::Interpolated(block) => {
                let mut text = String::new();
                self.block(block, &mut text)?;
                text.into()
            }
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::List(items) => Value::List(List::new(self.values(items)?, Style::Java)),
            Expression::Range(at, ends) => self.range(*at, ends)?,
            Expression::Map(entries) => {
                let map = Map::default();
                for (key, value) in entries {
                    let key = self.value(key)?.text();
                    map.put(key, self.value(value)?);
                }
                Value::Map(map)
            }
            Expression::Not(inner) => Value::Bool(!self.truth(inner)?),
            Expression::Chain(first, others) => self.chain(first, others)?,
        })
    }

    fn values(&mut self, expressions: &'t [Expression]) -> Result<Vec<Value>, Error> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    fn range(&mut self, at: At, ends: &'t (Expression, Expression)) -> Result<Value, Error> {
        let (Value::Int(first), Value::Int(last)) = (self.value(&ends.0)?, self.value(&ends.1)?) else {
            return Ok(Value::Null);
        };
        if first.abs_diff(last) >= self.limits.iterations as u64 {
            return Err(self.error(at, format!("a range has at most {} numbers", self.limits.iterations)));
        }
        let up = first.min(last)..=first.max(last);
        let numbers: Vec<Value> =
            if first <= last { up.map(Value::Int).collect() } else { up.rev().map(Value::Int).collect() };
        Ok(Value::List(List::new(numbers, Style::Java)))
    }

    /// Whether a condition holds. Velocity asks only references, truth values and comparisons; everything else, a text
    /// or a number as it stands there, is not true.
    pub(super) fn truth(&mut self, expression: &'t Expression) -> Result<bool, Error> {
        Ok(match expression {
            Expression::Literal(Constant::Bool(flag)) => *flag,
            Expression::Reference(reference) => self.reference(reference)?.is_true(),
            Expression::Not(inner) => !self.deeper(|rendering| rendering.truth(inner))?,
            Expression::Chain(first, others) => {
                matches!(self.deeper(|rendering| rendering.chain(first, others))?, Value::Bool(true))
            }
            Expression::Literal(_)
            | Expression::Interpolated(_)
            | Expression::List(_)
            | Expression::Range(..)
            | Expression::Map(_) => false,
        })
    }

    /// A chain of values, from left to right. `and` and `or` stop where their result is certain.
    fn chain(&mut self, first: &'t Expression, others: &'t [(Binary, Expression)]) -> Result<Value, Error> {
        if let Some((operator @ (Binary::Or | Binary::And), _)) = others.first() {
            let decided = *operator == Binary::Or;
            if self.truth(first)? == decided {
                return Ok(Value::Bool(decided));
            }
            for (_, other) in others {
                if self.truth(other)? == decided {
                    return Ok(Value::Bool(decided));
                }
            }
            return Ok(Value::Bool(!decided));
        }
        let mut left = self.value(first)?;
        for (operator, right) in others {
            let right = self.value(right)?;
            left = self.combine(*operator, &left, &right)?;
        }
        Ok(left)
    }

    fn combine(&mut self, operator: Binary, left: &Value, right: &Value) -> Result<Value, Error> {
        if matches!(operator, Binary::Equal | Binary::NotEqual) && (left.is_container() || right.is_container()) {
            self.charge(COMPARISON)?;
        }
        let ordered = |accept: fn(Ordering) -> bool| Value::Bool(arithmetic::order(left, right).is_some_and(accept));
        let result = match operator {
            Binary::Equal => Value::Bool(arithmetic::equal(left, right)),
            Binary::NotEqual => Value::Bool(!arithmetic::equal(left, right)),
            Binary::Less => ordered(Ordering::is_lt),
            Binary::Greater => ordered(Ordering::is_gt),
            Binary::LessOrEqual => ordered(Ordering::is_le),
            Binary::GreaterOrEqual => ordered(Ordering::is_ge),
            Binary::Add => arithmetic::add(left, right),
            Binary::Or | Binary::And | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => {
                arithmetic::compute(operator, left, right)
            }
        };
        self.weigh(&result)?;
        Ok(result)
    }

    /// Counts the steps of a text that was made, and refuses one that is too long.
    fn weigh(&mut self, made: &Value) -> Result<(), Error> {
        let Value::Text(text) = made else { return Ok(()) };
        if text.len() > self.limits.output {
            return Err(self.error(self.here, format!("a text has more than {} bytes", self.limits.output)));
        }
        self.charge((text.len() / BYTES_PER_STEP) as u64)
    }

    /// Refuses to put a list or map into itself: it would never be given back.
    fn keep_apart(&mut self, holder: &Value, value: &Value) -> Result<(), Error> {
        if !holder.is_container() || !(value.is_container() || matches!(value, Value::Object(_))) {
            return Ok(());
        }
        let most = (self.limits.steps - self.steps).saturating_mul(ITEMS_PER_STEP as u64);
        let mut budget = most;
        match value.holds(holder, &mut budget) {
            Some(true) => Err(self.error(self.here, "a list or map can't hold itself")),
            Some(false) => self.charge((most - budget) / ITEMS_PER_STEP as u64),
            None => self.charge(self.limits.steps),
        }
    }

    /// Counts the steps of a call by what it is given; what it makes is weighed after it.
    fn charge_call(&mut self, receiver: &Value, name: &str, arguments: &[Value]) -> Result<(), Error> {
        let own = match receiver {
            Value::Text(text) => text.len() / BYTES_PER_STEP,
            Value::List(list) => list.items().len() / ITEMS_PER_STEP,
            Value::Map(map) => map.entries().len() / ITEMS_PER_STEP,
            Value::Object(object) => object.cost(name) / BYTES_PER_STEP,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Block(_) => 0,
        };
        let mut steps = 1 + own as u64;
        for argument in arguments {
            match argument {
                Value::Text(text) => steps += (text.len() / BYTES_PER_STEP) as u64,
                other if other.is_container() && methods::compares(name) => {
                    let items = if let Value::List(list) = receiver { list.items().len() } else { 1 };
                    steps = steps.saturating_add(COMPARISON.saturating_mul(items as u64));
                }
                _ => {}
            }
        }
        self.charge(steps)
    }

    pub(super) fn reference(&mut self, reference: &'t Reference) -> Result<Value, Error> {
        self.step(reference.at)?;
        let value = self.slots[reference.slot].clone();
        self.walk(reference.at, value, &reference.steps)
    }

    fn walk(&mut self, at: At, mut value: Value, steps: &'t [Step]) -> Result<Value, Error> {
        for step in steps {
            value = match step {
                Step::Property(name) => {
                    let found = methods::property(&value, name);
                    if matches!(value, Value::Object(_)) {
                        self.weigh(&found)?;
                    }
                    found
                }
                Step::Index(index) => {
                    let index = self.value(index)?;
                    methods::index(&value, &index).map_err(|message| self.error(at, message))?
                }
                Step::Call(name, arguments) => {
                    let arguments = self.values(arguments)?;
                    self.charge_call(&value, name, &arguments)?;
                    for inserted in methods::inserted(&value, name, &arguments) {
                        self.keep_apart(&value, &inserted)?;
                    }
                    let called = methods::call(&value, name, &arguments, self.limits.output);
                    let made = called.map_err(|message| self.error(at, message))?;
                    self.weigh(&made)?;
                    made
                }
            };
            if matches!(value, Value::Null) {
                // The rest can't be resolved either, and its arguments are not looked at.
                return Ok(Value::Null);
            }
        }
        Ok(value)
    }

    /// Assigns to a variable, or to a property or key of what it holds. There is nothing to assign to where that is
    /// nothing.
    pub(super) fn assign(&mut self, target: &'t Reference, value: Value) -> Result<(), Error> {
        let Some((last, way)) = target.steps.split_last() else {
            self.slots[target.slot] = value;
            return Ok(());
        };
        let holder = self.slots[target.slot].clone();
        let holder = self.walk(target.at, holder, way)?;
        self.keep_apart(&holder, &value)?;
        let assigned = match last {
            Step::Property(name) => methods::set(&holder, &Value::Text(name.clone()), value),
            Step::Index(index) => {
                let index = self.value(index)?;
                methods::set(&holder, &index, value)
            }
            Step::Call(..) => Err("what a method gives can't be set".to_owned()),
        };
        assigned.map_err(|message| self.error(target.at, message))
    }
}
