//! Pages of lists that may be very long: read piece by piece, so that neither a long list nor a filter that leaves little
//! of it keeps others waiting.

use super::Target;
use crate::catalog::{Document, Prefix};
use crate::control::wire::{Error, Page};

/// So many documents are taken at once.
const PIECE: usize = 500;

impl Target<'_> {
    /// The page that is asked for of what is directly under a prefix, and the position of the next one.
    ///
    /// `name` gives what a document's key ends with; `pick` makes an item of it, or leaves it out.
    pub(super) async fn page<T: Document, U>(
        &self,
        prefix: &Prefix<T>,
        name: impl Fn(&T) -> &str,
        mut pick: impl FnMut(T) -> Result<Option<U>, Error>,
    ) -> Result<(Vec<U>, Option<String>), Error> {
        let page = Page::read(self.call)?;
        let mut after = page.after().map(str::to_owned);
        let mut items = Vec::new();
        let mut last = String::new();
        loop {
            let piece = self.control.catalog.read(|documents| documents.piece(prefix, after.as_deref(), PIECE));
            for packed in &piece {
                let document = packed.read()?;
                let name = name(&document).to_owned();
                if let Some(item) = pick(document)? {
                    if items.len() == page.limit() {
                        return Ok((items, Some(Page::position(&last))));
                    }
                    items.push(item);
                    last.clone_from(&name);
                }
                after = Some(name);
            }
            if piece.len() < PIECE {
                return Ok((items, None));
            }
            tokio::task::yield_now().await;
        }
    }
}
