//! Domain names: CreateDomainName, GetDomainNames, GetDomainName, UpdateDomainName, DeleteDomainName.
//!
//! They are the same as V1's, in other words: an endpoint with its certificate is a configuration here. Private domain names
//! are V1's alone. Source: control-plane reference, 20.10.

use super::changes::{Changes, bounded, not_one_of};
use super::{Target, date};
use crate::catalog::{Documents, Stored, keys};
use crate::control::apigateway::domain_certificates::check_arn;
use crate::control::apigateway::{self, domain_names};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::arn;
use crate::model::id::lowercase_alphanumeric;
use crate::model::rest::{Certificate, DomainName, EndpointType, IpAddressType, MutualTls, RoutingMode};

const MISSING: &str = "The domain name resource specified in the request was not found.";
const SECURITY_POLICIES: &[&str] = &["TLS_1_0", "TLS_1_2"];
const MAX_NAME: usize = 1024;
/// How the two versions call what decides where a request goes.
const ROUTING_MODES: &[(&str, RoutingMode)] = &[
    ("API_MAPPING_ONLY", RoutingMode::BasePathMappingOnly),
    ("ROUTING_RULE_ONLY", RoutingMode::RoutingRuleOnly),
    ("ROUTING_RULE_THEN_API_MAPPING", RoutingMode::RoutingRuleThenBasePathMapping),
];

impl Target<'_> {
    pub(super) async fn create_domain_name(&self) -> Result<Answer, Error> {
        let name = self.body.required("domainName", "Domain name must be specified")?;
        let mut domain = DomainName {
            name: name.to_ascii_lowercase(),
            id: None,
            endpoints: vec![EndpointType::Regional],
            ip_address_type: IpAddressType::Ipv4,
            certificate: Certificate::default(),
            regional_certificate: Certificate::default(),
            certificate_uploaded: self.control.clock.seconds(),
            target: lowercase_alphanumeric(13),
            security_policy: "TLS_1_2".to_owned(),
            endpoint_access_mode: None,
            routing_mode: RoutingMode::BasePathMappingOnly,
            mutual_tls: None,
            ownership_verification_certificate_arn: None,
            management_policy: None,
            policy: None,
            tags: apigateway::tags(self.body)?,
        };
        apply(&mut domain, self.body)?;
        domain_names::create(self.control, &domain, None).await?;
        Ok(Answer::json(201, self.domain_members(&domain)))
    }

    pub(super) fn get_domain_names(&self) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| documents.list(&keys::domain_names()))?;
        let public = found.into_iter().filter(|domain| domain.value.id.is_none()).collect();
        self.page(public, |domain| domain.name.as_str(), |domain| self.domain_members(domain))
    }

    pub(super) fn get_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, name))?;
        Ok(Answer::json(200, self.domain_members(&found.value)))
    }

    pub(super) async fn update_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, name))?;
        let mut changed = found.value.clone();
        apply(&mut changed, self.body)?;
        domain_names::update(self.control, &found, &mut changed).await?;
        Ok(Answer::json(200, self.domain_members(&changed)))
    }

    pub(super) async fn delete_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, name))?;
        domain_names::delete(self.control, &found.value.label()).await?;
        Ok(Answer::empty(204))
    }

    fn domain_members(&self, domain: &DomainName) -> Members {
        let region = &self.control.settings.region;
        let configurations: Vec<serde_json::Value> =
            domain.endpoints.iter().map(|kind| configuration(domain, *kind, region).into()).collect();
        let trust = domain.mutual_tls.as_ref().map(|trust| {
            Members::new()
                .set("truststoreUri", trust.truststore_uri.as_str())
                .some("truststoreVersion", trust.truststore_version.clone())
        });
        let mode = ROUTING_MODES.iter().find(|(_, mode)| *mode == domain.routing_mode);
        Members::new()
            .set("apiMappingSelectionExpression", "$request.basepath")
            .set("domainName", domain.name.as_str())
            .set("domainNameArn", arn::domain_name(region, &self.control.settings.account, &domain.label()))
            .set("domainNameConfigurations", configurations)
            .some("mutualTlsAuthentication", trust)
            .some("routingMode", mode.map(|(name, _)| *name))
            .set("tags", serde_json::json!(domain.tags))
    }
}

