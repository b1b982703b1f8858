//! What the planes share: calls and answers, AWS's error bodies, JSON bodies, patches, pages.

mod answer;
mod call;
mod constraint;
mod error;
mod json;
mod page;
mod patch;
mod table;

pub use answer::{Answer, Members};
pub use call::Call;
pub use constraint::Violations;
pub use error::Error;
pub use json::Input;
pub use page::Page;
pub use patch::{Op, Operation, operations, operations_and};
pub(crate) use patch::{any_of, as_boolean, as_number};
pub(crate) use table::{find_operation, operation_table};
