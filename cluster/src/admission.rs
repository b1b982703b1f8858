//! Admission by join token: a node without the cluster's secret gets it, once a token, and the members remember that.
//!
//! A redemption is a document, `cluster/tokens/{id}`, that says who redeemed the token; that nobody did before is the
//! condition of the transaction which writes it. The member that is asked looks at its clock: applying stays
//! deterministic. What has expired is removed by later redemptions.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::cluster::{Cluster, Inner};
use crate::config::Secret;
use crate::disk;
use crate::membership::{self, JoinError};
use crate::network::{Handed, Peers, Redeem, Refused, SKEW, Ticket};
use crate::token::JoinToken;
use crate::transaction::{Condition, TransactError, Transaction};

const TOKENS: &str = "cluster/tokens/";
/// So many redeemed tokens are remembered; while that many have not expired, no other is redeemed.
const REDEEMED: usize = 1024;
/// A redeemed token is remembered for so long after it expired: the clocks of members differ.
const REMEMBERED: Duration = SKEW;

/// That a token was redeemed.
#[derive(Serialize, Deserialize)]
struct Redemption {
    instance: u128,
    expires: u64,
}

/// Asks members for the cluster's secret, until one gives it or the time is over.
pub(crate) async fn ask_secret(
    token: &JoinToken,
    addresses: &[String],
    instance: u128,
    within: Duration,
) -> Result<Secret, JoinError> {
    let clock = Clock::system();
    if is_over(token.expires(), &clock) {
        return Err(JoinError::Token(expired()));
    }
    let unusable = |error: &dyn std::fmt::Display| JoinError::Token(error.to_string());
    let peers = Peers::of_token(token.papers(clock).map_err(|error| unusable(&error))?);
    let (Handed(secret), _) = membership::ask_members(&peers, addresses, &Redeem(instance), within).await?;
    Secret::new(secret).map_err(|error| unusable(&error))
}

/// Gives a token's holder the cluster's secret, unless another instance was given it for this token.
pub(crate) async fn redeem(
    inner: Arc<Inner>,
    clock: &Clock,
    ticket: Ticket,
    instance: u128,
) -> Result<Handed, Refused> {
    if is_over(ticket.expires, clock) {
        return Err(Refused::Final(expired()));
    }
    let cluster = Cluster { inner };
    let (redeemed, forgotten) = remembered(&cluster, clock);
    if redeemed >= REDEEMED {
        return Err(Refused::Final(format!("{REDEEMED} join tokens were used of late; wait until some have expired")));
    }
    let key = format!("{TOKENS}{:032x}", ticket.id);
    let redemption = Redemption { instance, expires: ticket.expires };
    let value = disk::pack(&redemption).map_err(|error| Refused::Final(error.to_string()))?;
    let first = Transaction::new().when(Condition::Absent(key.clone())).put(&key, value);
    let transaction = forgotten.into_iter().fold(first, |transaction, key| transaction.delete(key));
    match cluster.transact(transaction).await {
        Ok(_) => {}
        // A node that crashed before it had stored the secret asks again, as the same instance.
        Err(TransactError::Conflict { .. }) if redeemer(&cluster, &key) == Some(instance) => {}
        Err(TransactError::Conflict { .. }) => {
            return Err(Refused::Final("the join token was used already, by another node; get a new one".to_owned()));
        }
        Err(_) => return Err(Refused::NotLeader),
    }
    tracing::info!("a node has come with a join token, and was given the cluster's secret");
    Ok(Handed(cluster.inner.secret.bytes().to_vec()))
}

fn is_over(expires: u64, clock: &Clock) -> bool {
    expires <= clock.seconds()
}

fn expired() -> String {
    "the join token has expired; get a new one".to_owned()
}

/// How many redeemed tokens there are to be remembered, and the keys of those that can be forgotten.
fn remembered(cluster: &Cluster, clock: &Clock) -> (usize, Vec<String>) {
    let now = clock.seconds();
    cluster.read(|view| {
        let is_old = |value: &[u8]| {
            disk::unpack(value).is_ok_and(|known: Redemption| known.expires.saturating_add(REMEMBERED.as_secs()) <= now)
        };
        let (old, kept): (Vec<_>, Vec<_>) = view.scan(TOKENS).partition(|(_, document)| is_old(&document.value));
        (kept.len(), old.into_iter().map(|(key, _)| key.to_string()).collect())
    })
}

/// The instance that has redeemed a token.
fn redeemer(cluster: &Cluster, key: &str) -> Option<u128> {
    let document = cluster.read(|view| view.get(key))?;
    disk::unpack(&document.value).ok().map(|known: Redemption| known.instance)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::config::{Config, RESERVE, Start, Timing};

    const NOW: u64 = 1_800_000_000;
    const HOUR: u64 = 3600;

    async fn ask(cluster: &Cluster, now: u64, id: u128, expires: u64, instance: u128) -> Result<(), String> {
        let clock = Clock::set_by(move || UNIX_EPOCH + Duration::from_secs(now));
        let asked = redeem(Arc::clone(&cluster.inner), &clock, Ticket { id, expires }, instance).await;
        asked.map(drop).map_err(|refused| refused.to_string())
    }

    fn count(cluster: &Cluster) -> u64 {
        cluster.read(|view| view.count(TOKENS))
    }

    #[tokio::test]
    async fn redemptions_are_remembered_until_nobody_can_repeat_them_and_only_so_many() {
        let data = tempfile::tempdir().expect("a directory");
        let config = Config {
            data: data.path().to_owned(),
            node_id: None,
            listen: "127.0.0.1:0".to_owned(),
            advertise: None,
            start: Start::Bootstrap,
            learner: false,
            secret: None,
            token: None,
            tracks_processing: false,
            reserve: RESERVE,
            timing: Timing::default(),
        };
        let cluster = Cluster::start(config).await.expect("a node");
        let expires = NOW + HOUR;
        ask(&cluster, NOW, 1, expires, 10).await.expect("redeemed");
        ask(&cluster, NOW, 1, expires, 10).await.expect("redeemed again, by the same");
        assert!(ask(&cluster, NOW, 1, expires, 11).await.is_err_and(|why| why.contains("used already")));
        assert!(ask(&cluster, expires, 1, expires, 10).await.is_err_and(|why| why.contains("expired")));
        assert_eq!(count(&cluster), 1);
        // Another member's clock may be late by so much; it would still refuse the token.
        let almost = expires + REMEMBERED.as_secs() - 1;
        ask(&cluster, almost, 2, almost + HOUR, 10).await.expect("redeemed");
        assert!(ask(&cluster, NOW, 1, expires, 11).await.is_err_and(|why| why.contains("used already")));
        assert_eq!(count(&cluster), 2);
        ask(&cluster, almost + 1, 3, almost + HOUR, 10).await.expect("redeemed");
        assert_eq!(count(&cluster), 2, "the first is forgotten");

        let value = disk::pack(&Redemption { instance: 1, expires: almost + HOUR }).expect("packed");
        let many = (2..REDEEMED).fold(Transaction::new(), |many, n| many.put(format!("{TOKENS}{n}"), value.clone()));
        cluster.transact(many).await.expect("committed");
        assert!(ask(&cluster, almost, 4, almost + HOUR, 1).await.is_err_and(|why| why.contains("wait")));
        let later = almost + HOUR + REMEMBERED.as_secs();
        ask(&cluster, later, 4, later + HOUR, 1).await.expect("redeemed");
        assert_eq!(count(&cluster), 1);
        cluster.stop().await;
        // A node ends its process if its directory goes while something of it still runs.
        let _ = data.keep();
    }
}
