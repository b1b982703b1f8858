//! Domain names: CreateDomainName, GetDomainNames, GetDomainName, UpdateDomainName, DeleteDomainName.
//!
//! The certificates are named and not fetched, and nothing has to spread: a domain name is available at once. Source:
//! control-plane reference, 4, 6, 8.1 and 19.

use super::domain_name_checks::{DEFAULT_POLICY, POLICIES, check};
use super::domain_name_patches::patch;
use super::rest_apis::policy;
use super::tags::Shown;
use super::{Target, access_associations, domain_certificates, mappings, tags};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::Control;
use crate::control::wire::{Answer, Error, Members, Page, Violations, operations};
use crate::model::arn;
use crate::model::id::lowercase_alphanumeric;
use crate::model::rest::{DomainName, EndpointAccessMode, EndpointType, IpAddressType, MutualTls, RoutingMode, label};

pub(super) const MISSING: &str = "Invalid domain name identifier specified";
/// AWS's words in V2 for what only REST APIs have.
pub(in crate::control) const ONLY_REGIONAL: &str = "Only REGIONAL domain names can be managed through the API Gateway V2 \
                                                    API. For EDGE domain names, please use the API Gateway V1 API. Also \
                                                    note that only REST APIs can be attached to EDGE domain names.";
/// An account has at most so many: AWS's own limit is 120.
const MAX_DOMAIN_NAMES: usize = 1000;
/// The zone of all edge endpoints' hosts, the same for everybody at AWS.
const EDGE_ZONE: &str = "Z2FDTNDATAQYW2";
/// The zones of regional endpoints' hosts, as AWS lists them in its general reference; others have the first one.
const REGIONAL_ZONES: &[(&str, &str)] = &[
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-east-2", "ZOJJZC49E0EPZ"),
    ("us-west-1", "Z2MUQ32089INYE"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
    ("eu-west-2", "ZJ5UAJN8Y3Z2Q"),
    ("eu-west-3", "Z3KY65QIEKYHQQ"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
    ("eu-north-1", "Z3UWIKFBOOGXPP"),
    ("ap-northeast-1", "Z1YSHQZHG15GKL"),
    ("ap-northeast-2", "Z20JF4UZKIW1U8"),
    ("ap-south-1", "Z3VO1THU9YC4UR"),
    ("ap-southeast-1", "ZL327KTPIQFUL"),
    ("ap-southeast-2", "Z2RPCDW04V8134"),
    ("ca-central-1", "Z19DQILCV0OWEC"),
    ("sa-east-1", "ZCMLWB8V5SYIT"),
];
impl Target<'_> {
    pub(super) async fn create_domain_name(&self) -> Result<Answer, Error> {
        let (domain, key) = self.described_domain_name()?;
        create(self.control, &domain, key.as_deref()).await?;
        Ok(Answer::json(201, self.domain_members(&domain, Shown::UnlessEmpty)))
    }

    /// The domain name that the body describes, and the private key of the certificate that came with it.
    fn described_domain_name(&self) -> Result<(DomainName, Option<String>), Error> {
        let body = self.body;
        let text = |name: &str| Ok::<_, Error>(body.text(name)?.filter(|text| !text.is_empty()));
        let configuration = body.object("endpointConfiguration")?;
        let (types, address) = match &configuration {
            Some(input) => (input.texts("types")?, input.text("ipAddressType")?),
            None => (None, None),
        };
        let (security, access, routing) = (text("securityPolicy")?, text("endpointAccessMode")?, text("routingMode")?);
        let mut violations = Violations::new();
        let mut one_of = |value: &Option<String>, member: &str, allowed: &[&str]| {
            if let Some(value) = value {
                violations.one_of(value, &format!("createDomainNameInput.{member}"), allowed);
            }
        };
        one_of(&security, "securityPolicy", POLICIES);
        one_of(&access, "endpointAccessMode", &["BASIC", "STRICT"]);
        let modes = ["BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"];
        one_of(&routing, "routingMode", &modes);
        one_of(&address, "endpointConfiguration.ipAddressType", &["ipv4", "dualstack"]);
        if let Some(types) = &types {
            let position = "createDomainNameInput.endpointConfiguration.types";
            violations.each_of(types, position, &["PRIVATE", "EDGE", "REGIONAL"]);
        }
        violations.check()?;
        let name = body.required("domainName", "Domain name must be specified")?.to_ascii_lowercase();
        let endpoints = match types {
            None => vec![EndpointType::Edge],
            Some(types) => types.iter().filter_map(|kind| EndpointType::parse(kind)).collect(),
        };
        let is_private = endpoints.contains(&EndpointType::Private);
        let default_address = if is_private { IpAddressType::Dualstack } else { IpAddressType::Ipv4 };
        let mutual_tls = match body.object("mutualTlsAuthentication")? {
            Some(input) => {
                let uri = input.text("truststoreUri")?.unwrap_or_default();
                let version = input.text("truststoreVersion")?.filter(|version| !version.is_empty());
                Some(MutualTls { truststore_uri: uri, truststore_version: version })
            }
            None => None,
        };
        let certificates = domain_certificates::read(body)?;
        let domain = DomainName {
            name,
            id: is_private.then(|| lowercase_alphanumeric(10)),
            endpoints,
            ip_address_type: address.as_deref().and_then(IpAddressType::parse).unwrap_or(default_address),
            certificate: certificates.certificate,
            regional_certificate: certificates.regional,
            certificate_uploaded: self.control.clock.seconds(),
            target: lowercase_alphanumeric(13),
            security_policy: security.unwrap_or_else(|| DEFAULT_POLICY.to_owned()),
            endpoint_access_mode: access.as_deref().and_then(EndpointAccessMode::parse),
            routing_mode: routing.as_deref().and_then(RoutingMode::parse).unwrap_or(RoutingMode::BasePathMappingOnly),
            mutual_tls,
            ownership_verification_certificate_arn: domain_certificates::check_arn(text(
                "ownershipVerificationCertificateArn",
            )?)?,
            management_policy: None,
            policy: policy(text("policy")?)?,
            tags: tags(body)?,
        };
        Ok((domain, certificates.key))
    }

    pub(super) fn get_domain_names(&self) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        if self.owner_is_another()? {
            return Ok(Answer::list(Vec::new(), None));
        }
        let limit = page.limit() + 1;
        let found = self.control.catalog.read(|documents| documents.piece(&keys::domain_names(), page.after(), limit));
        let found = found.iter().map(|packed| packed.read()).collect::<Result<Vec<DomainName>, _>>()?;
        let found = found.into_iter().map(|domain| (domain.label(), domain)).collect();
        let (found, position) = page.take(found, |(label, _)| label);
        let items = found.iter().map(|(_, domain)| self.domain_members(domain, Shown::UnlessEmpty).into()).collect();
        Ok(Answer::list(items, position))
    }

    pub(super) fn get_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let label = self.label(name);
        let found = self.control.catalog.read(|documents| find(documents, &label))?;
        Ok(Answer::json(200, self.domain_members(&found.value, Shown::Always)))
    }

    pub(super) async fn update_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateDomainNameInput")?;
        let label = self.label(name);
        let found = self.control.catalog.read(|documents| find(documents, &label))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        update(self.control, &found, &mut changed).await?;
        Ok(Answer::json(200, self.domain_members(&changed, Shown::Always)))
    }

    pub(super) async fn delete_domain_name(&self, name: &str) -> Result<Answer, Error> {
        let label = self.label(name);
        delete(self.control, &label).await?;
        Ok(Answer::empty(202))
    }

    /// The label of the domain name that the path and `domainNameId` name.
    pub(super) fn label(&self, name: &str) -> String {
        let id = self.call.parameter("domainNameId").filter(|id| !id.is_empty());
        label(&name.to_ascii_lowercase(), id.as_deref())
    }

    /// Whether a list is to have what belongs to other accounts: there are none.
    pub(super) fn owner_is_another(&self) -> Result<bool, Error> {
        let Some(owner) = self.call.parameter("resourceOwner") else { return Ok(false) };
        let mut violations = Violations::new();
        violations.one_of(&owner, "resourceOwner", &["SELF", "OTHER_ACCOUNTS"]);
        violations.check()?;
        Ok(owner == "OTHER_ACCOUNTS")
    }

    /// A domain name as it is answered.
    fn domain_members(&self, domain: &DomainName, shown: Shown) -> Members {
        let settings = &self.control.settings;
        let label = domain.label();
        let types: Vec<&str> = domain.endpoints.iter().map(|kind| kind.as_str()).collect();
        let endpoint = Members::new().set("types", types).set("ipAddressType", domain.ip_address_type.as_str());
        let mut members = Members::new()
            .set("domainName", domain.name.as_str())
            .some("domainNameId", domain.id.clone())
            .set("domainNameArn", arn::domain_name(&settings.region, &settings.account, &label))
            .some("certificateName", domain.certificate.name.clone())
            .some("certificateArn", domain.certificate.arn.clone())
            .some("certificateUploadDate", domain.certificate.is_some().then_some(domain.certificate_uploaded))
            .some("regionalCertificateName", domain.regional_certificate.name.clone())
            .some("regionalCertificateArn", domain.regional_certificate.arn.clone());
        if domain.has(EndpointType::Edge) {
            let (host, zone) = edge_host(domain);
            members = members.set("distributionDomainName", host).set("distributionHostedZoneId", zone);
        }
        if domain.has(EndpointType::Regional) {
            let (host, zone) = regional_host(domain, &settings.region);
            members = members.set("regionalDomainName", host).set("regionalHostedZoneId", zone);
        }
        let trust = domain.mutual_tls.as_ref().map(|trust| {
            Members::new()
                .set("truststoreUri", trust.truststore_uri.as_str())
                .some("truststoreVersion", trust.truststore_version.clone())
        });
        members = members
            .set("endpointConfiguration", endpoint)
            .set("domainNameStatus", "AVAILABLE")
            .set("securityPolicy", domain.security_policy.as_str())
            .some("endpointAccessMode", domain.endpoint_access_mode.map(EndpointAccessMode::as_str))
            .some("mutualTlsAuthentication", trust)
            .some("ownershipVerificationCertificateArn", domain.ownership_verification_certificate_arn.clone())
            .some("managementPolicy", domain.management_policy.clone())
            .some("policy", domain.policy.clone())
            .set("routingMode", domain.routing_mode.as_str());
        tags::show(members, &domain.tags, shown)
    }
}

