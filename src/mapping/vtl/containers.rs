//! Lists and maps: shared, made when they are looked into, and taken apart one after the other.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::value::{Style, Value};

/// So many names are compared one after the other; where there are more, they are looked up by their hash.
pub(in crate::mapping) const FEW: usize = 16;

/// What is in a map.
pub type Entries = IndexMap<Arc<str>, Value>;

/// A list.
#[derive(Clone, Default)]
pub struct List {
    content: Rc<RefCell<Content<Vec<Value>>>>,
    pub(super) style: Style,
}

/// A map.
#[derive(Clone, Default)]
pub struct Map {
    content: Rc<RefCell<Content<Entries>>>,
    pub(super) style: Style,
}

/// What is in a list or map.
#[derive(Default)]
struct Content<T> {
    /// Where it is still to be taken from; until then there is nothing else here.
    waiting: Option<Waiting>,
    made: T,
}

/// Where a list or map is taken from.
struct Waiting {
    origin: Rc<dyn Origin>,
    place: u32,
    /// The lists and maps in it that were asked for, with their places: who asks again is given the same.
    given: Vec<(u32, Value)>,
}

/// What an origin knows of a key.
pub enum Found {
    /// Its value, no list or map; or nothing, if there is no such key.
    Value(Value),
    /// A list at this place.
    List(u32, Style),
    /// A map at this place.
    Map(u32, Style),
    /// To know it, the map has to be made.
    Unknown,
}

/// Where lists and maps come from that are made when they are looked into, such as a body. A place tells one from the
/// other.
pub trait Origin {
    /// How many items or entries are at a place, at most.
    fn size(&self, place: u32) -> usize;

    /// The items of the list at a place; there are none where there are no lists.
    fn items(self: Rc<Self>, place: u32) -> Vec<Value> {
        let _ = place;
        Vec::new()
    }

    /// The entries of the map at a place.
    fn entries(self: Rc<Self>, place: u32) -> Entries;

    /// The keys of the map at a place, if they are known without making it.
    fn keys(&self, place: u32) -> Option<Vec<Value>> {
        let _ = place;
        None
    }

    /// What a key of the map at a place has.
    fn get(&self, place: u32, key: &str) -> Found;
}

impl<T> Content<T> {
    fn new(made: T) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { waiting: None, made }))
    }

    fn waiting(origin: Rc<dyn Origin>, place: u32) -> Rc<RefCell<Self>>
    where
        T: Default,
    {
        let waiting = Waiting { origin, place, given: Vec::new() };
        Rc::new(RefCell::new(Self { waiting: Some(waiting), made: T::default() }))
    }

    /// Takes what is in it from where it comes from, if that was not done yet.
    fn make(content: &RefCell<Self>, take: impl FnOnce(Waiting) -> T) {
        // Who looks into it at the moment has made it: nothing is borrowed where it is still waiting.
        if content.borrow().waiting.is_none() {
            return;
        }
        let waiting = content.borrow_mut().waiting.take();
        if let Some(waiting) = waiting {
            let made = take(waiting);
            content.borrow_mut().made = made;
        }
    }
}

impl Waiting {
    fn items(self) -> Vec<Value> {
        self.origin.items(self.place)
    }

    fn entries(self) -> Entries {
        let mut entries = self.origin.entries(self.place);
        for (place, given) in self.given {
            let same = |value: &&mut Value| value.place() == Some(place);
            if let Some(value) = entries.values_mut().find(same) {
                *value = given;
            }
        }
        entries
    }

    /// The value of a key, if it is known without making all.
    fn get(&mut self, key: &str) -> Option<Value> {
        let (place, style, is_list) = match self.origin.get(self.place, key) {
            Found::Value(value) => return Some(value),
            Found::List(place, style) => (place, style, true),
            Found::Map(place, style) => (place, style, false),
            Found::Unknown => return None,
        };
        if let Some((_, given)) = self.given.iter().find(|(known, _)| *known == place) {
            return Some(given.clone());
        }
        let origin = self.origin.clone();
        let value = match is_list {
            true => Value::List(List::waiting(origin, place, style)),
            false => Value::Map(Map::waiting(origin, place, style)),
        };
        self.given.push((place, value.clone()));
        Some(value)
    }
}

impl Value {
    /// Whether other values may go with it.
    fn is_nesting(&self) -> bool {
        match self {
            Self::List(list) => list.content.try_borrow().map_or(true, |content| !content.made.is_empty()),
            Self::Map(map) => map.content.try_borrow().map_or(true, |content| {
                !content.made.is_empty() || content.waiting.as_ref().is_some_and(|waiting| !waiting.given.is_empty())
            }),
            Self::Object(_) => true,
            _ => false,
        }
    }

    /// The place of a list or map that was not looked into yet.
    fn place(&self) -> Option<u32> {
        match self {
            Self::List(list) => list.content.borrow().waiting.as_ref().map(|waiting| waiting.place),
            Self::Map(map) => map.content.borrow().waiting.as_ref().map(|waiting| waiting.place),
            _ => None,
        }
    }
}

impl List {
    /// A list of these.
    pub fn new(items: Vec<Value>, style: Style) -> Self {
        Self { content: Content::new(items), style }
    }

    /// A list that is made when it is looked into.
    pub fn waiting(origin: Rc<dyn Origin>, place: u32, style: Style) -> Self {
        Self { content: Content::waiting(origin, place), style }
    }

