//! Where each kind of document lives: every key of the catalog is made, and read, in this folder.
//!
//! | key | document |
//! | --- | --- |
//! | `account` | the account's settings |
//! | `clientcertificates/{id}` | a client certificate |
//! | `clientcertificates/{id}/key` | its private key, sealed |
//! | `domainaccess/{arn}` | an access association of a private domain name |
//! | `domainnames/{name}` | a domain name; a private one is `{name}+{id}` |
//! | `domainnames/{name}/key` | the private key of its uploaded certificate, sealed |
//! | `domainnames/{name}/mappings/{base path}` | a base path mapping |
//! | `identity/root` | the root credentials, sealed |
//! | `restapis/{api}` | a REST API |
//! | `restapis/{api}/resources/{resource}` | a resource |
//! | `restapis/{api}/resources/{resource}/children/{part}` | the id of the child that holds this path part |
//! | `restapis/{api}/resources/{resource}/methods/{verb}` | a method with its integration and responses |
//! | `restapis/{api}/models/{name}` | a model |
//! | `restapis/{api}/authorizers/{authorizer}` | an authorizer |
//! | `restapis/{api}/requestvalidators/{validator}` | a request validator |
//! | `restapis/{api}/gatewayresponses/{TYPE}` | a gateway response that the API customizes |
//! | `restapis/{api}/documentation/parts/{part}` | a documentation part |
//! | `restapis/{api}/documentation/locations/{location}` | the id of the part that is about this, a claim |
//! | `restapis/{api}/documentation/versions/{version}` | a documentation version |
//! | `restapis/{api}/deployments/{deployment}` | a deployment's card |
//! | `restapis/{api}/snapshots/{deployment}` | what the deployment holds |
//! | `restapis/{api}/stages/{stage}` | a stage |
//! | `restapis/{api}/usageplans/{stage}:{plan}` | the id of a usage plan that opens the stage, of whichever kind the API is |
//! | `apikeys/{key}` | an API key, its value sealed |
//! | `apikeyvalues/{fingerprint}` | the id of the API key that has this value, a claim |
//! | `usageplans/{plan}` | a usage plan |
//! | `usageplans/{plan}/joined` | the id of the API key that was put into the plan last |
//! | `usageplans/{plan}/keys/{key}` | an API key's being in the plan |
//! | `usage/{plan}/{key}/{year}-{month}` | what the key has used of the plan, by days |
//! | `openday` | the day whose quotas are open |
//! | `restapis/{api}/flushes/{stage}` | how often the stage's caches were flushed |
//! | `restapis/{api}/mappings/{name}:{base path}` | the same as the domain name's mapping, where the API sees it |
//! | `apis/{api}` | an API of V2 |
//! | `apis/{api}/routes/{route}` | a route |
//! | `apis/{api}/routes/{route}/responses/{response}` | a route response |
//! | `apis/{api}/routekeys/{key}` | the id of the route that has this key, a claim |
//! | `apis/{api}/integrations/{integration}` | an integration |
//! | `apis/{api}/integrations/{integration}/responses/{response}` | an integration response |
//! | `apis/{api}/authorizers/{authorizer}` | an authorizer |
//! | `apis/{api}/models/{model}` | a model |
//! | `apis/{api}/deployments/{deployment}` | a deployment's card |
//! | `apis/{api}/snapshots/{deployment}` | what the deployment holds |
//! | `apis/{api}/stages/{stage}` | a stage |
//! | `apis/{api}/mappings/{name}:{base path}` | the same as the domain name's mapping, where the API sees it |
//! | `vpclinks/{id}` | a VPC link |
//! | `functions/{name}` | a function, with its version `$LATEST` |
//! | `functions/{name}/versions/{number}` | a published version |
//! | `functions/{name}/environment/{version}` | a version's environment variables, sealed |
//! | `functions/{name}/aliases/{alias}` | an alias |
//! | `functions/{name}/policies/{qualifier}` | who may call the function, or what the qualifier names of it |
//! | `functioncode/{blob}/{name}:{version}` | that the version's code is this blob, a claim |
//! | `cluster/…` | the store's own, where it needs any: not for the catalog |
//!
//! A backup is restored in the order of keys, and, if it is large, by several commits: what a document needs comes
//! before it, as a stage's snapshots do.
//!
//! An API key's value is in no document but sealed, and its claim is named by a keyed hash of it: both can be made and read
//! with the cluster's secret only, so that a backup gives no value away. Restored into a cluster with the same secret the
//! keys work on; with another one, they are there with their plans and their usage, but no caller's key is found among
//! them, whoever asks for a value is told why there is none, and the same value may be given to a new key.
//!
//! The `children` documents are claims: that two siblings never share a path part, nor have two variable ones,
//! is a condition of the transaction which creates the claim, whichever nodes the callers speak to.

