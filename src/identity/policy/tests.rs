//! Policies as tables of cases.

use serde_json::json;

use super::*;

const INVOKE: &str = "execute-api:Invoke";

fn arn(resource: &str) -> String {
    format!("arn:aws:execute-api:us-east-1:123456789012:{resource}")
}

fn context(key: &str) -> Vec<String> {
    let values: &[&str] = match key {
        "aws:sourceip" => &["10.1.2.3"],
        "aws:username" => &["ann"],
        "aws:star" => &["*"],
        "aws:currenttime" => &["2026-01-02T03:04:05Z"],
        "aws:epochtime" => &["1767323045"],
        "aws:securetransport" => &["true"],
        "aws:tagkeys" => &["a", "b"],
        _ => &[],
    };
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn decide(policy: &Value, action: &str, resource: &str) -> Decision {
    let policy = Policy::read(policy).expect("a policy");
    policy.decide(&Question { action, resource, context: &context })
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

#[test]
fn resources_are_matched_part_by_part() {
    for (pattern, resource, matches) in [
        (arn("abc/*/GET/pets"), "abc/prod/GET/pets", true),
        (arn("abc/*/GET/pets"), "abc/prod/GET/pets/1", false),
        (arn("abc/prod/*"), "abc/prod/POST/any/thing", true),
        (arn("abc/prod/GET/pets/*"), "abc/prod/GET/pets", false),
        (arn("abc/*/pets"), "abc/prod/GET/pets", true),
        (arn("abc/p?od/GET/"), "abc/prod/GET/", true),
        (arn("abc/prod/get/pets"), "abc/prod/GET/pets", false),
        (arn("abc/prod/GET/a:b"), "abc/prod/GET/a:b", true),
        ("arn:aws:execute-api:*:*:*".to_owned(), "abc/prod/GET/pets", true),
        ("arn:aws:execute-api:*".to_owned(), "abc/prod/GET/pets", true),
        ("arn:aws:execute-api:eu-*:*:*".to_owned(), "abc/prod/GET/pets", false),
        ("arn:aws:s3:*:*:*".to_owned(), "abc/prod/GET/pets", false),
        ("*".to_owned(), "abc/prod/GET/pets", true),
        (String::new(), "abc/prod/GET/pets", false),
    ] {
        let policy = json!({"Version": "2012-10-17", "Statement": [statement("Allow", INVOKE, &pattern)]});
        let expected = if matches { Decision::Allowed } else { Decision::Silent };
        assert_eq!(decide(&policy, INVOKE, &arn(resource)), expected, "{pattern} {resource}");
    }
}

#[test]
fn a_denial_counts_more_than_anything() {
    let (allow, deny) = (statement("Allow", "*", "*"), statement("Deny", INVOKE, &arn("abc/prod/*")));
    for (statements, expected) in [
        (json!([allow, deny]), Decision::Denied),
        (json!([deny, allow]), Decision::Denied),
        (json!(allow), Decision::Allowed),
        (json!([]), Decision::Silent),
        (json!([statement("Allow", "EXECUTE-API:invoke", "*")]), Decision::Allowed),
        (json!([statement("Allow", "execute-api:*", "*")]), Decision::Allowed),
        (json!([statement("Allow", "execute-api:ManageConnections", "*")]), Decision::Silent),
        (json!([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]), Decision::Allowed),
        (json!([{"Effect": "Allow", "NotAction": [INVOKE, "s3:*"], "Resource": "*"}]), Decision::Silent),
        (json!([{"Effect": "Allow", "Action": "*", "NotResource": arn("abc/prod/*")}]), Decision::Silent),
        (json!([{"Effect": "Allow", "Action": "*", "NotResource": arn("abc/test/*")}]), Decision::Allowed),
    ] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        assert_eq!(decide(&policy, INVOKE, &arn("abc/prod/GET/pets")), expected, "{statements}");
    }
}

#[test]
fn conditions_must_all_hold() {
    for (condition, holds) in [
        (json!({}), true),
        (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), true),
        (json!({"IpAddress": {"aws:SourceIp": ["192.168.0.0/16", "10.1.2.3"]}}), true),
        (json!({"IpAddress": {"aws:SourceIp": "10.1.2.4/31"}}), false),
        (json!({"IpAddress": {"aws:SourceIp": "::/0"}}), true),
        (json!({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "1.0.0.0/8"]}}), false),
        (json!({"NotIpAddress": {"aws:SourceIp": "1.0.0.0/8"}}), true),
        (json!({"StringEquals": {"aws:UserName": "ann"}}), true),
        (json!({"StringEquals": {"aws:username": ["bob", "ann"]}}), true),
        (json!({"StringEquals": {"aws:username": "ANN"}}), false),
        (json!({"StringEquals": {"aws:username": "a*"}}), false),
        (json!({"StringEqualsIgnoreCase": {"aws:username": "ANN"}}), true),
        (json!({"StringNotEquals": {"aws:username": ["bob", "ann"]}}), false),
        (json!({"StringNotEquals": {"aws:absent": "x"}}), true),
        (json!({"StringEquals": {"aws:absent": "x"}}), false),
        (json!({"StringEqualsIfExists": {"aws:absent": "x"}}), true),
        (json!({"StringLike": {"aws:username": "a?n*"}}), true),
        (json!({"StringNotLike": {"aws:username": "a*"}}), false),
        (json!({"StringEquals": {"aws:username": "${aws:username}"}}), true),
        (json!({"StringEquals": {"aws:username": "${aws:absent}"}}), false),
        (json!({"StringEquals": {"aws:username": "${aws:absent, 'ann'}"}}), true),
        (json!({"StringLike": {"aws:username": "${aws:star}"}}), false),
        (json!({"StringLike": {"aws:star": "${*}"}}), true),
        (json!({"Bool": {"aws:SecureTransport": true}}), true),
        (json!({"Bool": {"aws:SecureTransport": "false"}}), false),
        (json!({"NumericLessThan": {"aws:EpochTime": 2000000000}}), true),
        (json!({"NumericGreaterThanEquals": {"aws:EpochTime": "1767323046"}}), false),
        (
            json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01"}, "DateLessThan": {"aws:CurrentTime": "2026-01-03T00:00:00Z"}}),
            true,
        ),
        (json!({"DateLessThanEquals": {"aws:CurrentTime": "1767323044"}}), false),
        (json!({"Null": {"aws:absent": "true"}}), true),
        (json!({"Null": {"aws:username": "true"}}), false),
        (json!({"Null": {"aws:username": "false"}}), true),
        (json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}), true),
        (json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}), false),
        (json!({"ForAllValues:StringEquals": {"aws:absent": ["a"]}}), true),
        (json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["b", "x"]}}), true),
        (json!({"ForAnyValue:StringEquals": {"aws:absent": ["a"]}}), false),
        (json!({"ArnLike": {"aws:username": "arn:aws:*"}}), false),
        (json!({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:username": "bob"}}), false),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
        let policy = json!({"Version": "2012-10-17", "Statement": statement});
        let expected = if holds { Decision::Allowed } else { Decision::Silent };
        assert_eq!(decide(&policy, INVOKE, "r"), expected, "{condition}");
    }
}

#[test]
fn variables_are_text_in_the_first_version() {
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:x:::${aws:username}"});
    for (version, resource, expected) in [
        ("2012-10-17", "arn:aws:x:::ann", Decision::Allowed),
        ("2008-10-17", "arn:aws:x:::ann", Decision::Silent),
        ("2008-10-17", "arn:aws:x:::${aws:username}", Decision::Allowed),
    ] {
        let policy = json!({"Version": version, "Statement": statement});
        assert_eq!(decide(&policy, "any", resource), expected, "{version} {resource}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let with = |name: &str, value: Value| {
        let mut statement = statement("Allow", "*", "*");
        statement[name] = value;
        json!({"Statement": statement})
    };
    for document in [
        json!(null),
        json!("{}"),
        json!({}),
        json!({"Statement": "x"}),
        json!({"Statement": [1]}),
        json!({"Version": "2013-01-01", "Statement": []}),
        with("Effect", json!("allow")),
        with("Effect", json!(null)),
        with("Action", json!({})),
        with("NotAction", json!("x")),
        with("Resource", json!([null])),
        with("Condition", json!([])),
        with("Condition", json!({"StringEquals": "x"})),
        with("Condition", json!({"Strange": {"a": "b"}})),
        with("Condition", json!({"ForSome:StringEquals": {"a": "b"}})),
        with("Condition", json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}})),
        with("Condition", json!({"NumericEquals": {"a": "b"}})),
        with("Condition", json!({"DateEquals": {"a": "yesterday"}})),
        json!({"Statement": {"Effect": "Allow", "Resource": "*"}}),
        json!({"Statement": {"Effect": "Allow", "Action": "*"}}),
    ] {
        assert!(Policy::read(&document).is_err(), "{document}");
    }
}
