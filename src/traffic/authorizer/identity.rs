//! A caller's identity: the values that an authorizer's identity sources name in the request.

use std::fmt;

use regex::Regex;

use super::Denied;
use crate::mapping::parameters::Source;
use crate::mapping::query::Query;
use crate::model::rest::{Authorizer, AuthorizerType, Strings};
use crate::traffic::message::Headers;

/// Where tokens are, if the authorizer doesn't say.
const DEFAULT_SOURCE: &str = "method.request.header.Authorization";

/// What of a request identity sources may name.
pub struct Presented<'a> {
    headers: &'a Headers,
    query: Query<'a>,
    variables: &'a Strings,
    context: &'a Strings,
}

/// The values that identify a caller, in the order of their sources; never empty ones.
#[derive(Debug, PartialEq)]
pub struct Identity(Vec<String>);

impl<'a> Presented<'a> {
    /// Takes header fields, the query still encoded, the stage's variables, and `$context` variables.
    pub fn new(headers: &'a Headers, query: &'a str, variables: &'a Strings, context: &'a Strings) -> Self {
        Self { headers, query: Query::parse(query), variables, context }
    }

    fn value(&self, expression: &str) -> Option<String> {
        let value = match Source::parse(expression, self.variables)? {
            Source::Header(name) => self.headers.last_text(&name)?.to_owned(),
            Source::HeaderAll(name) => {
                let values: Vec<&str> = self.headers.all(&name).filter_map(|value| value.to_str().ok()).collect();
                values.join(",")
            }
            Source::Query(name) => self.query.last(&name)?.to_owned(),
            Source::QueryAll(name) => self.query.all(&name).collect::<Vec<_>>().join(","),
            Source::Context(name) => self.context.get(&name)?.clone(),
            Source::Constant(value) => value,
            Source::Path(_) | Source::Body(_) => return None,
        };
        Some(value).filter(|value| !value.is_empty())
    }
}

impl Identity {
    /// Reads every source; all must have a value, and a function's token must match the authorizer's expression.
    pub(super) fn of(authorizer: &Authorizer, presented: &Presented<'_>) -> Result<Self, Denied> {
        let sources = authorizer.identity_source.as_deref().unwrap_or_default().split(',').map(str::trim);
        let mut sources: Vec<&str> = sources.filter(|source| !source.is_empty()).collect();
        if sources.is_empty() && authorizer.kind != AuthorizerType::Request {
            sources.push(DEFAULT_SOURCE);
        }
        let value = |source: &str| presented.value(source).ok_or_else(|| Denied::Missing(source.to_owned()));
        let identity = Self(sources.into_iter().map(value).collect::<Result<_, _>>()?);
        if authorizer.kind == AuthorizerType::Token {
            matches(authorizer, [identity.token()])?;
        }
        Ok(identity)
    }

    /// The one value of an authorizer that looks at a token.
    pub(super) fn token(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Whether one of the texts is wholly what the authorizer's expression describes, if it has one.
pub(super) fn matches<'t>(authorizer: &Authorizer, texts: impl IntoIterator<Item = &'t str>) -> Result<(), Denied> {
    let expression = authorizer.identity_validation_expression.as_deref().unwrap_or_default();
    if expression.is_empty() {
        return Ok(());
    }
    let whole = Regex::new(&format!("^(?:{expression})$"))
        .map_err(|_| Denied::Configuration(format!("the expression {expression} can't be read")))?;
    if texts.into_iter().any(|text| whole.is_match(text)) {
        Ok(())
    } else {
        Err(Denied::Mismatch(expression.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AuthorizerId;
    use http::{HeaderName, HeaderValue};

    fn check(kind: AuthorizerType, sources: &str, expression: &str, expected: Result<&[&str], Denied>) {
        let authorizer = Authorizer {
            id: AuthorizerId::new("a"),
            name: "a".to_owned(),
            kind,
            provider_arns: Vec::new(),
            auth_type: "custom".to_owned(),
            uri: None,
            credentials: None,
            identity_source: Some(sources.to_owned()).filter(|sources| !sources.is_empty()),
            identity_validation_expression: Some(expression.to_owned()),
            result_ttl_seconds: None,
        };
        let mut headers = Headers::default();
        headers.append(HeaderName::from_static("authorization"), HeaderValue::from_static("token-1"));
        headers.append(HeaderName::from_static("x-empty"), HeaderValue::from_static(""));
        let map = |name: &str, value: &str| Strings::from([(name.to_owned(), value.to_owned())]);
        let (variables, context) = (map("v", "variable"), map("identity.sourceIp", "1.2.3.4"));
        let presented = Presented::new(&headers, "q=1&q=2", &variables, &context);
        let expected = expected.map(|values| Identity(values.iter().map(|value| (*value).to_owned()).collect()));
        assert_eq!(Identity::of(&authorizer, &presented), expected, "{kind} {sources} {expression}");
    }

    #[test]
    fn identities_are_read_from_their_sources() {
        use AuthorizerType::{CognitoUserPools, Request, Token};
        let header = "method.request.header.Authorization";
        let missing = |source: &str| Err(Denied::Missing(source.to_owned()));
        check(Token, header, "", Ok(&["token-1"]));
        check(Token, "", "", Ok(&["token-1"]));
        check(Token, header, r"token-\d", Ok(&["token-1"]));
        check(Token, header, "token", Err(Denied::Mismatch("token".to_owned())));
        check(Token, header, "(", Err(Denied::Configuration("the expression ( can't be read".to_owned())));
        // The expression of a user pool is about the token's audience.
        check(CognitoUserPools, header, "other", Ok(&["token-1"]));
        check(Token, "method.request.header.X-None", "", missing("method.request.header.X-None"));
        check(Token, "method.request.header.X-Empty", "", missing("method.request.header.X-Empty"));
        check(Request, "", "", Ok(&[]));
        check(
            Request,
            "method.request.header.authorization, method.request.querystring.q,stageVariables.v,context.identity.sourceIp",
            "",
            Ok(&["token-1", "2", "variable", "1.2.3.4"]),
        );
        check(Request, "stageVariables.v,stageVariables.none", "", missing("stageVariables.none"));
        check(Request, "nonsense", "", missing("nonsense"));
    }
}
