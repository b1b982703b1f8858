//! Security: the schemes of a document, and which of them an operation asks for.

use serde_json::{Map, Value, json};

use super::Subject;
use crate::control::openapi::extensions::{AUTHORIZER, AUTHTYPE};
use crate::control::wire::Members;
use crate::model::rest::{AuthorizationType, Authorizer, AuthorizerType, Method};

/// Where a caller's token is, if an authorizer doesn't say.
const TOKEN_HEADER: &str = "Authorization";
/// The name of a parameter that nobody reads: AWS's, for authorizers that look elsewhere.
const UNUSED: &str = "Unused";

/// The names that schemes have in one document.
pub(super) struct Names {
    api_key: String,
    signature: String,
}

impl Names {
    /// AWS's names, unless an authorizer has them already.
    pub(super) fn of(authorizers: &[Authorizer]) -> Self {
        let free = |name: &str| {
            let mut name = name.to_owned();
            while authorizers.iter().any(|authorizer| authorizer.name == name) {
                name.push('_');
            }
            name
        };
        Self { api_key: free("api_key"), signature: free("sigv4") }
    }

    /// What an operation asks for. AWS lists an authorizer and an API key as if either were enough, and reads such a
    /// list as both.
    pub(super) fn asked(&self, method: &Method, authorizers: &[Authorizer]) -> Value {
        let scheme = match method.authorization_type {
            AuthorizationType::None => None,
            AuthorizationType::AwsIam => Some(self.signature.as_str()),
            AuthorizationType::Custom | AuthorizationType::CognitoUserPools => {
                of_method(method, authorizers).map(|authorizer| authorizer.name.as_str())
            }
        };
        let key = method.api_key_required.then_some(self.api_key.as_str());
        let scopes = |name: &str| if key == Some(name) { json!([]) } else { json!(method.authorization_scopes) };
        let asked = scheme.into_iter().chain(key).map(|name| Value::from(Members::new().set(name, scopes(name))));
        Value::Array(asked.collect())
    }

    /// The schemes that operations ask for; with `authorizers`, those of all authorizers, and what they call.
    pub(super) fn schemes(&self, subject: &Subject<'_>, authorizers: bool) -> Map<String, Value> {
        let methods = || subject.snapshot.resources.iter().flat_map(|resource| &resource.methods);
        let mut schemes = Map::new();
        // By name: their ids, which a snapshot has them by, are random.
        let mut known: Vec<&Authorizer> = subject.snapshot.authorizers.iter().collect();
        known.sort_by_key(|authorizer| &authorizer.name);
        for authorizer in known {
            if authorizers || methods().any(|method| asks_for(method, authorizer)) {
                schemes.insert(authorizer.name.clone(), scheme(authorizer, authorizers));
            }
        }
        if methods().any(|method| method.authorization_type == AuthorizationType::AwsIam) {
            let signature = in_header(TOKEN_HEADER).set(AUTHTYPE, "awsSigv4");
            schemes.insert(self.signature.clone(), signature.into());
        }
        if methods().any(|method| method.api_key_required) {
            schemes.insert(self.api_key.clone(), in_header("x-api-key").into());
        }
        for (name, scheme) in &mut schemes {
            if let Value::Object(scheme) = scheme {
                subject.documentation.authorizer(name, scheme);
            }
        }
        schemes
    }
}

fn of_method<'a>(method: &Method, authorizers: &'a [Authorizer]) -> Option<&'a Authorizer> {
    authorizers.iter().find(|authorizer| method.authorizer_id.as_deref() == Some(authorizer.id.as_str()))
}

fn asks_for(method: &Method, authorizer: &Authorizer) -> bool {
    matches!(method.authorization_type, AuthorizationType::Custom | AuthorizationType::CognitoUserPools)
        && method.authorizer_id.as_deref() == Some(authorizer.id.as_str())
}

/// A scheme that is a value in a header, as all of API Gateway's are.
fn in_header(name: &str) -> Members {
    Members::new().set("type", "apiKey").set("name", name).set("in", "header")
}

fn scheme(authorizer: &Authorizer, whole: bool) -> Value {
    let source = authorizer.identity_source.as_deref().map(|source| header(source).ok_or(source));
    let name = match (&source, authorizer.kind) {
        (Some(Ok(name)), _) => name,
        (_, AuthorizerType::Request) => UNUSED,
        (_, AuthorizerType::Token | AuthorizerType::CognitoUserPools) => TOKEN_HEADER,
    };
    let members = in_header(name).unless_empty(AUTHTYPE, authorizer.auth_type.as_str());
    if whole { members.set(AUTHORIZER, extension(authorizer)) } else { members }.into()
}

fn extension(authorizer: &Authorizer) -> Value {
    // The header of a token is the scheme's name already.
    let by_name = |source: &&String| authorizer.kind == AuthorizerType::Request || header(source).is_none();
    Members::new()
        .set("type", authorizer.kind.as_str().to_ascii_lowercase())
        .unless_empty("providerARNs", authorizer.provider_arns.clone())
        .some("authorizerUri", authorizer.uri.clone())
        .some("authorizerCredentials", authorizer.credentials.clone())
        .some("identitySource", authorizer.identity_source.as_ref().filter(by_name).cloned())
        .some("identityValidationExpression", authorizer.identity_validation_expression.clone())
        .some("authorizerResultTtlInSeconds", authorizer.result_ttl_seconds)
        .into()
}

/// The header that an identity source names, if it names one header and nothing else.
fn header(source: &str) -> Option<&str> {
    source.strip_prefix("method.request.header.").filter(|name| !name.is_empty() && !name.contains([',', ' ']))
}
