//! Sessions of roles that integrations name: assumed at their first use, shared by all that name the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::Error;
use super::renewing::{Fetch, Renewing};
use super::session::Session;
use super::sts::{Role, Sts};

/// Sessions of so many roles are kept; of more, those that were used longest ago are forgotten.
const KEPT: usize = 1000;
/// How API Gateway calls its sessions (data-plane reference, 10.4).
const SESSION_NAME: &str = "BackplaneAssumeRoleSession";

/// The sessions of this node.
pub(super) struct Roles {
    node: Renewing,
    sts: Sts,
    runtime: Handle,
    known: ArcSwap<HashMap<String, Arc<Known>>>,
}

struct Known {
    session: Renewing,
    /// When it was used last, in seconds since 1970.
    used: AtomicI64,
}

impl Roles {
    /// None yet; they are assumed by the node's credentials.
    pub(super) fn new(node: Renewing, sts: Sts, runtime: Handle) -> Self {
        Self { node, sts, runtime, known: ArcSwap::default() }
    }

    /// A session of a role.
    pub(super) async fn get(&self, arn: &str) -> Result<Arc<Session>, Error> {
        self.find(arn).session.get().await
    }

    fn find(&self, arn: &str) -> Arc<Known> {
        let now = self.sts.clock.seconds();
        if let Some(known) = self.known.load().get(arn) {
            known.used.store(now, Ordering::Relaxed);
            return Arc::clone(known);
        }
        let session = Renewing::new(self.fetch(arn), self.sts.clock.clone(), self.runtime.clone());
        let made = Arc::new(Known { session, used: AtomicI64::new(now) });
        self.known.rcu(|known| with(known, arn, &made));
        // Another may have been faster: what is kept counts, so that a role is assumed once.
        self.known.load().get(arn).map_or(made, Arc::clone)
    }

    fn fetch(&self, arn: &str) -> Fetch {
        let (node, sts, arn) = (self.node.clone(), self.sts.clone(), arn.to_owned());
        Arc::new(move || {
            let (node, sts, arn) = (node.clone(), sts.clone(), arn.clone());
            Box::pin(async move {
                let by = node.get().await?;
                let role = Role { arn: &arn, session_name: SESSION_NAME, external_id: None };
                sts.assume(&by, &role).await.map_err(|why| Error::Role { role: arn.clone(), why })
            })
        })
    }
}

/// The same roles and one more, if it is not there; as few as there may be.
fn with(known: &HashMap<String, Arc<Known>>, arn: &str, made: &Arc<Known>) -> HashMap<String, Arc<Known>> {
    let mut known = known.clone();
    if known.len() >= KEPT && !known.contains_key(arn) {
        let oldest = known.iter().min_by_key(|(_, known)| known.used.load(Ordering::Relaxed));
        if let Some(oldest) = oldest.map(|(arn, _)| arn.clone()) {
            known.remove(&oldest);
        }
    }
    known.entry(arn.to_owned()).or_insert_with(|| Arc::clone(made));
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::clock::Clock;

    #[tokio::test]
    async fn the_role_that_was_used_longest_ago_is_forgotten() {
        let made = |used: i64| {
            let fetch: Fetch = Arc::new(|| Box::pin(async { Err(Error::Stopped) }));
            let session = Renewing::new(fetch, Clock::fixed(0), Handle::current());
            Arc::new(Known { session, used: AtomicI64::new(used) })
        };
        let mut known = HashMap::new();
        for number in 0..KEPT {
            known = with(&known, &number.to_string(), &made(i64::try_from(number).expect("few")));
        }
        known["0"].used.store(5_000, Ordering::Relaxed);
        let known = with(&known, "new", &made(6_000));
        assert_eq!(known.len(), KEPT);
        assert!(known.contains_key("0") && !known.contains_key("1") && known.contains_key("new"));
        assert!(Arc::ptr_eq(&with(&known, "new", &made(7_000))["new"], &known["new"]), "the first stays");
    }
}
