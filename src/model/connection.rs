//! The id of a WebSocket connection: it says which node has the connection.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE as BASE64;
use serde::{Deserialize, Serialize};

/// Bytes of an id: four that name the node, and seven at random.
const BYTES: usize = 11;
/// Bytes that name the node.
const NODE: usize = 4;

/// The id of a WebSocket connection, in AWS's form: eleven bytes as sixteen characters, the last of which is `=`.
///
/// No directory says where a connection is: the id does. The node's bytes are mixed with the random ones, so that ids of
/// one node look as unlike each other as AWS's do. Nothing rests on that: whoever may use an id has to sign for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionId([u8; BYTES]);

impl ConnectionId {
    /// Makes one for a connection of a node.
    pub fn random(node: u32) -> Self {
        loop {
            let id = Self::of(node, rand::random());
            if !starts_like_a_flag(id.0[0]) {
                return id;
            }
        }
    }

    fn of(node: u32, nonce: [u8; BYTES - NODE]) -> Self {
        let mut bytes = [0; BYTES];
        bytes[NODE..].copy_from_slice(&nonce);
        bytes[..NODE].copy_from_slice(&(node ^ mixer(&nonce)).to_be_bytes());
        Self(bytes)
    }

    /// The node that has the connection, or had it; any number at all, if the id is made up.
    pub fn node(&self) -> u32 {
        let (node, nonce) = self.0.split_at(NODE);
        let node = node.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        node ^ mixer(nonce)
    }

    /// A number that is about as often one as another: for spreading ids over shards.
    pub fn spread(&self) -> usize {
        usize::from(self.0[BYTES - 1])
    }

    /// Reads an id; nothing, if it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(BASE64.decode(text).ok()?.try_into().ok()?))
    }
}

/// Who may speak for the connections of a node, start by start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The latest is the last; those of long ago are forgotten.
    #[serde(default)]
    pub claims: Vec<Claim>,
}

impl Claims {
    /// So many are remembered. A node has a few starts in the time that another one may take it for dead.
    const REMEMBERED: usize = 16;

    /// Who has claimed a start.
    pub fn holder(&self, start: u64) -> Option<u64> {
        self.claims.iter().find(|claim| claim.start == start).map(|claim| claim.by)
    }

    /// These and one more.
    pub fn with(&self, claim: Claim) -> Self {
        let forgotten = (self.claims.len() + 1).saturating_sub(Self::REMEMBERED);
        let claims = self.claims.iter().skip(forgotten).cloned();
        Self { claims: claims.chain([claim]).collect() }
    }
}

/// The right of one node to speak for the connections that another had, or its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The start of the node that had them: a number drawn when it began to take connections.
    pub start: u64,
    /// The node that speaks for them.
    pub by: u64,
}

/// Whether an id of which this is the first byte begins with a `-`: command lines would take it for a flag.
pub fn starts_like_a_flag(first: u8) -> bool {
    const DASH: u8 = 62;
    first >> 2 == DASH
}

/// What the node's bytes are mixed with.
fn mixer(nonce: &[u8]) -> u32 {
    // FNV-1a: any function would do.
    nonce.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_awss_and_says_its_node() {
        for node in [0, 1, 3, 65_536, u32::MAX] {
            let id = ConnectionId::random(node);
            let text = id.to_string();
            assert_eq!((text.len(), text.ends_with('='), id.node()), (16, true, node), "{text}");
            assert_eq!(ConnectionId::parse(&text), Some(id));
        }
        for first in 0..=u8::MAX {
            let id = ConnectionId([first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(starts_like_a_flag(first), id.to_string().starts_with('-'));
        }
    }

    #[test]
    fn awss_ids_are_read_and_what_is_none_is_not() {
        for (text, expected) in [
            ("R1kmxc2VNjMCFIA=", true),
            ("eHrdFcnvvHcCE-w=", true),
            ("", false),
            ("R1kmxc2VNjMCFIA", false),
            ("R1kmxc2VNjMCFI==", false),
            ("R1kmxc2VNjMCFIA=x", false),
            ("R1kmxc2V+jMCFIA=", false),
            ("../../etc/passwd", false),
        ] {
            assert_eq!(ConnectionId::parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn claims_are_remembered_for_a_while() {
        let mut claims = Claims::default();
        for start in 0..20 {
            claims = claims.with(Claim { start, by: start % 3 });
        }
        assert_eq!((claims.claims.len(), claims.holder(3), claims.holder(4)), (16, None, Some(1)));
        assert_eq!((claims.holder(19), claims.holder(20)), (Some(1), None));
    }
}
