//! Credentials in use: an access key, perhaps for a while only, with the keys that sign by it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::identity::sigv4::SigningKey;

/// So many signing keys are kept, one for each day, region and service that was called; the oldest go first.
const SIGNING_KEYS: usize = 64;

/// An access key with its secret.
pub(super) struct Session {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    /// What must be shown with it, if it is of a session.
    pub(super) token: Option<String>,
    /// When it ends, in seconds since 1970, if it does.
    pub(super) expires: Option<i64>,
    keys: ArcSwap<Vec<Arc<SigningKey>>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("access_key_id", &self.access_key_id).field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        token: Option<String>,
        expires: Option<i64>,
    ) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            token: token.filter(|token| !token.is_empty()),
            expires,
            keys: ArcSwap::default(),
        }
    }

    /// The key that signs for a service in a region now; made once a day.
    pub(super) fn key(&self, now: i64, region: &str, service: &str) -> Arc<SigningKey> {
        if let Some(known) = self.keys.load().iter().rev().find(|key| key.is_for(now, region, service)) {
            return Arc::clone(known);
        }
        let key = Arc::new(SigningKey::new(&self.secret_access_key, now, region, service));
        self.keys.rcu(|keys| {
            let forgotten = (keys.len() + 1).saturating_sub(SIGNING_KEYS);
            keys.iter().skip(forgotten).chain([&key]).cloned().collect::<Vec<_>>()
        });
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_keys_are_made_once_and_are_few() {
        let session = Session::new("AKID", "secret", None, None);
        let first = session.key(0, "us-east-1", "s3");
        assert!(Arc::ptr_eq(&first, &session.key(86_399, "us-east-1", "s3")), "the same day");
        assert!(!Arc::ptr_eq(&first, &session.key(86_400, "us-east-1", "s3")), "the next day");
        assert!(!Arc::ptr_eq(&first, &session.key(0, "us-east-2", "s3")));
        for day in 0..200 {
            session.key(day * 86_400, "us-east-1", "sqs");
        }
        assert_eq!(session.keys.load().len(), SIGNING_KEYS);
        assert!(!format!("{session:?}").contains("secret"));
    }
}