    /// The items.
    pub fn items(&self) -> Ref<'_, Vec<Value>> {
        Content::make(&self.content, Waiting::items);
        Ref::map(self.content.borrow(), |content| &content.made)
    }

    pub(super) fn items_mut(&self) -> RefMut<'_, Vec<Value>> {
        Content::make(&self.content, Waiting::items);
        RefMut::map(self.content.borrow_mut(), |content| &mut content.made)
    }

    /// The items, to go through while the list may change: its own, if nobody else has it.
    pub(super) fn into_items(mut self) -> Vec<Value> {
        Content::make(&self.content, Waiting::items);
        match Rc::get_mut(&mut self.content) {
            Some(content) => std::mem::take(&mut content.get_mut().made),
            None => self.items().clone(),
        }
    }

    /// How many items it has; nothing is made to say so.
    pub(super) fn size(&self) -> usize {
        let content = self.content.borrow();
        content.waiting.as_ref().map_or(content.made.len(), |waiting| waiting.origin.size(waiting.place))
    }

    /// Whether it is this list, not merely one like it.
    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.content, &other.content)
    }

    /// The items that a template can have changed: none, as long as nobody has looked into it.
    pub(super) fn held(&self) -> Vec<Value> {
        self.content.borrow().made.clone()
    }
}

impl Map {
    /// A map of these.
    pub fn new(entries: impl IntoIterator<Item = (Arc<str>, Value)>, style: Style) -> Self {
        Self { content: Content::new(entries.into_iter().collect()), style }
    }

    /// A map that is made when it is looked into.
    pub fn waiting(origin: Rc<dyn Origin>, place: u32, style: Style) -> Self {
        Self { content: Content::waiting(origin, place), style }
    }

    /// Whether nobody has looked into it, so that it is as its origin has it.
    pub fn is_untouched(&self) -> bool {
        self.content.borrow().waiting.as_ref().is_some_and(|waiting| waiting.given.is_empty())
    }

    /// The entries.
    pub fn entries(&self) -> Ref<'_, Entries> {
        Content::make(&self.content, Waiting::entries);
        Ref::map(self.content.borrow(), |content| &content.made)
    }

    /// The value of a key, or nothing.
    pub fn get(&self, key: &str) -> Value {
        let is_waiting = self.content.borrow().waiting.is_some();
        let known =
            if is_waiting { self.content.borrow_mut().waiting.as_mut().and_then(|it| it.get(key)) } else { None };
        known.unwrap_or_else(|| self.entries().get(key).cloned().unwrap_or(Value::Null))
    }

    /// The keys.
    pub(super) fn keys(&self) -> Vec<Value> {
        let waiting = |waiting: &Waiting| waiting.origin.keys(waiting.place);
        let known = self.content.borrow().waiting.as_ref().and_then(waiting);
        known.unwrap_or_else(|| self.entries().keys().cloned().map(Value::Text).collect())
    }

    /// Writes an entry; gives what was there before.
    pub fn put(&self, key: Arc<str>, value: Value) -> Value {
        self.entries_mut().insert(key, value).unwrap_or(Value::Null)
    }

    pub(super) fn entries_mut(&self) -> RefMut<'_, Entries> {
        Content::make(&self.content, Waiting::entries);
        RefMut::map(self.content.borrow_mut(), |content| &mut content.made)
    }

    /// How many entries it has at most; nothing is made to say so.
    pub(super) fn size(&self) -> usize {
        let content = self.content.borrow();
        content.waiting.as_ref().map_or(content.made.len(), |waiting| waiting.origin.size(waiting.place))
    }

    /// Whether it is this map, not merely one like it.
    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.content, &other.content)
    }

    /// The values that a template can have changed: of those that were not made, none.
    pub(super) fn held(&self) -> Vec<Value> {
        let content = self.content.borrow();
        match &content.waiting {
            Some(waiting) => waiting.given.iter().map(|(_, value)| value.clone()).collect(),
            None => content.made.values().cloned().collect(),
        }
    }
}

thread_local! {
    /// What is in lists and maps that are gone, and whether it is being taken apart.
    static GONE: RefCell<(Vec<Value>, bool)> = const { RefCell::new((Vec::new(), false)) };
}

/// Takes values apart one after the other: those that are nested as deep as a template likes would otherwise be taken
/// apart in as many calls in each other.
pub(super) fn dismantle(values: impl Iterator<Item = Value>) {
    let mut nesting = values.filter(Value::is_nesting).peekable();
    if nesting.peek().is_none() {
        return;
    }
    // A thread that ends has no such place any more; what is left then is taken apart as usual.
    let first = GONE.try_with(|gone| {
        let mut gone = gone.borrow_mut();
        gone.0.extend(&mut nesting);
        !std::mem::replace(&mut gone.1, true)
    });
    if first != Ok(true) {
        return;
    }
    while let Ok(Some(value)) = GONE.try_with(|gone| {
        let mut gone = gone.borrow_mut();
        let next = gone.0.pop();
        gone.1 = next.is_some();
        next
    }) {
        drop(value);
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if let Some(content) = Rc::get_mut(&mut self.content) {
            dismantle(std::mem::take(&mut content.get_mut().made).into_iter());
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let Some(content) = Rc::get_mut(&mut self.content) else { return };
        let content = content.get_mut();
        if let Some(waiting) = content.waiting.take() {
            dismantle(waiting.given.into_iter().map(|(_, value)| value));
        } else if !content.made.is_empty() {
            dismantle(std::mem::take(&mut content.made).into_values());
        }
    }
}