/// Makes a domain name, with the private key of its certificate if that was uploaded, and waits until it is served.
pub(in crate::control) async fn create(control: &Control, domain: &DomainName, key: Option<&str>) -> Result<(), Error> {
    check(domain)?;
    let label = domain.label();
    let at = keys::domain_name(&label);
    control.catalog.read(|documents| {
        if documents.exists(&at) {
            return Err(Error::bad_request("The domain name you provided already exists."));
        }
        if documents.piece(&keys::domain_names(), None, MAX_DOMAIN_NAMES).len() == MAX_DOMAIN_NAMES {
            return Err(Error::limit_exceeded(format!("There may be at most {MAX_DOMAIN_NAMES} domain names")));
        }
        Ok(())
    })?;
    let mut edit = Edit::new().create(&at, domain);
    if let Some(key) = key {
        edit = edit.create(&keys::domain_name_key(&label), &control.catalog.seal(key.as_bytes()));
    }
    let index = control.catalog.commit(edit).await?;
    control.settle(index).await
}

/// Writes a domain name that was changed, if it was, and waits until it is served so.
pub(in crate::control) async fn update(
    control: &Control,
    found: &Stored<DomainName>,
    changed: &mut DomainName,
) -> Result<(), Error> {
    let old = &found.value;
    if *changed == *old {
        return Ok(());
    }
    check(changed)?;
    let label = old.label();
    let mut edit = Edit::new();
    if changed.certificate != old.certificate || changed.regional_certificate != old.regional_certificate {
        changed.certificate_uploaded = control.clock.seconds();
    }
    if changed.certificate.uploaded.is_none() && old.certificate.uploaded.is_some() {
        edit = edit.discard(&keys::domain_name_key(&label));
    }
    let edit = edit.update(&keys::domain_name(&label), found, changed);
    let index = control.catalog.commit(edit).await?;
    control.settle(index).await
}

