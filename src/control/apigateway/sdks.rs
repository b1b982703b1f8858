//! Sdks: GetSdk, GetSdkTypes, GetSdkType.
//!
//! A client is generated from the deployment that its stage serves. Of AWS's languages JavaScript is generated; there
//! are others beside them, which AWS's clients don't ask for.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::Target;
use super::sdk_types::{self, SdkType};
use crate::catalog::keys;
use crate::control::sdk::{Interface, Language, pack};
use crate::control::wire::{Answer, Error};
use crate::mapping::query::Query;
use crate::model::id::{ApiId, StageName};

/// A call has at most so many configuration properties.
const MAX_PROPERTIES: usize = 100;
/// The address of an API has at most so many characters.
const MAX_URL: usize = 2048;
/// The time in the name of a file.
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]_[hour]-[minute]Z");

impl Target<'_> {
    pub(super) fn get_sdk(&self, api: &ApiId, stage: &StageName, sdk_type: &str) -> Result<Answer, Error> {
        let snapshot = self.control.catalog.read(|documents| {
            let stage = self.find_stage(documents, api, stage)?;
            let snapshot = documents.get(&keys::snapshot(api, &stage.value.deployment))?;
            snapshot.ok_or_else(|| Error::not_found("Invalid Deployment identifier specified"))
        })?;
        let kind = sdk_types::find(sdk_type)
            .ok_or_else(|| Error::bad_request(format!("SDK type '{sdk_type}' is not supported")))?;
        let query = Query::parse(&self.call.query);
        let property = |name: &str| query.last(name).filter(|value| !value.is_empty());
        if self.call.query.split('&').count() > MAX_PROPERTIES {
            return Err(Error::bad_request(format!(
                "An SDK can have at most {MAX_PROPERTIES} configuration properties"
            )));
        }
        let language = check(kind, property)?;
        let package = property(sdk_types::PACKAGE);
        if let Some(name) = package.filter(|name| !language.takes_package(name)) {
            return Err(Error::bad_request(format!("Invalid {} specified: '{name}'", sdk_types::PACKAGE)));
        }
        let invoke_url = match property(sdk_types::INVOKE_URL) {
            Some(url) => checked(url)?,
            None => format!("{}/{api}/{stage}", self.gateway()),
        };
        let files = language.generate(&Interface::new(&snapshot.value, invoke_url), package);
        let now = OffsetDateTime::from_unix_timestamp(self.control.clock.seconds());
        let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let body = pack(&files, now).map_err(|error| {
            tracing::error!(%error, "an SDK can't be packed");
            Error::internal()
        })?;
        let stamp = now.format(STAMP).unwrap_or_default();
        let disposition = format!("attachment; filename=\"{}_{stamp}.zip\"", kind.id);
        Ok(Answer {
            status: 200,
            content_type: "application/octet-stream",
            body,
            headers: vec![("content-disposition", disposition)],
        })
    }

    pub(super) fn get_sdk_types(&self) -> Result<Answer, Error> {
        // As at AWS the list is one page, whatever is asked for.
        Ok(Answer::list(sdk_types::ALL.iter().map(|kind| kind.members().into()).collect(), None))
    }

    pub(super) fn get_sdk_type(&self, id: &str) -> Result<Answer, Error> {
        let found = sdk_types::find(id).ok_or_else(|| Error::not_found("Invalid SDK type identifier specified"))?;
        Ok(Answer::json(200, found.members()))
    }

    /// Where this node serves APIs, as this caller can reach it: under the host that the call came to, with the port
    /// of the gateway, unless that port serves both planes.
    fn gateway(&self) -> String {
        let settings = &self.control.settings;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let host = self.call.header("host").filter(|host| !host.is_empty() && host.bytes().all(plain));
        let (host, port) = host.map_or(("localhost", None), split);
        let is_edge = settings.edge_port.is_some() && port == settings.edge_port;
        let port = port.filter(|_| is_edge).unwrap_or(settings.gateway_port);
        format!("http://{host}:{port}/_aws/execute-api")
    }
}

/// What a type needs must be there; and then there must be somebody who generates it.
fn check<'a>(kind: &SdkType, property: impl Fn(&str) -> Option<&'a str>) -> Result<Language, Error> {
    let missing = kind.properties.iter().filter(|wanted| wanted.required);
    let mut missing = missing.filter(|wanted| wanted.names().all(|name| property(name).is_none()));
    if let Some(wanted) = missing.next() {
        return Err(Error::bad_request(format!("Missing required parameter: {}", wanted.name)));
    }
    kind.language.ok_or_else(|| Error::bad_request(format!("SDK type '{}' is not supported", kind.id)))
}

/// A host and its port. IPv6 addresses are in brackets, which stay.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, None),
    }
}

/// An address that generated code can have in it, without a `/` at the end.
fn checked(url: &str) -> Result<String, Error> {
    let refused = || Error::bad_request(format!("Invalid {} specified: '{url}'", sdk_types::INVOKE_URL));
    let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme)).ok_or_else(refused)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:/[]+,=@$".contains(&byte);
    let has_host = rest.bytes().next().is_some_and(|first| first != b'/' && first != b':');
    if url.len() > MAX_URL || !has_host || !rest.bytes().all(plain) {
        return Err(refused());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_port_or_not() {
        let rows = [
            ("localhost:4567", ("localhost", Some(4567))),
            ("turnpike.example", ("turnpike.example", None)),
            ("[::1]:80", ("[::1]", Some(80))),
            ("[::1]", ("[::1]", None)),
            ("host:99999", ("host", None)),
        ];
        for (host, parts) in rows {
            assert_eq!(split(host), parts, "{host}");
        }
    }

    #[test]
    fn an_address_is_one() {
        assert_eq!(checked("https://api.example.com/v1/"), Ok("https://api.example.com/v1".to_owned()));
        assert!(checked("http://[::1]:80/a%20b").is_ok());
        for url in ["ftp://a", "https://", "https:///a", "http://a b", "http://a\"", "http://a?b", "http://a#b", "a"] {
            assert!(checked(url).is_err(), "{url}");
        }
        assert!(checked(&format!("https://{}", "a".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn required_properties_come_first() {
        let with = |id: &str, given: &'static [&'static str]| {
            let kind = sdk_types::find(id).expect("a type of AWS's");
            check(kind, |name| given.contains(&name).then_some("x"))
        };
        let refused = |message: &str| Err(Error::bad_request(message));
        assert_eq!(with("javascript", &[]), Ok(Language::JavaScript));
        assert_eq!(with("swift", &[]), refused("Missing required parameter: classPrefix"));
        assert_eq!(with("swift", &["classPrefix"]), refused("SDK type 'swift' is not supported"));
        assert_eq!(with("java", &["serviceName"]), refused("Missing required parameter: java.package-name"));
        let both = refused("SDK type 'java' is not supported");
        assert_eq!(with("java", &["serviceName", "javaPackageName"]), both);
        assert_eq!(with("java", &["service.name", "java.package-name"]), both);
    }
}
