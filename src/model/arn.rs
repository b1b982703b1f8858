//! Names of things as AWS writes them: control-plane ARNs carry no account, invoke ARNs do.
//!
//! Source: the API Gateway developer guide, "Amazon Resource Name (ARN) reference".

use super::id::RestApiId;

/// The ARN by which tags and policies name a REST API: `arn:aws:apigateway:{region}::/restapis/{id}`.
pub fn rest_api(region: &str, api: &RestApiId) -> String {
    format!("arn:aws:apigateway:{region}::/restapis/{api}")
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

#[cfg(test)]
mod tests {
    use super::well_formed;

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
        }
    }
}
