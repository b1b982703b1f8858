//! What the connections of one thread share.

use std::cell::RefCell;
use std::rc::Rc;

use actix::Addr;

use super::ConnectionActor;
use super::alarms::Alarms;
use crate::traffic::execute::Execute;
use crate::traffic::websocket::limits::Limits;

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// What the connections of one thread share.
pub(in crate::traffic::websocket) struct Station {
    pub(in crate::traffic::websocket) execute: Rc<Execute>,
    pub(in crate::traffic::websocket) limits: Limits,
    pub(super) alarms: Rc<Alarms<Addr<ConnectionActor>>>,
    buffer: RefCell<Vec<u8>>,
}

impl Station {
    pub(in crate::traffic::websocket) fn new(execute: Rc<Execute>, limits: Limits) -> Self {
        Self { execute, limits, alarms: Rc::new(Alarms::new()), buffer: RefCell::default() }
    }

    /// Lends the buffer that is read into. One is enough: a connection reads and is done with it before another's turn.
    pub(super) fn with_buffer<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut buffer = self.buffer.take();
        buffer.resize(BUFFER, 0);
        let result = read(&mut buffer);
        self.buffer.replace(buffer);
        result
    }
}
