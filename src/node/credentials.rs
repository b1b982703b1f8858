//! The root credentials: given by the environment, or made once for the whole cluster and kept sealed in the catalog.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Config, Error};
use crate::catalog::{self, Catalog, Edit, keys};
use crate::control::Authentication;
use crate::identity::sigv4::Credentials;
use crate::traffic::websocket::Callers;

/// The root credentials of a node.
#[derive(Clone, Debug)]
pub struct Root {
    /// The access key.
    pub credentials: Credentials,
    /// Whether this start has made them: then they are shown, this once.
    pub made: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    access_key_id: String,
    secret_access_key: String,
}

impl Root {
    pub(super) fn authentication(&self, config: &Config) -> Authentication {
        if config.admin_auth { Authentication::Root(self.credentials.clone()) } else { Authentication::Off }
    }

    /// Who may call for WebSocket connections.
    pub(super) fn callers(&self, config: &Config) -> Callers {
        Callers::new(self.credentials.clone(), !config.admin_auth)
    }
}

pub(super) async fn root(config: &Config, catalog: &Catalog) -> Result<Root, Error> {
    if let Some(credentials) = &config.root {
        return Ok(Root { credentials: credentials.clone(), made: false });
    }
    loop {
        if let Some(kept) = read(catalog)? {
            return Ok(Root { credentials: kept, made: false });
        }
        let credentials = make();
        let kept = Kept {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
        };
        let text = serde_json::to_vec(&kept).map_err(|_| Error::Sealed)?;
        let edit = Edit::new().create(&keys::root_credentials(), &catalog.seal(&text));
        match catalog.commit(edit).await {
            Ok(_) => return Ok(Root { credentials, made: true }),
            // Another node was first: theirs are read.
            Err(catalog::Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn read(catalog: &Catalog) -> Result<Option<Credentials>, Error> {
    let Some(sealed) = catalog.read(|documents| documents.get(&keys::root_credentials()))? else { return Ok(None) };
    let text = catalog.unseal(&sealed.value).ok_or(Error::Sealed)?;
    let kept: Kept = serde_json::from_slice(&text).map_err(|_| Error::Sealed)?;
    Ok(Some(Credentials { access_key_id: kept.access_key_id, secret_access_key: kept.secret_access_key }))
}

/// Makes an access key in AWS's form: `AKIA` and sixteen of `[A-Z2-7]`, and forty characters of secret.
fn make() -> Credentials {
    let mut random = rand::rng();
    let mut text = |alphabet: &[u8], length: usize| -> String {
        (0..length).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])).collect()
    };
    let id = text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
    let secret = text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40);
    Credentials { access_key_id: format!("AKIA{id}"), secret_access_key: secret }
}
