//! Claims: who may speak for the connections of a node's start. Raft sees to it that each is made once.

use turnpike_cluster::NodeId;

use crate::catalog::{self, Catalog, Edit, keys};
use crate::model::connection::{Claim, Claims};

/// Claims a start of a node, unless somebody has; answers with who has it now. Who asks again, because it is not known
/// whether the first time was successful, gets the same answer.
pub(super) async fn claim(catalog: &Catalog, node: NodeId, start: u64, by: NodeId) -> Result<NodeId, catalog::Error> {
    let key = keys::connection_claims(node);
    loop {
        let found = catalog.read(|documents| documents.get(&key))?;
        if let Some(by) = found.as_ref().and_then(|found| found.value.holder(start)) {
            return Ok(by);
        }
        let edit = match &found {
            Some(found) => Edit::new().update(&key, found, &found.value.with(Claim { start, by })),
            None => Edit::new().create(&key, &Claims::default().with(Claim { start, by })),
        };
        match catalog.commit(edit).await {
            Ok(_) => return Ok(by),
            Err(catalog::Error::Conflict { .. }) => catalog.fresh().await?,
            Err(error) => return Err(error),
        }
    }
}
