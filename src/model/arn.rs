//! Names of things as AWS writes them: control-plane ARNs carry no account, invoke ARNs do.
//!
//! Source: the API Gateway developer guide, "Amazon Resource Name (ARN) reference".

use super::id::{ApiId, ApiKeyId, ClientCertificateId, StageName, UsagePlanId, VpcLinkId};

/// The ARN by which tags and policies name a REST API: `arn:aws:apigateway:{region}::/restapis/{id}`.
pub fn rest_api(region: &str, api: &ApiId) -> String {
    format!("arn:aws:apigateway:{region}::/restapis/{api}")
}

/// The ARN of a domain name, by its label: a private one's has the account and, behind a `+`, the name's id.
pub fn domain_name(region: &str, account: &str, label: &str) -> String {
    let account = if label.contains('+') { account } else { "" };
    format!("arn:aws:apigateway:{region}:{account}:/domainnames/{label}")
}

/// The ARN of the association of a VPC endpoint with a private domain name.
pub fn access_association(region: &str, account: &str, label: &str, source: &str) -> String {
    format!(
        "arn:aws:apigateway:{region}:{account}:/domainnameaccessassociations/domainname/{label}/vpcesource/{source}"
    )
}

/// The ARN of something of an API that is called: `arn:aws:execute-api:{region}:{account}:{resource}`, where the resource is
/// `{api}/{stage}/{VERB}/{path}` or `{api}/authorizers/{id}`.
pub fn invoked(region: &str, account: &str, resource: &str) -> String {
    format!("arn:{}:execute-api:{region}:{account}:{resource}", partition(region))
}

/// The partition of a region, with which its ARNs begin.
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Whether `text` is shaped like an ARN at all: `arn:partition:service:region:account:resource`.
pub fn well_formed(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next().is_some_and(|service| !service.is_empty())
        && parts.nth(1).is_some()
        && parts.next().is_some_and(|resource| !resource.is_empty())
}

/// The service that a well-formed ARN names.
pub fn service(text: &str) -> Option<&str> {
    if well_formed(text) { text.split(':').nth(2) } else { None }
}

/// What tags can be put on.
#[derive(Clone, Debug, PartialEq)]
pub enum Taggable {
    /// `/restapis/{id}`.
    RestApi(ApiId),
    /// `/restapis/{id}/stages/{name}`.
    Stage(ApiId, StageName),
    /// `/apis/{id}`.
    Api(ApiId),
    /// `/apis/{id}/stages/{name}`.
    ApiStage(ApiId, StageName),
    /// `/apikeys/{id}`.
    ApiKey(ApiKeyId),
    /// `/usageplans/{id}`.
    UsagePlan(UsagePlanId),
    /// `/clientcertificates/{id}`.
    ClientCertificate(ClientCertificateId),
    /// `/vpclinks/{id}`.
    VpcLink(VpcLinkId),
    /// `/domainnames/{name}`; a private one's name has its id behind a `+`.
    DomainName(String),
    /// `/domainnameaccessassociations/…`, by the whole ARN.
    AccessAssociation(String),
}

impl Taggable {
    /// Reads a control-plane ARN, of any region and with or without an account; nothing if it names something that
    /// can't be tagged, or isn't an ARN of API Gateway at all.
    pub fn parse(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("apigateway")) = (parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let path = parts.nth(2)?.strip_prefix('/')?;
        if !partition.starts_with("aws") {
            return None;
        }
        Some(match path.split('/').collect::<Vec<_>>().as_slice() {
            [.., ""] => return None,
            ["restapis", api] => Self::RestApi(ApiId::new(*api)),
            ["restapis", api, "stages", stage] => Self::Stage(ApiId::new(*api), StageName::new(*stage)),
            ["apis", api] => Self::Api(ApiId::new(*api)),
            ["apis", api, "stages", stage] => Self::ApiStage(ApiId::new(*api), StageName::new(*stage)),
            ["apikeys", key] => Self::ApiKey(ApiKeyId::new(*key)),
            ["usageplans", plan] => Self::UsagePlan(UsagePlanId::new(*plan)),
            ["clientcertificates", id] => Self::ClientCertificate(ClientCertificateId::new(*id)),
            ["vpclinks", link] => Self::VpcLink(VpcLinkId::new(*link)),
            ["domainnames", name] => Self::DomainName((*name).to_owned()),
            ["domainnameaccessassociations", _, ..] => Self::AccessAssociation(arn.to_owned()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_what_can_be_tagged() {
        let (api, stage) = (ApiId::new("a1"), StageName::new("prod"));
        for (text, expected) in [
            ("arn:aws:apigateway:us-east-1::/restapis/a1", Some(Taggable::RestApi(api.clone()))),
            (
                "arn:aws-cn:apigateway:cn-north-1::/restapis/a1/stages/prod",
                Some(Taggable::Stage(api.clone(), stage.clone())),
            ),
            ("arn:aws:apigateway:us-east-1::/apis/a1", Some(Taggable::Api(api.clone()))),
            ("arn:aws:apigateway:us-east-1::/apis/a1/stages/prod", Some(Taggable::ApiStage(api, stage))),
            ("arn:aws:apigateway:us-east-1::/apikeys/k", Some(Taggable::ApiKey(ApiKeyId::new("k")))),
            ("arn:aws:apigateway:us-east-1::/usageplans/p", Some(Taggable::UsagePlan(UsagePlanId::new("p")))),
            (
                "arn:aws:apigateway:us-east-1:000000000000:/domainnames/a.example.com+x1",
                Some(Taggable::DomainName("a.example.com+x1".to_owned())),
            ),
            ("arn:aws:apigateway:us-east-1::/restapis/a1/resources/r", None),
            ("arn:aws:apigateway:us-east-1::/restapis/", None),
            ("arn:aws:apigateway:us-east-1::/usageplans/p/keys/k", None),
            ("arn:aws:lambda:us-east-1::/restapis/a1", None),
            ("arn:other:apigateway:us-east-1::/restapis/a1", None),
            ("/restapis/a1", None),
            ("", None),
        ] {
            assert_eq!(Taggable::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn arns_are_told_from_other_text() {
        for (text, expected) in [
            ("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations", true),
            ("arn:aws-cn:apigateway:cn-north-1:s3:path/b", true),
            ("arn:aws:apigateway:us-east-1:lambda:", false),
            ("http://example.com", false),
            ("arn:aws", false),
            ("", false),
        ] {
            assert_eq!(well_formed(text), expected, "{text}");
            assert_eq!(service(text), expected.then_some("apigateway"), "{text}");
        }
    }
}
