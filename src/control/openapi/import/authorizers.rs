//! Security schemes become authorizers, and security requirements what a method asks of its callers.

use super::super::extensions::{AUTH, AUTHORIZER, AUTHTYPE};
use super::{Dialect, Node, Reader};
use crate::model::id::AuthorizerId;
use crate::model::rest::{AuthorizationType, Authorizer, AuthorizerType, Method};

/// An answer of an authorizer is kept for at most so long, in seconds.
const MAX_TTL: u64 = 3600;
/// An API has at most so many authorizers.
const MAX_AUTHORIZERS: usize = 100;

/// What a security scheme asks for.
enum Scheme {
    ApiKey,
    Iam,
    Authorizer(AuthorizationType),
    Nothing,
}

impl<'a> Reader<'a> {
    fn schemes(&self) -> Option<Node<'a>> {
        match self.dialect {
            Dialect::Swagger => self.root.get("securityDefinitions"),
            Dialect::OpenApi => self.root.within(&["components", "securitySchemes"]),
        }
    }

    /// The authorizers of all schemes that have one, used or not.
    pub(super) fn read_authorizers(&mut self) {
        let schemes = self.schemes().map(|node| node.members()).unwrap_or_default();
        for (name, scheme) in schemes {
            let Some(scheme) = self.resolve(scheme) else { continue };
            let Some(extension) = scheme.get(AUTHORIZER) else { continue };
            if self.description.authorizers.len() >= MAX_AUTHORIZERS {
                self.report.refuse(&scheme, format!("an API has at most {MAX_AUTHORIZERS} authorizers"));
                return;
            }
            match authorizer(name, &scheme, &extension) {
                Ok(authorizer) => {
                    self.description.authorizers.insert(name.to_owned(), authorizer);
                }
                Err(why) => self.report.refuse(
                    &extension,
                    format!("Unable to create authorizer from security definition: '{name}'. {why}"),
                ),
            }
        }
    }

    /// What a method asks of its callers: its own `security`, otherwise the document's, and what is said outright.
    pub(super) fn secure(&mut self, method: &mut Method, operation: &Node<'a>) {
        if let Some(security) = operation.get("security").or_else(|| self.root.get("security")) {
            for requirement in security.items() {
                for (name, scopes) in requirement.members() {
                    self.require(method, name, &scopes);
                }
            }
        }
        let Some(kind) = operation.get(AUTH).and_then(|auth| auth.get("type")) else { return };
        match kind.text().map(str::to_ascii_uppercase).as_deref() {
            Some("NONE") => unauthorized(method, AuthorizationType::None),
            Some("AWS_IAM") => unauthorized(method, AuthorizationType::AwsIam),
            _ => self.report.refuse(kind, "NONE or AWS_IAM is wanted"),
        }
    }

    fn require(&mut self, method: &mut Method, name: &str, scopes: &Node<'a>) {
        let scheme = self.schemes().and_then(|schemes| schemes.get(name));
        let Some(scheme) = scheme.and_then(|scheme| self.resolve(scheme)) else {
            return self.report.refuse(scopes, format!("there is no security scheme '{name}'"));
        };
        let (kind, id) = match self.meaning(name, &scheme) {
            Scheme::ApiKey => {
                method.api_key_required = true;
                return;
            }
            Scheme::Nothing => {
                return self.report.warn(
                    scopes,
                    format!("the security scheme '{name}' has no {AUTHORIZER}: callers are not asked for it"),
                );
            }
            Scheme::Iam => (AuthorizationType::AwsIam, None),
            Scheme::Authorizer(kind) => (kind, Some(name.to_owned())),
        };
        if method.authorization_type != AuthorizationType::None {
            return self.report.warn(scopes, "a method has one authorizer: this one is ignored");
        }
        method.authorization_type = kind;
        method.authorizer_id = id;
        method.authorization_scopes = scopes.texts();
    }

    fn meaning(&self, name: &str, scheme: &Node<'a>) -> Scheme {
        let is =
            |member: &str, wanted: &str| scheme.text_of(member).is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        if let Some(authorizer) = self.description.authorizers.get(name) {
            return Scheme::Authorizer(match authorizer.kind {
                AuthorizerType::Token | AuthorizerType::Request => AuthorizationType::Custom,
                AuthorizerType::CognitoUserPools => AuthorizationType::CognitoUserPools,
            });
        }
        // One that could not be read is a problem already, and the import fails for it.
        if scheme.get(AUTHORIZER).is_some() {
            return Scheme::Authorizer(AuthorizationType::Custom);
        }
        if is(AUTHTYPE, "awsSigv4") {
            return Scheme::Iam;
        }
        if is("type", "apiKey") && is("in", "header") && is("name", "x-api-key") {
            return Scheme::ApiKey;
        }
        match scheme.get(AUTH).and_then(|auth| auth.text_of("type")) {
            Some(kind) if kind.eq_ignore_ascii_case("AWS_IAM") => Scheme::Iam,
            _ => Scheme::Nothing,
        }
    }
}