/// A domain name that is not private.
pub(super) fn find(documents: &Documents<'_>, name: &str) -> Result<Stored<DomainName>, Error> {
    let found = documents.get(&keys::domain_name(&name.to_ascii_lowercase()))?;
    found.filter(|found| found.value.id.is_none()).ok_or_else(|| Error::not_found(MISSING))
}

/// Does to a domain name what a body says. What must be so of the whole is checked when it is written.
fn apply(domain: &mut DomainName, body: &Input) -> Result<(), Error> {
    if body.has("domainNameConfigurations") {
        match body.objects("domainNameConfigurations")?.as_slice() {
            [one] => configure(domain, one)?,
            _ => return Err(Error::bad_request("Exactly one domain name configuration must be specified")),
        }
    }
    if let Some(trust) = body.object("mutualTlsAuthentication")? {
        let text = |name: &str| Ok::<_, Error>(trust.text(name)?.filter(|text| !text.is_empty()));
        // An empty address takes the truststore away.
        domain.mutual_tls = match text("truststoreUri")? {
            Some(truststore_uri) => Some(MutualTls { truststore_uri, truststore_version: text("truststoreVersion")? }),
            None => None,
        };
    }
    if let Some(name) = body.text("routingMode")? {
        let names: Vec<&str> = ROUTING_MODES.iter().map(|(name, _)| *name).collect();
        let mode = ROUTING_MODES.iter().find(|(known, _)| *known == name);
        domain.routing_mode = mode.ok_or_else(|| not_one_of("routingMode", &names))?.1;
    }
    Ok(())
}

/// Does to a domain name what its configuration says.
fn configure(domain: &mut DomainName, input: &Input) -> Result<(), Error> {
    let text = |name: &str| Ok::<_, Error>(input.text(name)?.filter(|text| !text.is_empty()));
    if domain.has(EndpointType::Edge) || text("endpointType")?.as_deref() == Some("EDGE") {
        return Err(Error::bad_request(domain_names::ONLY_REGIONAL));
    }
    let kind = text("endpointType")?.unwrap_or_else(|| "REGIONAL".to_owned());
    if kind != "REGIONAL" {
        return Err(not_one_of("endpointType", &["REGIONAL", "EDGE"]));
    }
    let changes = Changes(input);
    let policy = &mut domain.security_policy;
    let known = |text: &str| SECURITY_POLICIES.contains(&text).then(|| text.to_owned());
    changes.choice("securityPolicy", policy, known, SECURITY_POLICIES)?;
    changes.choice("ipAddressType", &mut domain.ip_address_type, IpAddressType::parse, IpAddressType::NAMES)?;
    if let Some(arn) = text("certificateArn")? {
        domain.regional_certificate.arn = check_arn(Some(arn))?;
        domain.regional_certificate.uploaded = None;
    }
    if let Some(name) = text("certificateName")? {
        domain.regional_certificate.name = Some(bounded("certificateName", name, MAX_NAME)?);
    }
    if input.has("ownershipVerificationCertificateArn") {
        domain.ownership_verification_certificate_arn = check_arn(text("ownershipVerificationCertificateArn")?)?;
    }
    Ok(())
}

/// An endpoint of a domain name, as this plane shows it.
fn configuration(domain: &DomainName, kind: EndpointType, region: &str) -> Members {
    let is_regional = kind == EndpointType::Regional;
    let certificate = if is_regional { &domain.regional_certificate } else { &domain.certificate };
    let (host, zone) = match is_regional {
        true => domain_names::regional_host(domain, region),
        false => domain_names::edge_host(domain),
    };
    Members::new()
        .set("apiGatewayDomainName", host)
        .some("certificateArn", certificate.arn.clone())
        .some("certificateName", certificate.name.clone())
        .set("certificateUploadDate", date(domain.certificate_uploaded))
        .set("domainNameStatus", "AVAILABLE")
        .set("endpointType", kind.as_str())
        .set("hostedZoneId", zone)
        .set("ipAddressType", domain.ip_address_type.as_str())
        .some("ownershipVerificationCertificateArn", domain.ownership_verification_certificate_arn.clone())
        .set("securityPolicy", domain.security_policy.as_str())
}
