//! URIs of integrations with AWS: `arn:aws:apigateway:{region}:{service}:path/…` and `…:action/…`.

use crate::mapping::uri::Uri;
use crate::model::rest::Strings;

/// What stands between the service and what is called of it.
const STYLES: [(&str, Style); 2] = [(":path/", Style::Path), (":action/", Style::Action)];
/// How the paths of Lambda's invocations begin and end.
const INVOCATION: [(&str, &str); 2] =
    [("2015-03-31/functions/", "/invocations"), ("2021-11-15/functions/", "/response-streaming-invocations")];

/// What an integration calls, compiled for one stage's variables.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsUri {
    /// Whose operation it is.
    pub callee: Callee,
    /// How the operation is said.
    pub style: Style,
    /// The path, with its query, or the operation, with its parameters.
    pub rest: Uri,
}

/// Whom an integration calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Callee {
    /// Always the same.
    Constant(Place),
    /// It depends on the request: `{bucket}.s3`.
    Dynamic(Uri),
}

/// A service in a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The region.
    pub region: String,
    /// The service as ARNs name it, perhaps with a host's name before a point.
    pub service: String,
}

/// How an operation is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// By a path of the service's API.
    Path,
    /// By its name.
    Action,
}

impl AwsUri {
    /// Reads an integration's URI; nothing if it names no operation of any service.
    pub fn compile(text: &str, variables: &Strings) -> Option<Self> {
        let whole = Uri::compile(text, variables);
        let found = STYLES.iter().filter_map(|(marker, style)| Some((whole.split(marker)?, *style)));
        // The one that comes first: a path may have the other's text in it.
        let ((head, rest), style) = found.min_by_key(|((head, _), _)| head.length())?;
        let callee = match head.constant() {
            Some(constant) => Callee::Constant(Place::parse(constant)?),
            None => Callee::Dynamic(head),
        };
        Some(Self { callee, style, rest })
    }

    /// The function that is invoked, whatever its name depends on, if this is an invocation: a name or an ARN, perhaps
    /// with a qualifier.
    pub fn function(&self) -> Option<Uri> {
        let Callee::Constant(place) = &self.callee else { return None };
        if place.service != "lambda" || self.style != Style::Path {
            return None;
        }
        INVOCATION.iter().find_map(|(start, end)| {
            let (before, rest) = self.rest.split(start)?;
            let (function, after) = rest.split(end)?;
            (before.length() == 0 && after.length() == 0).then_some(function)
        })
    }

    /// Whether functions are what is called.
    pub fn is_lambda(&self) -> bool {
        matches!(&self.callee, Callee::Constant(place) if place.service == "lambda") && self.style == Style::Path
    }
}

impl Place {
    /// Reads the start of an ARN: `arn:{partition}:apigateway:{region}:{service}`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "apigateway", region, service] = parts[..] else { return None };
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(is_name_byte);
        let fine = partition.starts_with("aws") && is_name(partition) && is_name(region) && is_name(service);
        fine.then(|| Self { region: region.to_owned(), service: service.to_owned() })
    }
}

/// What the names of hosts are made of; a value with anything else in it would lead to another service.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Option<AwsUri> {
        AwsUri::compile(text, &Strings::from([("alias".to_owned(), "live".to_owned())]))
    }

    #[test]
    fn uris_say_service_region_and_operation() {
        for (text, expected) in [
            ("arn:aws:apigateway:eu-west-1:s3:path/bucket/{key}", Some(("s3", "eu-west-1", "bucket/{key}"))),
            ("arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", Some(("dynamodb", "us-east-1", "PutItem"))),
            ("arn:aws:apigateway:us-east-1:b.s3:path/a:action/b", Some(("b.s3", "us-east-1", "a:action/b"))),
            ("arn:aws-cn:apigateway:cn-north-1:sqs:action/A&B=c", Some(("sqs", "cn-north-1", "A&B=c"))),
            ("arn:aws:apigateway:us-east-1:s3", None),
            ("arn:aws:apigateway::s3:path/x", None),
            ("arn:aws:lambda:us-east-1:s3:path/x", None),
            ("arn:aws:apigateway:us-east-1:x:y:path/x", None),
            ("http://h/path/x", None),
            ("", None),
        ] {
            let found = compile(text);
            let found = found.as_ref().map(|uri| {
                let Callee::Constant(place) = &uri.callee else { panic!("{text} depends on nothing") };
                (place.service.as_str(), place.region.as_str(), uri.rest.render(|_| None))
            });
            let expected = expected.map(|(service, region, rest)| (service, region, rest.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_service_may_depend_on_the_request() {
        let uri = compile("arn:aws:apigateway:us-east-1:{bucket}.s3:path/{key}").expect("a URI");
        let Callee::Dynamic(head) = &uri.callee else { panic!("it depends on the request") };
        assert_eq!(head.render(|_| Some("b")), "arn:aws:apigateway:us-east-1:b.s3");
        assert_eq!(uri.rest.render(|_| Some("k")), "k");
    }

    #[test]
    fn functions_are_told_from_other_paths() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for (path, expected) in [
            (format!("2015-03-31/functions/{arn}/invocations"), Some(arn.to_owned())),
            (format!("2015-03-31/functions/{arn}:${{stageVariables.alias}}/invocations"), Some(format!("{arn}:live"))),
            (format!("2021-11-15/functions/{arn}/response-streaming-invocations"), Some(arn.to_owned())),
            ("2015-03-31/functions/{name}/invocations".to_owned(), Some("{name}".to_owned())),
            (format!("2015-03-31/functions/{arn}/invoke-async/"), None),
            ("2015-03-31/functions/".to_owned(), None),
        ] {
            let uri = compile(&format!("arn:aws:apigateway:us-east-1:lambda:path/{path}")).expect("a URI");
            assert!(uri.is_lambda());
            assert_eq!(uri.function().map(|function| function.render(|_| None)), expected, "{path}");
        }
        assert!(!compile("arn:aws:apigateway:us-east-1:s3:path/b").expect("a URI").is_lambda());
    }
}