fn unauthorized(method: &mut Method, kind: AuthorizationType) {
    method.authorization_type = kind;
    method.authorizer_id = None;
    method.authorization_scopes.clear();
}

/// Reads an authorizer; what AWS asks for that is missing is the error.
fn authorizer(name: &str, scheme: &Node<'_>, extension: &Node<'_>) -> Result<Authorizer, String> {
    let kind = extension.text_of("type").unwrap_or_default().to_ascii_uppercase();
    let kind = AuthorizerType::parse(&kind)
        .ok_or("Invalid authorizer type specified. Valid options are TOKEN,REQUEST,COGNITO_USER_POOLS")?;
    let uri = extension.text_of("authorizerUri");
    let provider_arns = extension.get("providerARNs").map(|arns| arns.texts()).unwrap_or_default();
    let header = || {
        let header = scheme.text_of("name").unwrap_or_else(|| "Authorization".to_owned());
        format!("method.request.header.{header}")
    };
    let own_source = extension.text_of("identitySource");
    let identity_source = match kind {
        AuthorizerType::Request => own_source,
        AuthorizerType::Token | AuthorizerType::CognitoUserPools => Some(own_source.unwrap_or_else(header)),
    };
    let ttl = match extension.get("authorizerResultTtlInSeconds") {
        None => None,
        Some(node) => Some(
            node.spelled()
                .and_then(|text| text.parse::<u64>().ok())
                .filter(|ttl| *ttl <= MAX_TTL)
                .and_then(|ttl| u32::try_from(ttl).ok())
                .ok_or("Authorizer result TTL must be between 0 and 3600 seconds")?,
        ),
    };
    match kind {
        AuthorizerType::Token | AuthorizerType::Request if uri.is_none() => {
            return Err("Authorizer URI must be specified".to_owned());
        }
        AuthorizerType::CognitoUserPools if provider_arns.is_empty() => {
            return Err("Provider ARNs must be specified".to_owned());
        }
        // Without a cache nothing has to tell callers apart.
        AuthorizerType::Request if identity_source.is_none() && ttl != Some(0) => {
            return Err("Identity source must be specified where results are cached".to_owned());
        }
        AuthorizerType::Token | AuthorizerType::Request | AuthorizerType::CognitoUserPools => {}
    }
    let auth_type = scheme.text_of(AUTHTYPE).unwrap_or_else(|| match kind {
        AuthorizerType::Token | AuthorizerType::Request => "custom".to_owned(),
        AuthorizerType::CognitoUserPools => "cognito_user_pools".to_owned(),
    });
    Ok(Authorizer {
        id: AuthorizerId::random(),
        name: name.to_owned(),
        kind,
        provider_arns,
        auth_type,
        uri,
        credentials: extension.text_of("authorizerCredentials"),
        identity_source,
        identity_validation_expression: extension.text_of("identityValidationExpression"),
        result_ttl_seconds: ttl,
    })
}
