//! What of a domain name can be patched, and how: the table of UpdateDomainName (control-plane reference, 8.1).

use super::domain_certificates::{check_arn, check_name};
use super::domain_name_checks::POLICIES;
use super::rest_apis::policy;
use crate::control::wire::{Error, Op, Operation, any_of};
use crate::model::rest::{
    Certificate, DomainName, EndpointAccessMode, EndpointType, IpAddressType, MutualTls, RoutingMode,
};

const PATHS: &[&str] = &[
    "/certificateName",
    "/certificateArn",
    "/regionalCertificateName",
    "/regionalCertificateArn",
    "/endpointConfiguration/types",
    "/endpointConfiguration/ipAddressType",
    "/endpointAccessMode",
    "/managementPolicy",
    "/policy",
    "/mutualTlsAuthentication/truststoreUri",
    "/mutualTlsAuthentication/truststoreVersion",
    "/ownershipVerificationCertificateArn",
    "/routingMode",
    "/securityPolicy",
];

/// Makes one change; what must be so of the whole is checked when all are made.
pub(super) fn patch(domain: &mut DomainName, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let is_private = domain.has(EndpointType::Private);
    // What a member is set to; what is removed, or set to nothing, is not there any longer.
    let value = if operation.op == Remove { None } else { operation.some_text() };
    match (operation.op, operation.parts().as_slice()) {
        (Add | Replace | Remove, ["certificateName"]) => domain.certificate.name = check_name(value)?,
        (Add | Replace | Remove, ["certificateArn"]) => set_arn(&mut domain.certificate, value)?,
        (Add | Replace | Remove, ["regionalCertificateName"]) => {
            domain.regional_certificate.name = check_name(value)?;
        }
        (Add | Replace | Remove, ["regionalCertificateArn"]) => set_arn(&mut domain.regional_certificate, value)?,
        (Add, ["endpointConfiguration", "types"]) => {
            let kind = endpoint_type(operation)?;
            if !domain.has(kind) {
                domain.endpoints.push(kind);
            }
        }
        (Remove, ["endpointConfiguration", "types"]) => {
            let kind = endpoint_type(operation)?;
            domain.endpoints.retain(|known| *known != kind);
        }
        (Replace, ["endpointConfiguration", "types", old]) => replace_endpoint(domain, old, endpoint_type(operation)?)?,
        (Replace, ["endpointConfiguration", "ipAddressType"]) => {
            domain.ip_address_type = IpAddressType::parse(operation.text())
                .ok_or_else(|| Error::bad_request("ipAddressType must be either ipv4 or dualstack."))?;
        }
        (Replace, ["endpointAccessMode"]) => {
            let mode = EndpointAccessMode::parse(operation.text());
            domain.endpoint_access_mode = Some(mode.ok_or_else(|| {
                Error::bad_request("Invalid endpointAccessMode specified. Valid options are BASIC,STRICT")
            })?);
        }
        (Replace, ["managementPolicy"]) if is_private => domain.management_policy = policy(value)?,
        (Replace, ["policy"]) if is_private => domain.policy = policy(value)?,
        (Add | Replace | Remove, ["mutualTlsAuthentication", "truststoreUri"]) => match value {
            Some(uri) => domain.mutual_tls.get_or_insert_with(MutualTls::default).truststore_uri = uri,
            None => domain.mutual_tls = None,
        },
        (Add | Replace | Remove, ["mutualTlsAuthentication", "truststoreVersion"]) => {
            // Without a truststore there is nothing that could have a version, nor one to take away.
            if value.is_some() || domain.mutual_tls.is_some() {
                domain.mutual_tls.get_or_insert_with(MutualTls::default).truststore_version = value;
            }
        }
        (Add | Replace | Remove, ["ownershipVerificationCertificateArn"]) => {
            domain.ownership_verification_certificate_arn = check_arn(value)?;
        }
        (Replace, ["routingMode"]) => {
            domain.routing_mode = RoutingMode::parse(operation.text()).ok_or_else(|| {
                Error::bad_request(
                    "Invalid routingMode specified. Valid options are BASE_PATH_MAPPING_ONLY,ROUTING_RULE_ONLY,ROUTING_RULE_THEN_BASE_PATH_MAPPING",
                )
            })?;
        }
        (Replace, ["securityPolicy"]) => {
            if !POLICIES.contains(&operation.text()) {
                return Err(Error::bad_request(format!(
                    "Invalid securityPolicy specified. Valid options are {}",
                    POLICIES.join(",")
                )));
            }
            operation.text().clone_into(&mut domain.security_policy);
        }
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}

/// A certificate that is named by another ARN is no longer the one that was uploaded.
fn set_arn(certificate: &mut Certificate, arn: Option<String>) -> Result<(), Error> {
    certificate.arn = check_arn(arn)?;
    certificate.uploaded = None;
    Ok(())
}

/// An endpoint is named by its type or, as Terraform does it, by its place in the list.
fn replace_endpoint(domain: &mut DomainName, old: &str, new: EndpointType) -> Result<(), Error> {
    let place = domain.endpoints.iter().position(|known| known.as_str() == old).or_else(|| old.parse().ok());
    let endpoint = place.and_then(|place| domain.endpoints.get_mut(place));
    *endpoint.ok_or_else(invalid_type)? = new;
    Ok(())
}

fn endpoint_type(operation: &Operation) -> Result<EndpointType, Error> {
    EndpointType::parse(operation.text()).ok_or_else(invalid_type)
}

fn invalid_type() -> Error {
    Error::bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
}
