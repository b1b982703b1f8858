//! Tokens of Cognito's user pools: what must be true of one before it is worth asking for the pool's keys.
//!
//! Source: "Control access to REST APIs using Amazon Cognito user pools" (auth reference, part G).

use super::{Denied, Expression};
use crate::identity::jwt::Unverified;
use crate::model::rest::Authorizer;

/// Checks a token's form, end, issuer, use and audience; answers with the issuer, whose keys must verify it.
pub fn check(authorizer: &Authorizer, token: &str, now: i64) -> Result<String, Denied> {
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    let token = Unverified::read(token).map_err(|_| Denied::Unfit("The incoming token is not a signed token"))?;
    if token.algorithm() != "RS256" {
        return Err(Denied::Unfit("The incoming token is not signed with RS256"));
    }
    if token.has_expired(now) {
        return Err(Denied::Unfit("The incoming token has expired"));
    }
    let mut issuers = authorizer.provider_arns.iter().filter_map(|arn| issuer(arn));
    let Some(issuer) = issuers.find(|issuer| token.text("iss") == Some(issuer)) else {
        return Err(Denied::Unfit("The incoming token was not issued by one of the authorizer's user pools"));
    };
    // Without scopes, which methods have and a test has not, only an identity token will do.
    if token.text("token_use") != Some("id") {
        return Err(Denied::Unfit("The incoming token is not an identity token"));
    }
    Expression::of(authorizer).check(token.audience())?;
    Ok(issuer)
}

/// The issuer that the tokens of a user pool name: `arn:aws:cognito-idp:{region}:{account}:userpool/{pool}`.
fn issuer(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "cognito-idp", region, _, resource] = parts.as_slice() else { return None };
    let pool = resource.strip_prefix("userpool/")?;
    let domain = if *partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("https://cognito-idp.{region}.{domain}/{pool}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AuthorizerId;
    use crate::model::rest::AuthorizerType;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool";

    fn checked(algorithm: &str, claims: &str) -> Result<String, Denied> {
        let authorizer = Authorizer {
            id: AuthorizerId::new("a"),
            name: "a".to_owned(),
            kind: AuthorizerType::CognitoUserPools,
            provider_arns: vec![
                "nonsense".to_owned(),
                "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Pool".to_owned(),
            ],
            auth_type: "cognito_user_pools".to_owned(),
            uri: None,
            credentials: None,
            identity_source: None,
            identity_validation_expression: Some("client-.".to_owned()),
            result_ttl_seconds: None,
        };
        let header = format!(r#"{{"alg":"{algorithm}"}}"#);
        let token = format!("Bearer {}.{}.c2ln", BASE64.encode(header), BASE64.encode(claims));
        check(&authorizer, &token, 100)
    }

    #[test]
    fn only_tokens_that_the_pool_could_have_issued_pass() {
        let claims = |exp: u32, iss: &str, token_use: &str, aud: &str| {
            format!(r#"{{"exp":{exp},"iss":"{iss}","token_use":"{token_use}","aud":"{aud}"}}"#)
        };
        let good = claims(200, ISSUER, "id", "client-1");
        assert_eq!(checked("RS256", &good), Ok(ISSUER.to_owned()));
        for (algorithm, claims) in [
            ("none", good.as_str()),
            ("HS256", &good),
            ("RS256", &claims(100, ISSUER, "id", "client-1")),
            ("RS256", &claims(200, "https://elsewhere", "id", "client-1")),
            ("RS256", &claims(200, ISSUER, "access", "client-1")),
            ("RS256", &claims(200, ISSUER, "id", "other")),
            ("RS256", "[]"),
        ] {
            let denied = checked(algorithm, claims).expect_err(claims);
            assert_eq!(denied.status(), 401, "{algorithm} {claims}");
        }
    }

    #[test]
    fn pools_name_their_issuer() {
        for (arn, expected) in [
            ("arn:aws:cognito-idp:us-east-1:1:userpool/p", Some("https://cognito-idp.us-east-1.amazonaws.com/p")),
            (
                "arn:aws-cn:cognito-idp:cn-north-1:1:userpool/p",
                Some("https://cognito-idp.cn-north-1.amazonaws.com.cn/p"),
            ),
            ("arn:aws:lambda:us-east-1:1:userpool/p", None),
            ("arn:aws:cognito-idp:us-east-1:1:pool/p", None),
            ("", None),
        ] {
            assert_eq!(issuer(arn).as_deref(), expected, "{arn}");
        }
    }
}
