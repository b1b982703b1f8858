//! What must be so of a domain name: its name, its endpoints, and what of its settings goes together.

use super::domain_certificates;
use crate::control::wire::Error;
use crate::model::rest::{DomainName, EndpointType, IpAddressType};

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// The policies of edge endpoints, beside the two that all have.
const EDGE_POLICIES: &[&str] =
    &["SecurityPolicy_TLS13_2025_EDGE", "SecurityPolicy_TLS12_PFS_2025_EDGE", "SecurityPolicy_TLS12_2018_EDGE"];
/// All policies, in the order of the service model.
pub(super) const POLICIES: &[&str] = &[
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
];
/// The policy of those who name none.
pub(super) const DEFAULT_POLICY: &str = "TLS_1_2";

/// What must be so of a domain name as a whole, whether it is new or was patched.
pub(super) fn check(domain: &DomainName) -> Result<(), Error> {
    let refuse = |message: &str| Err(Error::bad_request(message));
    if !is_name(&domain.name) {
        return Err(Error::bad_request(format!("Invalid domain name specified: {}", domain.name)));
    }
    match domain.endpoints.as_slice() {
        [] => return refuse("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."),
        [_] | [EndpointType::Edge, EndpointType::Regional] | [EndpointType::Regional, EndpointType::Edge] => {}
        _ => return refuse("Only EDGE and REGIONAL endpoints can be combined, each once."),
    }
    let is_private = domain.has(EndpointType::Private);
    if is_private != domain.id.is_some() {
        return refuse("A domain name can't be made private, or public, after it was created.");
    }
    if is_private && domain.ip_address_type == IpAddressType::Ipv4 {
        return refuse("Only dualstack ipAddressType is supported for Private domain names.");
    }
    if !is_private && (domain.policy.is_some() || domain.management_policy.is_some()) {
        return refuse("A policy can only be specified for private domain names.");
    }
    domain_certificates::check(domain)?;
    check_transport(domain)
}

/// Security policy, access mode and mutual TLS go together (data-plane reference, 20.3).
fn check_transport(domain: &DomainName) -> Result<(), Error> {
    let policy = domain.security_policy.as_str();
    let is_enhanced = policy.starts_with("SecurityPolicy_");
    let is_fitting = |endpoint: &EndpointType| EDGE_POLICIES.contains(&policy) == (*endpoint == EndpointType::Edge);
    if is_enhanced && !domain.endpoints.iter().all(is_fitting) {
        return Err(Error::bad_request(format!(
            "The security policy {policy} is not supported for this endpoint type."
        )));
    }
    if is_enhanced && domain.endpoint_access_mode.is_none() {
        return Err(Error::bad_request(format!("The security policy {policy} requires an endpointAccessMode.")));
    }
    let Some(trust) = &domain.mutual_tls else { return Ok(()) };
    let path = trust.truststore_uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    if !path.is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) {
        return Err(Error::bad_request(format!("Invalid truststoreUri specified: {}", trust.truststore_uri)));
    }
    if domain.endpoints != [EndpointType::Regional] || policy != DEFAULT_POLICY {
        return Err(Error::bad_request(
            "Mutual TLS is only supported for regional domain names with the security policy TLS_1_2.",
        ));
    }
    Ok(())
}

/// Whether a text is a domain name of at least two labels, the first of which may be `*`, and no IP address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let rest = text.strip_prefix("*.").unwrap_or(text);
    let is_number = rest.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= MAX_NAME && rest.contains('.') && rest.split('.').all(is_label) && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_labels() {
        for (text, expected) in [
            ("api.example.com", true),
            ("example.com", true),
            ("*.example.com", true),
            ("a.*.example.com", false),
            ("*.com", false),
            ("localhost", false),
            ("a..b", false),
            ("-a.example.com", false),
            ("a/b.example.com", false),
            ("a+b.example.com", false),
            ("127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_name(text), expected, "{text}");
        }
        assert!(!is_name(&format!("{}.example.com", "a".repeat(64))));
    }
}
