//! The values of expressions and references, and assignments to them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::super::containers::{List, Map};
use super::super::syntax::{At, Binary, Call, Expression, Reference, Slot, Step};
use super::super::text;
use super::super::value::{Object, Style, Value};
use super::super::{Constant, arithmetic, methods};
use super::{Failure, Rendering};

/// A text counts as one more step for each so many bytes.
pub(super) const BYTES_PER_STEP: usize = 256;
/// A list or map counts as one more step for each so many items.
const ITEMS_PER_STEP: usize = 64;
/// A list or map that is made counts as one more step for each so many items: steps bound the memory as well.
const MADE_ITEMS_PER_STEP: usize = 4;
/// Steps that a comparison of a list or map counts for.
const COMPARISON: u64 = 256;

impl<'t> Rendering<'t> {
    pub(super) fn value(&mut self, expression: &'t Expression) -> Result<Value, Failure> {
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

    fn composed(&mut self, expression: &'t Expression) -> Result<Value, Failure> {
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
                    let key = self.value(key)?;
                    self.charge_text(&key)?;
                    let key = key.text();
                    map.put(key, self.value(value)?);
                }
                Value::Map(map)
            }
            Expression::Not(inner) => Value::Bool(!self.truth(inner)?),
            Expression::Chain(first, others) => self.chain(first, others)?,
        })
    }

    fn values(&mut self, expressions: &'t [Expression]) -> Result<Vec<Value>, Failure> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    fn range(&mut self, at: At, ends: &'t (Expression, Expression)) -> Result<Value, Failure> {
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
    pub(super) fn truth(&mut self, expression: &'t Expression) -> Result<bool, Failure> {
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
    fn chain(&mut self, first: &'t Expression, others: &'t [(Binary, Expression)]) -> Result<Value, Failure> {
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

    fn combine(&mut self, operator: Binary, left: &Value, right: &Value) -> Result<Value, Failure> {
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
    fn weigh(&mut self, made: &Value) -> Result<(), Failure> {
        let Value::Text(text) = made else { return Ok(()) };
        self.weigh_text(text.len())
    }

    fn weigh_text(&mut self, bytes: usize) -> Result<(), Failure> {
        if bytes > self.limits.output {
            return Err(self.error(self.here, format!("a text has more than {} bytes", self.limits.output)));
        }
        self.charge((bytes / BYTES_PER_STEP) as u64)
    }

    /// Refuses to put a list or map into itself: it would never be given back.
    fn keep_apart(&mut self, holder: &Value, value: &Value) -> Result<(), Failure> {
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

    /// Counts the steps of making a text of a list or map, for which it is no use to be a key or a part of a text.
    fn charge_text(&mut self, value: &Value) -> Result<(), Failure> {
        match value {
            Value::List(_) | Value::Map(_) | Value::Object(_) => {
                self.weigh_text(value.beginning(self.limits.output).len())
            }
            _ => Ok(()),
        }
    }

    /// Counts the steps of a call by what it is given; what it makes is weighed after it.
    fn charge_call(&mut self, receiver: &Value, name: &str, arguments: &[Value]) -> Result<(), Failure> {
        let own = match receiver {
            Value::Text(text) => text.len() / BYTES_PER_STEP,
            Value::List(list) => list.size() / ITEMS_PER_STEP,
            Value::Map(map) => map.size() / ITEMS_PER_STEP,
            Value::Object(object) => object.cost(name) / BYTES_PER_STEP,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Block(_) => 0,
        };
        let as_texts = match receiver {
            Value::Text(_) | Value::Object(_) => arguments.len(),
            Value::Map(_) if !matches!(name, "putAll" | "containsValue") => 1,
            _ => 0,
        };
        for argument in arguments.iter().take(as_texts) {
            self.charge_text(argument)?;
        }
        let mut steps = 1 + own as u64 + (methods::copied(receiver, name, arguments) / MADE_ITEMS_PER_STEP) as u64;
        if let (Value::Text(text), "matches" | "replaceAll" | "replaceFirst" | "split", [Value::Text(pattern), ..]) =
            (receiver, name, arguments)
        {
            steps = steps.saturating_add(text::looked_at(text.len(), pattern) / BYTES_PER_STEP as u64);
        }
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

    pub(super) fn reference(&mut self, reference: &'t Reference) -> Result<Value, Failure> {
        self.step(reference.at)?;
        self.walk_from(reference.at, reference.slot, &reference.steps)
    }

    /// Goes from a variable's value on; where a property comes first, only that is taken.
    fn walk_from(&mut self, at: At, slot: Slot, steps: &'t [Step]) -> Result<Value, Failure> {
        let found = match (&self.slots[slot], steps) {
            (Value::Map(map), [Step::Property(name), ..]) => map.get(name),
            (Value::Object(object), [Step::Property(name), ..]) => {
                let found = object.property(name);
                self.weigh(&found)?;
                found
            }
            (value, steps) => {
                let value = value.clone();
                return self.walk(at, value, steps);
            }
        };
        if matches!(found, Value::Null) { Ok(found) } else { self.walk(at, found, &steps[1..]) }
    }

    fn walk(&mut self, at: At, mut value: Value, steps: &'t [Step]) -> Result<Value, Failure> {
        let Some((last, way)) = steps.split_last() else { return Ok(value) };
        for step in way {
            value = self.take(at, &value, step)?;
            if matches!(value, Value::Null) {
                // The rest can't be resolved either, and its arguments are not looked at.
                return Ok(Value::Null);
            }
        }
        self.take(at, &value, last)
    }

    /// Takes one step from a value to another.
    fn take(&mut self, at: At, value: &Value, step: &'t Step) -> Result<Value, Failure> {
        match step {
            Step::Property(name) => {
                let found = methods::property(value, name);
                if matches!(value, Value::Object(_)) {
                    self.weigh(&found)?;
                }
                Ok(found)
            }
            Step::Index(index) => {
                let index = self.value(index)?;
                self.charge_text(&index)?;
                methods::index(value, &index).map_err(|message| self.error(at, message))
            }
            Step::Call(call) => self.call(at, value, call),
        }
    }

    /// What a reference refers to, to be shown; nothing, if it was written behind `out` at once, which spares a value.
    pub(super) fn reference_or_write(
        &mut self,
        reference: &'t Reference,
        out: &mut String,
    ) -> Result<Option<Value>, Failure> {
        let (call, way) = match reference.steps.split_last() {
            Some((Step::Call(call), way)) => (call, way),
            Some((last @ Step::Property(name), way)) => return self.property_or_write(reference, way, last, name, out),
            Some((Step::Index(_), _)) | None => return self.reference(reference).map(Some),
        };
        self.step(reference.at)?;
        let receiver = self.walk_from(reference.at, reference.slot, way)?;
        if matches!(receiver, Value::Null) && !way.is_empty() {
            return Ok(Some(Value::Null));
        }
        let Value::Object(object) = &receiver else {
            return self.call(reference.at, &receiver, call).map(Some);
        };
        let before = out.len();
        if let Some(path) = &call.path {
            self.charge_path(object, call)?;
            if object.write_found(&call.name, path, out) {
                self.weigh_text(out.len() - before)?;
                return Ok(None);
            }
            return self.found(reference.at, &receiver, call).map(Some);
        }
        self.call_with(call, |rendering, arguments| {
            rendering.charge_call(&receiver, &call.name, arguments)?;
            match object.write_call(&call.name, arguments, out) {
                Some(written) => {
                    written.map_err(|message| rendering.error(reference.at, message))?;
                    rendering.weigh_text(out.len() - before)?;
                    Ok(None)
                }
                None => rendering.apply(reference.at, &receiver, call, arguments).map(Some),
            }
        })
    }

    /// The same for a reference that ends with a property.
    fn property_or_write(
        &mut self,
        reference: &'t Reference,
        way: &'t [Step],
        last: &'t Step,
        name: &str,
        out: &mut String,
    ) -> Result<Option<Value>, Failure> {
        if way.is_empty() && !matches!(self.slots[reference.slot], Value::Object(_)) {
            return self.reference(reference).map(Some);
        }
        self.step(reference.at)?;
        let receiver = self.walk_from(reference.at, reference.slot, way)?;
        let before = out.len();
        if let Value::Object(object) = &receiver
            && object.write_property(name, out)
        {
            self.weigh_text(out.len() - before)?;
            return Ok(None);
        }
        self.take(reference.at, &receiver, last).map(Some)
    }

    /// Calls a method of a value.
    fn call(&mut self, at: At, receiver: &Value, call: &'t Call) -> Result<Value, Failure> {
        if let (Some(_), Value::Object(object)) = (&call.path, receiver) {
            self.charge_path(object, call)?;
            return self.found(at, receiver, call);
        }
        self.call_with(call, |rendering, arguments| {
            rendering.charge_call(receiver, &call.name, arguments)?;
            rendering.apply(at, receiver, call, arguments)
        })
    }

    /// Calls a method with a path that stands in the template.
    fn found(&mut self, at: At, receiver: &Value, call: &'t Call) -> Result<Value, Failure> {
        if let (Some(path), Value::Object(object)) = (&call.path, receiver)
            && let Some(found) = object.find(&call.name, path)
        {
            self.weigh(&found)?;
            return Ok(found);
        }
        self.call_with(call, |rendering, arguments| rendering.apply(at, receiver, call, arguments))
    }

    /// Evaluates a call's arguments for `run`; few of them need no memory of their own.
    fn call_with<T>(
        &mut self,
        call: &'t Call,
        run: impl FnOnce(&mut Self, &[Value]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match call.arguments.as_slice() {
            [] => run(self, &[]),
            [one] => {
                let one = self.value(one)?;
                run(self, &[one])
            }
            more => {
                let values = self.values(more)?;
                run(self, &values)
            }
        }
    }

    fn apply(&mut self, at: At, receiver: &Value, call: &Call, arguments: &[Value]) -> Result<Value, Failure> {
        for inserted in methods::inserted(receiver, &call.name, arguments) {
            self.keep_apart(receiver, &inserted)?;
        }
        let called = methods::call(receiver, &call.name, arguments, self.limits.output);
        let made = called.map_err(|message| self.error(at, message))?;
        self.weigh(&made)?;
        if let (Value::Text(_), Value::List(list)) = (receiver, &made) {
            self.charge((list.size() / MADE_ITEMS_PER_STEP) as u64)?;
        }
        Ok(made)
    }

    /// Counts the steps of a call with a path that stands in the template, as those of any other.
    fn charge_path(&mut self, object: &Rc<dyn Object>, call: &Call) -> Result<(), Failure> {
        let path = match call.arguments.first() {
            Some(Expression::Literal(Constant::Text(path))) => path.len(),
            _ => 0,
        };
        self.charge(1 + (object.cost(&call.name) / BYTES_PER_STEP + path / BYTES_PER_STEP) as u64)
    }

    /// Assigns to a variable, or to a property or key of what it holds. There is nothing to assign to where that is
    /// nothing.
    pub(super) fn assign(&mut self, target: &'t Reference, value: Value) -> Result<(), Failure> {
        let Some((last, way)) = target.steps.split_last() else {
            self.slots[target.slot] = value;
            return Ok(());
        };
        let holder = self.walk_from(target.at, target.slot, way)?;
        self.keep_apart(&holder, &value)?;
        let assigned = match last {
            Step::Property(name) => methods::set(&holder, &Value::Text(name.clone()), value),
            Step::Index(index) => {
                let index = self.value(index)?;
                self.charge_text(&index)?;
                methods::set(&holder, &index, value)
            }
            Step::Call(..) => Err("what a method gives can't be set".to_owned()),
        };
        assigned.map_err(|message| self.error(target.at, message))
    }
}