mod connections;
mod functions;
mod http;
mod usage;

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::digest::{SHA256, digest};

pub use connections::*;
pub use functions::*;
pub use http::*;
pub use usage::*;

use super::Sealed;
use crate::model::id::{
    ApiId, AuthorizerId, ClientCertificateId, DeploymentId, DocumentationPartId, RequestValidatorId, ResourceId,
    StageName, VpcLinkId,
};
use crate::model::rest::{
    AccessAssociation, Account, Authorizer, BasePathMapping, ClientCertificate, Deployment, DocumentationPart,
    DocumentationVersion, DomainName, Flushes, GatewayResponse, GatewayResponseType, Location, Method, Model, PathPart,
    RequestValidator, Resource, RestApi, Snapshot, Stage, Verb, VpcLink,
};

/// The key of one document of type `T`.
pub struct Key<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

/// What the keys of some documents of type `T` start with.
pub struct Prefix<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

/// A component of a key: what a caller named, without a slash that would make two of it. No two names are written alike.
struct Part<'a>(&'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['/', '%']) {
            let (before, from) = rest.split_at(at);
            f.write_str(before)?;
            // A percent sign stays as it is, unless it would be read as one that stands for something.
            f.write_str(match from {
                _ if from.starts_with('/') => "%2F",
                _ if from.starts_with("%2F") || from.starts_with("%25") => "%25",
                _ => "%",
            })?;
            rest = &from[1..];
        }
        f.write_str(rest)
    }
}

fn part(text: &(impl AsRef<str> + ?Sized)) -> Part<'_> {
    Part(text.as_ref())
}

impl<T> Key<T> {
    fn new(text: String) -> Self {
        Self { text, kind: PhantomData }
    }

    /// The key as the store knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> Prefix<T> {
    fn new(text: String) -> Self {
        Self { text, kind: PhantomData }
    }

