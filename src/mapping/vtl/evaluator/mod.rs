//! Renders a template: walks what the parser made of it, within limits.

mod expressions;
mod iteration;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use self::expressions::BYTES_PER_STEP;
use self::iteration::{Iteration, items};
use super::syntax::{At, Block, Expression, Node, Shown, Slot};
use super::value::{Defined, Value};
use super::{Error, Limits, Template, What};

/// Of a value so many bytes are told, about.
const MAX_TOLD: usize = 1024;
/// An output is given room for at most so many bytes before it needs them.
const MAX_ROOM: usize = 64 * 1024;

/// Told of each step: where it stands, and what came of it.
pub(super) type Trace<'t> = &'t mut dyn FnMut(At, What, &str);

/// Renders a template whose variables have these values; `trace` is told of each step, if there is one.
pub(super) fn render<'t>(
    template: &'t Template,
    mut variable: impl FnMut(&str) -> Option<Value>,
    limits: &'t Limits,
    trace: Option<Trace<'t>>,
) -> Result<String, Error> {
    let slots = template.names.iter().map(|name| variable(name).unwrap_or(Value::Null)).collect();
    let mut rendering = Rendering { template, limits, slots, steps: 0, depth: 0, here: 0, trace };
    let room = template.room.load(Ordering::Relaxed);
    let mut out = String::with_capacity(room.min(MAX_ROOM));
    rendering.block(&template.body, &mut out).map_err(|error| *error)?;
    // Written only if it grew: workers share it.
    if out.len() > room {
        template.room.store(out.len(), Ordering::Relaxed);
    }
    Ok(out)
}

/// Why a rendering ends. Every step gives a result: they are small if this is.
type Failure = Box<Error>;

/// Where a rendering goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Stop,
}

struct Rendering<'t> {
    template: &'t Template,
    limits: &'t Limits,
    /// The variables.
    slots: Vec<Value>,
    steps: u64,
    depth: usize,
    /// The place that was reached last.
    here: At,
    trace: Option<Trace<'t>>,
}

impl<'t> Rendering<'t> {
    /// Tells of a step, if anybody listens.
    fn tell(&mut self, at: At, what: What, value: &Value) {
        if let Some(trace) = &mut self.trace {
            trace(at, what, &value.beginning(MAX_TOLD));
        }
    }

    #[cold]
    fn error(&self, at: At, message: impl Into<String>) -> Failure {
        Box::new(Error::at(&self.template.source, at, message))
    }

    fn step(&mut self, at: At) -> Result<(), Failure> {
        self.here = at;
        self.charge(1)
    }