/// Deletes a domain name. Its mappings and, if it is private, its access associations go with it.
pub(in crate::control) async fn delete(control: &Control, label: &str) -> Result<(), Error> {
    let key = keys::domain_name(label);
    let edit = control.catalog.read(|documents| {
        let found = find(documents, label)?;
        let edit = mappings::release(documents, label, Edit::new())?;
        let edit = match found.value.id {
            Some(_) => access_associations::release(documents, label, edit)?,
            None => edit,
        };
        Ok::<_, Error>(edit.delete(&key, &found).discard_below(&key))
    })?;
    let index = control.catalog.commit(edit).await?;
    control.settle(index).await
}

/// The host of a domain name's edge endpoint, and its zone.
pub(in crate::control) fn edge_host(domain: &DomainName) -> (String, &'static str) {
    (format!("d{}.cloudfront.net", domain.target), EDGE_ZONE)
}

/// The host of a domain name's regional endpoint, and its zone.
pub(in crate::control) fn regional_host(domain: &DomainName, region: &str) -> (String, &'static str) {
    let start = domain.target.get(..10).unwrap_or(&domain.target);
    (format!("d-{start}.execute-api.{region}.amazonaws.com"), zone(region))
}

pub(super) fn find(documents: &Documents<'_>, label: &str) -> Result<Stored<DomainName>, Error> {
    documents.get(&keys::domain_name(label))?.ok_or_else(|| Error::not_found(MISSING))
}

fn zone(region: &str) -> &'static str {
    REGIONAL_ZONES.iter().find(|(known, _)| *known == region).unwrap_or(&REGIONAL_ZONES[0]).1
}