    /// The prefix as the store knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The root credentials.
pub fn root_credentials() -> Key<Sealed> {
    Key::new("identity/root".to_owned())
}

/// Whether a document is a cluster's own and not its users'. No backup brings it into another cluster: the root
/// credentials are sealed with the secret of the cluster that made them, and those who run the other one hold others.
pub fn is_own(key: &str) -> bool {
    key == root_credentials().as_str()
}

/// All REST APIs.
pub fn rest_apis() -> Prefix<RestApi> {
    Prefix::new("restapis/".to_owned())
}

/// A REST API.
pub fn rest_api(api: &ApiId) -> Key<RestApi> {
    Key::new(format!("restapis/{}", part(api)))
}

/// The resources of an API.
pub fn resources(api: &ApiId) -> Prefix<Resource> {
    Prefix::new(format!("restapis/{}/resources/", part(api)))
}

/// A resource.
pub fn resource(api: &ApiId, resource: &ResourceId) -> Key<Resource> {
    Key::new(format!("restapis/{}/resources/{}", part(api), part(resource)))
}

/// The claims of a resource's children.
pub fn children(api: &ApiId, parent: &ResourceId) -> Prefix<ResourceId> {
    Prefix::new(format!("restapis/{}/resources/{}/children/", part(api), part(parent)))
}

/// The claim of a path part under a parent. All variable parts claim the same: there may be only one.
pub fn child(api: &ApiId, parent: &ResourceId, path_part: &str) -> Key<ResourceId> {
    let claimed = if PathPart::parse(path_part).is_variable() { "{}" } else { path_part };
    Key::new(format!("restapis/{}/resources/{}/children/{}", part(api), part(parent), part(claimed)))
}

/// The methods of a resource.
pub fn methods(api: &ApiId, resource: &ResourceId) -> Prefix<Method> {
    Prefix::new(format!("restapis/{}/resources/{}/methods/", part(api), part(resource)))
}

/// A method.
pub fn method(api: &ApiId, resource: &ResourceId, verb: Verb) -> Key<Method> {
    Key::new(format!("restapis/{}/resources/{}/methods/{verb}", part(api), part(resource)))
}

/// The models of an API.
pub fn models(api: &ApiId) -> Prefix<Model> {
    Prefix::new(format!("restapis/{}/models/", part(api)))
}

/// A model.
pub fn model(api: &ApiId, name: &str) -> Key<Model> {
    Key::new(format!("restapis/{}/models/{}", part(api), part(name)))
}

/// The authorizers of an API.
pub fn authorizers(api: &ApiId) -> Prefix<Authorizer> {
    Prefix::new(format!("restapis/{}/authorizers/", part(api)))
}

/// An authorizer.
pub fn authorizer(api: &ApiId, authorizer: &AuthorizerId) -> Key<Authorizer> {
    Key::new(format!("restapis/{}/authorizers/{}", part(api), part(authorizer)))
}

/// The request validators of an API.
pub fn request_validators(api: &ApiId) -> Prefix<RequestValidator> {
    Prefix::new(format!("restapis/{}/requestvalidators/", part(api)))
}

/// A request validator.
pub fn request_validator(api: &ApiId, validator: &RequestValidatorId) -> Key<RequestValidator> {
    Key::new(format!("restapis/{}/requestvalidators/{}", part(api), part(validator)))
}

/// The gateway responses that an API customizes.
pub fn gateway_responses(api: &ApiId) -> Prefix<GatewayResponse> {
    Prefix::new(format!("restapis/{}/gatewayresponses/", part(api)))
}

/// A gateway response that an API customizes.
pub fn gateway_response(api: &ApiId, kind: GatewayResponseType) -> Key<GatewayResponse> {
    Key::new(format!("restapis/{}/gatewayresponses/{kind}", part(api)))
}

/// The documentation parts of an API.
pub fn documentation_parts(api: &ApiId) -> Prefix<DocumentationPart> {
    Prefix::new(format!("restapis/{}/documentation/parts/", part(api)))
}

/// A documentation part.
pub fn documentation_part(api: &ApiId, id: &DocumentationPartId) -> Key<DocumentationPart> {
    Key::new(format!("restapis/{}/documentation/parts/{}", part(api), part(id)))
}

/// The claim of what a documentation part is about: named by its hash, as paths may be longer than keys.
pub fn documentation_location(api: &ApiId, location: &Location) -> Key<DocumentationPartId> {
    let spelled = serde_json::to_vec(&location.completed()).expect("texts become JSON");
    let hash = hex::encode(digest(&SHA256, &spelled));
    Key::new(format!("restapis/{}/documentation/locations/{hash}", part(api)))
}

/// The documentation versions of an API.
pub fn documentation_versions(api: &ApiId) -> Prefix<DocumentationVersion> {
    Prefix::new(format!("restapis/{}/documentation/versions/", part(api)))
}

/// A documentation version.
pub fn documentation_version(api: &ApiId, version: &str) -> Key<DocumentationVersion> {
    Key::new(format!("restapis/{}/documentation/versions/{}", part(api), part(version)))
}

/// The deployments of an API.
pub fn deployments(api: &ApiId) -> Prefix<Deployment> {
    Prefix::new(format!("restapis/{}/deployments/", part(api)))
}

/// A deployment's card.
pub fn deployment(api: &ApiId, deployment: &DeploymentId) -> Key<Deployment> {
    Key::new(format!("restapis/{}/deployments/{}", part(api), part(deployment)))
}

/// What a deployment holds.
pub fn snapshot(api: &ApiId, deployment: &DeploymentId) -> Key<Snapshot> {
    Key::new(format!("restapis/{}/snapshots/{}", part(api), part(deployment)))
}

/// The stages of an API.
pub fn stages(api: &ApiId) -> Prefix<Stage> {
    Prefix::new(format!("restapis/{}/stages/", part(api)))
}

/// A stage.
pub fn stage(api: &ApiId, stage: &StageName) -> Key<Stage> {
    Key::new(format!("restapis/{}/stages/{}", part(api), part(stage)))
}

/// Reads the key of a stage; `None` for every other key.
pub fn parse_stage(key: &str) -> Option<(ApiId, StageName)> {
    let mut parts = key.strip_prefix("restapis/")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(api), Some("stages"), Some(stage), None) => Some((ApiId::new(api), StageName::new(stage))),
        _ => None,
    }
}