    /// Counts steps: what is done at once may take as long as many.
    fn charge(&mut self, steps: u64) -> Result<(), Failure> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.limits.steps {
            return Err(self.error(self.here, format!("the template takes more than {} steps", self.limits.steps)));
        }
        Ok(())
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.depth == self.limits.depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&self) -> Failure {
        self.error(self.here, format!("more than {} blocks and expressions in each other", self.limits.depth))
    }

    fn check_output(&self, at: At, out: &str) -> Result<(), Failure> {
        if out.len() > self.limits.output {
            return Err(self.error(at, format!("the output has more than {} bytes", self.limits.output)));
        }
        Ok(())
    }

    fn block(&mut self, block: &'t Block, out: &mut String) -> Result<Flow, Failure> {
        self.deeper(|rendering| rendering.nodes(block, out))
    }

    fn nodes(&mut self, block: &'t Block, out: &mut String) -> Result<Flow, Failure> {
        for node in block {
            let flow = match node {
                Node::Text(text) => {
                    out.push_str(text);
                    self.check_output(self.here, out)?;
                    Flow::Next
                }
                Node::Reference(shown) => {
                    let before = out.len();
                    self.show(shown, out)?;
                    if let Some(trace) = &mut self.trace {
                        trace(shown.reference.at, What::Shown, &out[before..]);
                    }
                    Flow::Next
                }
                Node::Set { target, value } => {
                    let value = self.value(value)?;
                    self.tell(target.at, What::Set, &value);
                    self.assign(target, value)?;
                    Flow::Next
                }
                Node::If { branches, otherwise } => self.conditional(branches, otherwise, out)?,
                Node::Foreach { at, variable, list, body } => self.foreach(*at, *variable, list, body, out)?,
                Node::Break => Flow::Break,
                Node::Stop => Flow::Stop,
                Node::Define { slot, body } => {
                    self.slots[*slot] = Value::Block(Defined(body.clone()));
                    Flow::Next
                }
                Node::Call { at, name, arguments } => self.call_macro(*at, name, arguments, out)?,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn conditional(
        &mut self,
        branches: &'t [(Expression, Block)],
        otherwise: &'t Block,
        out: &mut String,
    ) -> Result<Flow, Failure> {
        for (condition, body) in branches {
            let holds = self.truth(condition)?;
            self.tell(self.here, What::Condition, &Value::Bool(holds));
            if holds {
                return self.block(body, out);
            }
        }
        self.block(otherwise, out)
    }

    fn foreach(
        &mut self,
        at: At,
        variable: Slot,
        list: &'t Expression,
        body: &'t Block,
        out: &mut String,
    ) -> Result<Flow, Failure> {
        let items = items(self.value(list)?);
        if items.len() > self.limits.iterations {
            return Err(self.error(at, format!("a `#foreach` runs at most {} times", self.limits.iterations)));
        }
        let places = [Some(variable), self.template.foreach, self.template.velocity_count];
        let before = places.map(|place| place.map(|slot| self.slots[slot].clone()));
        let parent = before[1].clone().unwrap_or(Value::Null);
        let length = items.len();
        let mut last: Option<Rc<Iteration>> = None;
        let mut flow = Flow::Next;
        for (index, item) in items.into_iter().enumerate() {
            self.step(at)?;
            if let Some(slot) = self.template.foreach {
                self.slots[slot] = Value::Null;
                // One that the template kept stays where it was; otherwise one serves all iterations.
                let now = match last.take().filter(|last| Rc::strong_count(last) == 1) {
                    Some(last) => last,
                    None => Rc::new(Iteration { index: Cell::new(index), length, parent: parent.clone() }),
                };
                now.index.set(index);
                self.slots[slot] = Value::Object(now.clone());
                last = Some(now);
            }
            if let Some(slot) = self.template.velocity_count {
                self.slots[slot] = Value::Int(index as i64 + 1);
            }
            self.tell(at, What::Item, &item);
            self.slots[variable] = item;
            flow = self.block(body, out)?;
            self.check_output(at, out)?;
            if flow != Flow::Next {
                break;
            }
        }
        for (place, value) in places.into_iter().zip(before) {
            if let (Some(slot), Some(value)) = (place, value) {
                self.slots[slot] = value;
            }
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    fn call_macro(
        &mut self,
        at: At,
        name: &str,
        arguments: &'t [Expression],
        out: &mut String,
    ) -> Result<Flow, Failure> {
        self.step(at)?;
        let Some(called) = self.template.macros.get(name) else { return Ok(Flow::Next) };
        let mut values = Vec::with_capacity(called.parameters.len());
        for argument in arguments.iter().take(called.parameters.len()) {
            values.push(self.value(argument)?);
        }
        values.resize(called.parameters.len(), Value::Null);
        let before: Vec<Value> = called.parameters.iter().map(|slot| self.slots[*slot].clone()).collect();
        for (slot, value) in called.parameters.iter().zip(values) {
            self.slots[*slot] = value;
        }
        let flow = self.block(&called.body, out)?;
        self.check_output(at, out)?;
        for (slot, value) in called.parameters.iter().zip(before) {
            self.slots[*slot] = value;
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    /// Renders a reference. What it refers to is shown as it is written if a backslash escapes it: without the
    /// backslash if there is something, with it if there is nothing.
    fn show(&mut self, shown: &'t Shown, out: &mut String) -> Result<(), Failure> {
        let at = shown.reference.at;
        let before = out.len();
        if shown.escapes == 0 {
            if let ([], Value::Text(text)) = (shown.reference.steps.as_slice(), &self.slots[shown.reference.slot]) {
                let length = text.len();
                out.push_str(text);
                self.step(at)?;
                self.charge((length / BYTES_PER_STEP) as u64)?;
                return self.check_output(at, out);
            }
            if let Some(value) = self.reference_or_write(&shown.reference, out)? {
                self.write(&value, out)?;
            }
            self.charge(((out.len() - before) / BYTES_PER_STEP) as u64)?;
            return self.check_output(at, out);
        }
        let value = self.reference(&shown.reference)?;
        let nothing = matches!(value, Value::Null);
        let prefix = "\\".repeat(shown.escapes / 2);
        out.push_str(&prefix);
        if shown.escapes % 2 == 1 {
            out.push_str(if nothing { "\\" } else { "" });
            out.push_str(&shown.literal);
        } else if nothing {
            out.push_str(&prefix);
        } else {
            self.write(&value, out)?;
        }
        self.check_output(at, out)
    }

    /// Renders a value; a block of `#define` is rendered here.
    fn write(&mut self, value: &Value, out: &mut String) -> Result<(), Failure> {
        match value {
            Value::Block(Defined(body)) => {
                let body = body.clone();
                let text = self.defined(&body)?;
                out.push_str(&text);
            }
            other => other.write_within(out, 0, self.limits.output),
        }
        Ok(())
    }

    /// A block of `#define` belongs to the template as well, but is held by the value that names it.
    fn defined(&mut self, body: &Block) -> Result<String, Failure> {
        let template = self.template;
        let slots = std::mem::take(&mut self.slots);
        let Self { limits, steps, depth, here, .. } = *self;
        let trace: Option<Trace<'_>> = match &mut self.trace {
            Some(trace) => Some(&mut **trace),
            None => None,
        };
        let mut inner = Rendering { template, limits, slots, steps, depth, here, trace };
        let mut out = String::new();
        let result = inner.block(body, &mut out);
        let Rendering { steps, slots, .. } = inner;
        self.steps = steps;
        self.slots = slots;
        result.map(|_| out)
    }
}
