//! How an operation of a service is written into a call: its path, its query, and the headers that name it.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::endpoints::Endpoint;
use super::services::{Protocol, Service};
use super::uri::Style;
use crate::mapping::query::{self, Query};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// What is encoded in the path of a key: all but letters, digits, `-._~` and slashes.
const NOT_IN_A_KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// This operation of Step Functions has a host of its own, which no ARN names.
const SYNCHRONOUS: (&str, &str) = ("states", "StartSyncExecution");

/// An operation as a call has it.
#[derive(Debug, PartialEq)]
pub struct Operation {
    /// Path and query.
    pub target: String,
    /// Headers that name the operation, where nothing else is mapped to them.
    pub headers: Vec<(HeaderName, String)>,
    /// What stands before the service's host.
    pub host_prefix: &'static str,
}

impl Operation {
    /// Writes an operation of a service: `rest` is what the URI says of it, `mapped` are more parameters of the query.
    pub fn new(service: &str, style: Style, rest: &str, mapped: &[(String, String)], endpoint: &Endpoint) -> Self {
        match style {
            Style::Path => Self { target: by_path(rest, mapped, endpoint), headers: Vec::new(), host_prefix: "" },
            Style::Action => by_name(service, rest, mapped, endpoint),
        }
    }
}

fn by_path(rest: &str, mapped: &[(String, String)], endpoint: &Endpoint) -> String {
    let (path, own) = rest.split_once('?').unwrap_or((rest, ""));
    let mut target = endpoint.base.clone();
    target.push('/');
    if endpoint.signing == "s3" {
        // Keys are any text: each has one spelling only by which it can be signed.
        let decoded: Vec<u8> = percent_decode_str(path.trim_start_matches('/')).collect();
        target.extend(percent_encode(&decoded, NOT_IN_A_KEY));
    } else {
        target.push_str(path.trim_start_matches('/'));
    }
    let mut written = String::new();
    Query::parse(own).iter().for_each(|(name, value)| query::append(&mut written, name, value));
    mapped.iter().for_each(|(name, value)| query::append(&mut written, name, value));
    with_query(target, &written)
}

fn by_name(service: &str, rest: &str, mapped: &[(String, String)], endpoint: &Endpoint) -> Operation {
    let (name, own) = rest.split_once(['&', '?']).unwrap_or((rest, ""));
    let own = Query::parse(own);
    let protocol = Service::find(service).map_or(Protocol::Rest, |service| service.protocol);
    let mut written = String::new();
    query::append(&mut written, "Action", name);
    if let Protocol::Query(version) = protocol {
        let says = |known: &str| known == "Version";
        if !own.iter().any(|(name, _)| says(name)) && !mapped.iter().any(|(name, _)| says(name)) {
            query::append(&mut written, "Version", version);
        }
    }
    own.iter().for_each(|(name, value)| query::append(&mut written, name, value));
    mapped.iter().for_each(|(name, value)| query::append(&mut written, name, value));
    let headers = match protocol {
        Protocol::Json(prefix, version) => {
            vec![(TARGET, format!("{prefix}.{name}")), (CONTENT_TYPE, format!("application/x-amz-json-{version}"))]
        }
        Protocol::Query(_) | Protocol::Rest => Vec::new(),
    };
    let host_prefix = if (service, name) == SYNCHRONOUS && endpoint.is_awss { "sync-" } else { "" };
    Operation { target: with_query(format!("{}/", endpoint.base), &written), headers, host_prefix }
}

fn with_query(mut target: String, query: &str) -> String {
    if !query.is_empty() {
        target.push('?');
        target.push_str(query);
    }
    target
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::traffic::integration::Origin;

    fn endpoint(signing: &str) -> Endpoint {
        let (origin, _) = Origin::parse("https://h").expect("an origin");
        let (signing, region) = (signing.to_owned(), "us-east-1".to_owned());
        Endpoint { origin: Arc::new(origin), base: String::new(), signing, region, is_awss: true }
    }

    proptest! {
        #[test]
        fn keys_of_s3_keep_their_bytes_and_have_one_spelling(path in "[^?]{0,40}", query: String) {
            let write = |rest: &str| Operation::new("s3", Style::Path, rest, &[], &endpoint("s3")).target;
            let written = write(&format!("{path}?{query}"));
            let key = written.split('?').next().unwrap_or_default();
            let bytes = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
            prop_assert_eq!(bytes(&key[1..]), bytes(path.trim_start_matches('/')));
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
            let again = key.trim_start_matches('/');
            let written_again = write(again);
            prop_assert_eq!(written_again.trim_start_matches('/'), again);
        }
    }

    #[test]
    fn operations_are_written_as_their_services_read_them() {
        let json =
            |target: &'static str, version: &'static str| vec![("x-amz-target", target), ("content-type", version)];
        for (service, style, rest, expected, headers) in [
            ("sqs", Style::Action, "SendMessage", "/?Action=SendMessage&Version=2012-11-05&M=a%20b", vec![]),
            (
                "sns",
                Style::Action,
                "Publish&TopicArn=x",
                "/?Action=Publish&Version=2010-03-31&TopicArn=x&M=a%20b",
                vec![],
            ),
            ("sqs", Style::Action, "A&Version=1", "/?Action=A&Version=1&M=a%20b", vec![]),
            (
                "dynamodb",
                Style::Action,
                "PutItem",
                "/?Action=PutItem&M=a%20b",
                json("DynamoDB_20120810.PutItem", "application/x-amz-json-1.0"),
            ),
            (
                "ssm",
                Style::Action,
                "GetParameter",
                "/?Action=GetParameter&M=a%20b",
                json("AmazonSSM.GetParameter", "application/x-amz-json-1.1"),
            ),
            ("batch", Style::Action, "X", "/?Action=X&M=a%20b", vec![]),
            ("sqs", Style::Path, "123/queue", "/123/queue?M=a%20b", vec![]),
            ("s3", Style::Path, "b/a b+c@%C3%A9%2Fd", "/b/a%20b%2Bc%40%C3%A9/d?M=a%20b", vec![]),
            ("s3", Style::Path, "b/k?acl&x=y", "/b/k?acl=&x=y&M=a%20b", vec![]),
            ("lambda", Style::Path, "f/a:b%2F", "/f/a:b%2F?M=a%20b", vec![]),
        ] {
            let endpoint = endpoint(service);
            let mapped = [("M".to_owned(), "a b".to_owned())];
            let operation = Operation::new(service, style, rest, &mapped, &endpoint);
            assert_eq!(operation.target, expected);
            let shown: Vec<_> = operation.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(shown, headers, "{service} {rest}");
            let elsewhere = Endpoint { base: "/base".to_owned(), ..endpoint };
            let operation = Operation::new(service, style, rest, &mapped, &elsewhere);
            assert_eq!(operation.target, format!("/base{expected}"));
        }
    }
}