/// The API and the stage whose caches' flushes have this key, if it is such a key.
pub fn parse_flushes(key: &str) -> Option<(ApiId, StageName)> {
    let (api, stage) = key.strip_prefix("restapis/")?.split_once("/flushes/")?;
    (!api.contains('/') && !stage.contains('/')).then(|| (ApiId::new(api), StageName::new(stage)))
}

/// How often a stage's caches were flushed.
pub fn flushes(api: &ApiId, stage: &StageName) -> Key<Flushes> {
    Key::new(format!("restapis/{}/flushes/{}", part(api), part(stage)))
}

/// The account's settings.
pub fn account() -> Key<Account> {
    Key::new("account".to_owned())
}

/// All client certificates.
pub fn client_certificates() -> Prefix<ClientCertificate> {
    Prefix::new("clientcertificates/".to_owned())
}

/// A client certificate.
pub fn client_certificate(id: &ClientCertificateId) -> Key<ClientCertificate> {
    Key::new(format!("clientcertificates/{}", part(id)))
}

/// A client certificate's private key.
pub fn client_certificate_key(id: &ClientCertificateId) -> Key<Sealed> {
    Key::new(format!("clientcertificates/{}/key", part(id)))
}

/// All VPC links.
pub fn vpc_links() -> Prefix<VpcLink> {
    Prefix::new("vpclinks/".to_owned())
}

/// A VPC link.
pub fn vpc_link(id: &VpcLinkId) -> Key<VpcLink> {
    Key::new(format!("vpclinks/{}", part(id)))
}

/// All domain names.
pub fn domain_names() -> Prefix<DomainName> {
    Prefix::new("domainnames/".to_owned())
}

/// A domain name, by its label.
pub fn domain_name(label: &str) -> Key<DomainName> {
    Key::new(format!("domainnames/{}", part(label)))
}

/// Reads the key of a domain name, or of a mapping of one: its label; `None` for every other key.
pub fn parse_domain_name(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("domainnames/")?;
    let (label, below) = rest.split_once('/').unwrap_or((rest, ""));
    (below.is_empty() || below.starts_with("mappings/")).then_some(label)
}

/// The private key of a domain name's uploaded certificate.
pub fn domain_name_key(label: &str) -> Key<Sealed> {
    Key::new(format!("domainnames/{}/key", part(label)))
}

/// The base path mappings of a domain name.
pub fn base_path_mappings(label: &str) -> Prefix<BasePathMapping> {
    Prefix::new(format!("domainnames/{}/mappings/", part(label)))
}

