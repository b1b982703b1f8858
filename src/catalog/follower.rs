//! Who is told of changes before a commit counts as dealt with on this node.

/// Follows changes of the catalog. What is told here is done when the call returns: then the node says that it has dealt
/// with the commit.
pub trait Follower: Send + Sync {
    /// The document with this key was written or removed.
    fn changed(&self, key: &str);

    /// Some changes were missed: everything may have changed.
    fn reload(&self);
}
