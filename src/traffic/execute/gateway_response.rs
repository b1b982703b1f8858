//! How a refusal looks to the caller: the one place that makes such an answer, to AWS's bytes.
//!
//! The spaces differ on purpose: AWS writes some of its default bodies with one behind the colon and some without
//! (data-plane reference, 14.1).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use crate::traffic::message::{Body, Headers, Refusal, Reply, ResponseType};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

pub(super) fn render(refusal: &Refusal) -> Reply {
    let message = serde_json::Value::from(refusal.message.as_ref());
    let mut headers = Headers::with_capacity(8);
    let (content_type, body) = match refusal.response {
        ResponseType::RequestTooLarge => ("text/plain", refusal.message.to_string()),
        ResponseType::AccessDenied => ("application/json", format!("{{\"Message\":{message}}}")),
        ResponseType::Forbidden | ResponseType::MissingAuthenticationToken | ResponseType::InvalidApiKey => {
            ("application/json", format!("{{\"message\":{message}}}"))
        }
        ResponseType::Default4xx
        | ResponseType::UnsupportedMediaType
        | ResponseType::ApiConfigurationError
        | ResponseType::IntegrationFailure
        | ResponseType::IntegrationTimeout => ("application/json", format!("{{\"message\": {message}}}")),
    };
    headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if refusal.response != ResponseType::RequestTooLarge {
        headers.append(ERROR_TYPE, HeaderValue::from_static(refusal.error_type));
    }
    Reply { status: refusal.status, headers, body: Body::Whole(Bytes::from(body)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_bodies_are_awss_to_the_byte() {
        for (refusal, expected) in [
            (Refusal::configuration(""), r#"{"message": "Internal server error"}"#),
            (Refusal::timeout(), r#"{"message": "Endpoint request timed out"}"#),
            (Refusal::network(""), r#"{"message": "Network error communicating with endpoint"}"#),
            (Refusal::forbidden(""), r#"{"message":"Forbidden"}"#),
            (Refusal::too_large(10_485_760), "HTTP content length exceeded 10485760 bytes."),
        ] {
            let Body::Whole(body) = render(&refusal).body else { panic!("a refusal's body is whole") };
            assert_eq!(body, expected);
        }
    }
}