/// A base path mapping; a base path may be empty, a part of a key may not.
pub fn base_path_mapping(label: &str, base_path: &str) -> Key<BasePathMapping> {
    Key::new(format!("domainnames/{}/mappings/{}", part(label), part(named(base_path))))
}

/// The base path mappings that point at an API.
pub fn mappings_of(api: &ApiId) -> Prefix<BasePathMapping> {
    Prefix::new(format!("restapis/{}/mappings/", part(api)))
}

/// A base path mapping, where the API that it points at sees it.
pub fn mapping_of(mapping: &BasePathMapping) -> Key<BasePathMapping> {
    let (domain, base_path) = (part(&mapping.domain), part(named(&mapping.base_path)));
    Key::new(format!("restapis/{}/mappings/{domain}:{base_path}", part(&mapping.api)))
}

fn named(base_path: &str) -> &str {
    if base_path.is_empty() { "(none)" } else { base_path }
}

/// All access associations.
pub fn access_associations() -> Prefix<AccessAssociation> {
    Prefix::new("domainaccess/".to_owned())
}

/// An access association.
pub fn access_association(arn: &str) -> Key<AccessAssociation> {
    Key::new(format!("domainaccess/{}", part(arn)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_have_the_same_key() {
        for (name, expected) in [
            ("a", "a"),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("a%252Fb", "a%25252Fb"),
            ("a%2fb 5%", "a%2fb 5%"),
            ("%/%%2F%", "%%2F%%252F%"),
            ("é/é", "é%2Fé"),
        ] {
            assert_eq!(part(name).to_string(), expected);
        }
    }

    #[test]
    fn a_stage_key_is_read_back_and_no_other_is() {
        let (api, name) = (ApiId::new("abc"), StageName::new("prod"));
        assert_eq!(parse_stage(stage(&api, &name).as_str()), Some((api.clone(), name)));
        assert_eq!(
            parse_flushes(flushes(&api, &StageName::new("s")).as_str()),
            Some((api.clone(), StageName::new("s")))
        );
        assert_eq!(parse_flushes(stage(&api, &StageName::new("s")).as_str()), None);
        assert_eq!(parse_stage(flushes(&api, &StageName::new("s")).as_str()), None);
        assert_eq!(parse_stage(rest_api(&api).as_str()), None);
        assert_eq!(parse_stage(snapshot(&api, &DeploymentId::new("d")).as_str()), None);
    }

    #[test]
    fn keys_of_a_domain_name_and_its_mappings_are_read_back() {
        let label = "*.example.com";
        assert_eq!(parse_domain_name(domain_name(label).as_str()), Some(label));
        assert_eq!(parse_domain_name(base_path_mapping(label, "").as_str()), Some(label));
        assert_eq!(parse_domain_name(domain_name_key(label).as_str()), None);
        assert_eq!(parse_domain_name(rest_api(&ApiId::new("abc")).as_str()), None);
    }

    #[test]
    fn what_a_stage_needs_is_restored_before_it() {
        let (api, deployment) = (ApiId::new("abc"), DeploymentId::new("zzz"));
        let stage = stage(&api, &StageName::new("a"));
        assert!(snapshot(&api, &deployment).as_str() < stage.as_str());
        assert!(rest_api(&api).as_str() < stage.as_str());
    }

    #[test]
    fn variable_siblings_claim_the_same_key() {
        let (api, parent) = (ApiId::new("abc"), ResourceId::new("r"));
        let claim = |part| child(&api, &parent, part).as_str().to_owned();
        assert_eq!(claim("{a}"), claim("{proxy+}"));
        assert_ne!(claim("a"), claim("{a}"));
    }

    #[test]
    fn a_name_with_a_slash_names_nothing_else() {
        let odd = ApiId::new("abc/resources/r");
        assert_eq!(rest_api(&odd).as_str(), "restapis/abc%2Fresources%2Fr");
    }
}
