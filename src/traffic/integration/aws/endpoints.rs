//! Where AWS's services are: at AWS, or where the settings say, as AWS's SDKs read them.
//!
//! Source: "Service-specific endpoints", AWS SDKs and Tools Reference Guide; the SDKs' rules for endpoints.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Error;
use super::environment::Environment;
use super::profiles::Profiles;
use super::services::{GLOBAL, Service, label};
use crate::traffic::integration::Origin;

/// So many endpoints are kept when they are known; more are worked out anew.
const KEPT: usize = 256;

/// Where a service's API is, and how calls of it are signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Whom to connect to.
    pub origin: Arc<Origin>,
    /// What stands before every path, without a slash at its end.
    pub base: String,
    /// The name that signatures are scoped to.
    pub signing: String,
    /// The region that signatures are scoped to.
    pub region: String,
    /// Whether it is where AWS has it, and not where the settings say.
    pub is_awss: bool,
}

/// Knows where services are.
pub(super) struct Endpoints {
    environment: Arc<Environment>,
    profiles: Profiles,
    known: ArcSwap<HashMap<(String, String), Arc<Endpoint>>>,
}

impl Endpoints {
    pub(super) fn new(environment: Arc<Environment>) -> Self {
        let profiles = environment.profiles();
        Self { environment, profiles, known: ArcSwap::default() }
    }

    /// Where a service, by its name in ARNs, is in a region.
    pub(super) fn find(&self, service: &str, region: &str) -> Result<Arc<Endpoint>, Error> {
        let key = (service.to_owned(), region.to_owned());
        if let Some(known) = self.known.load().get(&key) {
            return Ok(Arc::clone(known));
        }
        let endpoint = Arc::new(self.resolve(service, region).ok_or_else(|| Error::Endpoint(service.to_owned()))?);
        if self.known.load().len() < KEPT {
            self.known.rcu(|known| {
                let mut known = HashMap::clone(known);
                known.insert(key.clone(), Arc::clone(&endpoint));
                known
            });
        }
        Ok(endpoint)
    }

    /// The region of calls that no API says one for.
    pub(super) fn region(&self) -> Option<&str> {
        let environment = self.environment.get("AWS_REGION").or_else(|| self.environment.get("AWS_DEFAULT_REGION"));
        environment.or_else(|| self.setting("region"))
    }

    fn resolve(&self, service: &str, region: &str) -> Option<Endpoint> {
        let known = Service::find(service);
        let own = label(service);
        let global = GLOBAL.iter().find(|(name, _)| *name == own);
        let region = global.map_or(region, |(_, region)| region).to_owned();
        let signing = known.map_or(own, |service| service.signing).to_owned();
        let id = known.map_or_else(|| own.to_ascii_uppercase().replace('-', "_"), |service| service.id.to_owned());
        if let Some(configured) = self.configured(&id) {
            let (origin, path) = Origin::parse(configured)?;
            let mut base = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
            // Elsewhere buckets have no hosts of their own.
            if let Some(bucket) = service.strip_suffix(".s3") {
                base = format!("{base}/{bucket}");
            }
            return Some(Endpoint { origin: Arc::new(origin), base, signing, region, is_awss: false });
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = match global {
            Some(_) => format!("{service}.{domain}"),
            None => format!("{service}.{region}.{domain}"),
        };
        let (origin, _) = Origin::parse(&format!("https://{host}"))?;
        Some(Endpoint { origin: Arc::new(origin), base: String::new(), signing, region, is_awss: true })
    }

    /// What the settings say of a service: its own before all services', the environment before the files.
    fn configured(&self, id: &str) -> Option<&str> {
        let is_ignored = self.environment.is_on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            || self.setting("ignore_configured_endpoint_urls").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_ignored {
            return None;
        }
        let environment = self.environment.get(&format!("AWS_ENDPOINT_URL_{id}"));
        let environment = environment.or_else(|| self.environment.get("AWS_ENDPOINT_URL"));
        let profile = self.environment.profile();
        environment
            .or_else(|| self.profiles.service(profile, &id.to_ascii_lowercase(), "endpoint_url"))
            .or_else(|| self.setting("endpoint_url"))
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.profiles.profile(self.environment.profile())?.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(environment: Environment, rows: &[(&str, &str, &str)]) {
        let environment = Arc::new(environment);
        let endpoints = Endpoints::new(environment);
        for (service, region, expected) in rows {
            let found = endpoints.find(service, region);
            let shown = found.map(|found| {
                let scheme = if found.origin.secure { "https" } else { "http" };
                let Endpoint { origin, base, signing, region, .. } = &*found;
                format!("{scheme}://{}{base} {signing} {region}", origin.authority)
            });
            assert_eq!(shown.as_deref().unwrap_or("none"), *expected, "{service} {region}");
        }
    }

    #[test]
    fn services_are_where_aws_has_them() {
        check(
            Environment::default(),
            &[
                ("dynamodb", "us-east-1", "https://dynamodb.us-east-1.amazonaws.com dynamodb us-east-1"),
                ("sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn sqs cn-north-1"),
                ("bucket.s3", "eu-west-1", "https://bucket.s3.eu-west-1.amazonaws.com s3 eu-west-1"),
                (
                    "runtime.sagemaker",
                    "us-east-1",
                    "https://runtime.sagemaker.us-east-1.amazonaws.com sagemaker us-east-1",
                ),
                ("iam", "eu-west-1", "https://iam.amazonaws.com iam us-east-1"),
                ("batch", "us-east-1", "https://batch.us-east-1.amazonaws.com batch us-east-1"),
                ("no name", "us-east-1", "none"),
            ],
        );
    }

    #[test]
    fn settings_say_where_services_are() {
        let environment = Environment::from([
            ("AWS_ENDPOINT_URL", "http://localhost:5000/"),
            ("AWS_ENDPOINT_URL_SFN", "https://h/base/"),
            ("AWS_ENDPOINT_URL_SNS", "nonsense"),
            ("AWS_ENDPOINT_URL_S3", ""),
        ]);
        check(
            environment,
            &[
                ("states", "us-east-1", "https://h/base states us-east-1"),
                ("sqs", "eu-west-1", "http://localhost:5000 sqs eu-west-1"),
                ("bucket.s3", "eu-west-1", "http://localhost:5000/bucket s3 eu-west-1"),
                ("sns", "us-east-1", "none"),
            ],
        );
        let ignored = Environment::from([
            ("AWS_ENDPOINT_URL", "http://localhost:5000/"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ]);
        check(ignored, &[("sqs", "us-east-1", "https://sqs.us-east-1.amazonaws.com sqs us-east-1")]);
    }

    #[test]
    fn the_profile_says_where_services_are_if_the_environment_does_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("config");
        let config = "[profile p]\nregion = eu-north-1\nendpoint_url = http://all\nservices = s\n[services s]\nsfn =\n endpoint_url = http://steps\n";
        std::fs::write(&path, config).expect("a file");
        let path = path.to_str().expect("a path");
        let environment = || Environment::from([("AWS_CONFIG_FILE", path), ("AWS_PROFILE", "p")]);
        check(
            environment(),
            &[
                ("states", "us-east-1", "http://steps states us-east-1"),
                ("sqs", "us-east-1", "http://all sqs us-east-1"),
            ],
        );
        assert_eq!(Endpoints::new(Arc::new(environment())).region(), Some("eu-north-1"));
    }
}
