//! A caller's identity: the values that an authorizer's identity sources name in the request.

use std::fmt;

use regex::Regex;

use super::Denied;
use crate::mapping::parameters::Source;
use crate::model::rest::{Authorizer, AuthorizerType, Strings};

/// Where tokens are, if the authorizer doesn't say.
const DEFAULT_SOURCE: &str = "method.request.header.Authorization";

/// Where an authorizer looks for a caller's identity, compiled.
#[derive(Debug)]
pub struct IdentitySources {
    /// Expressions with what they mean; one that means nothing has never a value.
    sources: Vec<(String, Option<Source>)>,
    /// What a token must be like, where the authorizer's function looks at one.
    expression: Expression,
}

/// The values that identify a caller, in the order of their sources; never empty ones.
#[derive(PartialEq)]
pub struct Identity(Vec<String>);

/// A regular expression that a text must match wholly, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Expression(Option<(String, Option<Regex>)>);

impl IdentitySources {
    /// Compiles an authorizer's sources for a stage's variables.
    pub fn new(authorizer: &Authorizer, variables: &Strings) -> Self {
        let sources = authorizer.identity_source.as_deref().unwrap_or_default().split(',').map(str::trim);
        let mut sources: Vec<&str> = sources.filter(|source| !source.is_empty()).collect();
        if sources.is_empty() && authorizer.kind != AuthorizerType::Request {
            sources.push(DEFAULT_SOURCE);
        }
        let source = |text: &str| (text.to_owned(), Source::parse(text, variables));
        let looks_at_token = authorizer.kind == AuthorizerType::Token;
        Self {
            sources: sources.into_iter().map(source).collect(),
            expression: if looks_at_token { Expression::of(authorizer) } else { Expression::default() },
        }
    }

    /// Whether nobody is told from anybody.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Reads every source; all must have a value, and a function's token must match the authorizer's expression.
    pub fn identity(&self, value_of: impl Fn(&Source) -> Option<String>) -> Result<Identity, Denied> {
        let value = |(text, source): &(String, Option<Source>)| {
            let value = source.as_ref().and_then(&value_of).filter(|value| !value.is_empty());
            value.ok_or_else(|| Denied::Missing(text.clone()))
        };
        let identity = Identity(self.sources.iter().map(value).collect::<Result<_, _>>()?);
        self.expression.check([identity.token()])?;
        Ok(identity)
    }
}

impl Identity {
    /// The one value of an authorizer that looks at a token.
    pub fn token(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The values, in their order.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// For logs, which show no more than the end of it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Says nothing of who it is.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {} values", self.0.len())
    }
}

impl Expression {
    /// Compiles an authorizer's expression.
    pub fn of(authorizer: &Authorizer) -> Self {
        let expression = authorizer.identity_validation_expression.as_deref().unwrap_or_default();
        if expression.is_empty() {
            return Self::default();
        }
        Self(Some((expression.to_owned(), Regex::new(&format!("^(?:{expression})$")).ok())))
    }

    /// Whether one of the texts is wholly what the expression describes.
    pub fn check<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Result<(), Denied> {
        match &self.0 {
            None => Ok(()),
            Some((expression, None)) => {
                Err(Denied::Configuration(format!("the expression {expression} can't be read")))
            }
            Some((_, Some(whole))) if texts.into_iter().any(|text| whole.is_match(text)) => Ok(()),
            Some((expression, Some(_))) => Err(Denied::Mismatch(expression.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AuthorizerId;

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
        let variables = Strings::from([("v".to_owned(), "variable".to_owned())]);
        let value_of = |source: &Source| match source {
            Source::Header(name) if name.eq_ignore_ascii_case("authorization") => Some("token-1".to_owned()),
            Source::Header(name) if name == "X-Empty" => Some(String::new()),
            Source::Query(name) if name == "q" => Some("2".to_owned()),
            Source::Context(name) if name == "identity.sourceIp" => Some("1.2.3.4".to_owned()),
            Source::Constant(value) => Some(value.clone()),
            _ => None,
        };
        let expected = expected.map(|values| Identity(values.iter().map(|value| (*value).to_owned()).collect()));
        let found = IdentitySources::new(&authorizer, &variables).identity(value_of);
        assert_eq!(found, expected, "{kind} {sources} {expression}");
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
