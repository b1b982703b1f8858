//! Signatures of the public vectors and of AWS's SDK.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// All checks in their order, for the service that the claim names.
fn check(claim: &Claim, request: &Request<'_>, secret: &str, now: i64) -> Result<(), Refusal> {
    let service = match claim.service.as_str() {
        "apigateway" => Service::API_GATEWAY,
        _ => Service::EXECUTE_API,
    };
    claim.check_scope(service, now)?;
    claim.check(request, secret)
}

/// Signatures that AWS's own SDK makes (auth reference, A3a).
#[test]
fn signatures_are_those_of_the_aws_sdk() {
    let host = ("host", "abc123.execute-api.us-east-1.amazonaws.com");
    let date = ("x-amz-date", "20260101T000000Z");
    let token = ("x-amz-security-token", "TOKEN");
    type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8], &'a str);
    let rows: [Row<'_>; 4] = [
        (
            "GET",
            "/prod/pets",
            "b=2&a=1",
            &[host, date],
            b"",
            "56a012400752951da6760929273f2c08a643b51674c1f17ca88806d3ed62873b",
        ),
        (
            "POST",
            "/prod/@connections/R0oXAdfD0kwCH6w%3D",
            "",
            &[host, date, token],
            b"hello",
            "b6f93a8e6e8584b4edecfe4a11e2de10109371411a8f9cbde2ae3588eca519a8",
        ),
        (
            "POST",
            "/prod/%40connections/R0oXAdfD0kwCH6w%3D",
            "",
            &[host, date],
            b"hello",
            "3e92ae02b85b8ab4cbb796918511134c470ad7ddaf489181b14a5f295fa0b5ee",
        ),
        (
            "GET",
            "/prod/a%20b/",
            "",
            &[host, date],
            b"",
            "26e8cf669e1b2e5e586cd1d00d71b4f50fcaec6e4ba77128bbe237c0e0a090e6",
        ),
    ];
    for (method, path, query, headers, body, expected) in rows {
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "{ALGORITHM} Credential=AKIDEXAMPLE/20260101/us-east-1/execute-api/aws4_request, SignedHeaders={}, Signature={expected}",
            names.join(";")
        );
        let mut headers = headers.to_vec();
        headers.push(("Authorization", &authorization));
        let request = Request { method, path, query, headers: &headers, body };
        let claim = Claim::read(&request).expect("a whole signature");
        assert_eq!((claim.access_key_id.as_str(), claim.service.as_str()), ("AKIDEXAMPLE", "execute-api"));
        let now = 1_767_225_600;
        assert_eq!(check(&claim, &request, SECRET, now + 299), Ok(()), "{path}");
        assert!(check(&claim, &request, "another", now).is_err());
        assert!(check(&claim, &Request { body: b"other", ..request }, SECRET, now).is_err());
        let late = check(&claim, &request, SECRET, now + 301).expect_err("late").to_string();
        assert_eq!(
            late,
            "Signature expired: 20260101T000000Z is now earlier than 20260101T000001Z (20260101T000501Z - 5 min.)"
        );
        let early = check(&claim, &request, SECRET, now - 301).expect_err("early").to_string();
        let elsewhere = claim.check_scope(Service::API_GATEWAY, now).expect_err("elsewhere").to_string();
        assert_eq!(elsewhere, "Credential should be scoped to correct service: 'apigateway'. ");
        assert!(claim.check_scope(Service { skew_minutes: 15, ..Service::EXECUTE_API }, now + 301).is_ok());
        assert!(early.starts_with("Signature not yet current: 20260101T000000Z is still later than "), "{early}");
    }
}

#[test]
fn a_presigned_request_is_good_for_as_long_as_it_says() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fexecute-api%2Faws4_request\
                 &X-Amz-Date=20260101T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=db354c65fc1c615ad83ee238e52a0d832f1d17c1e6a2fbb19c506d85e82efbb9";
    let headers = [("host", "abc123.execute-api.us-east-1.amazonaws.com")];
    let request = Request { method: "GET", path: "/prod", query, headers: &headers, body: b"" };
    let claim = Claim::read(&request).expect("a whole signature");
    assert_eq!(check(&claim, &request, SECRET, 1_767_225_600 + 300), Ok(()));
    assert!(check(&claim, &request, SECRET, 1_767_225_600 + 301).is_err());
}

/// The canonical requests of AWS's public vectors.
#[test]
fn canonical_requests_are_those_of_the_public_vectors() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/aws-sigv4");
    let mut seen = 0;
    for entry in fs::read_dir(vectors).expect("the vectors") {
        let directory = entry.expect("an entry").path();
        let read = |name: &str| fs::read_to_string(directory.join(name));
        let (Ok(context), Ok(raw)) = (read("context.json"), read("request.txt")) else { continue };
        let context: serde_json::Value = serde_json::from_str(&context).expect("JSON");
        let expected = read("header-canonical-request.txt").expect("the expected form");
        let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
        let (line, fields) = head.split_once('\n').unwrap_or((head, ""));
        let (method, target) = line.split_once(' ').expect("a verb");
        let target = target.rsplit_once(' ').map_or(target, |(target, _)| target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let unfolded = fields.replace("\n ", " ");
        let mut headers: Vec<(&str, &str)> = unfolded.lines().filter_map(|line| line.split_once(':')).collect();
        let stamp = context["timestamp"].as_str().expect("a time").replace(['-', ':'], "");
        headers.push(("X-Amz-Date", &stamp));
        let token = context["credentials"]["token"].as_str().unwrap_or_default();
        if !token.is_empty() && !context["omit_session_token"].as_bool().unwrap_or_default() {
            headers.push(("X-Amz-Security-Token", token));
        }
        let payload = hex_sha256(body.as_bytes());
        if context["sign_body"].as_bool().unwrap_or_default() {
            headers.push(("x-amz-content-sha256", &payload));
        }
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        let request = Request { method, path, query, headers: &headers, body: body.as_bytes() };
        let normalized = context["normalize"].as_bool().unwrap_or(true);
        let paths = if normalized { Paths::Normalized } else { Paths::Unnormalized };
        assert_eq!(canonical(&request, &names, &payload, paths), expected.trim_end(), "{}", directory.display());
        seen += 1;
    }
    assert!(seen >= 30, "only {seen} vectors were found");
}

#[test]
fn what_is_no_signature_is_told_apart() {
    let check = |headers: &[(&str, &str)], code: &str| {
        let request = Request { method: "GET", path: "/", query: "", headers, body: b"" };
        assert_eq!(Claim::read(&request).expect_err("no signature").code(), code, "{headers:?}");
    };
    check(&[], "MissingAuthenticationTokenException");
    check(&[("authorization", "Bearer x")], "IncompleteSignatureException");
    check(&[("authorization", "AWS4-HMAC-SHA256 Credential=a")], "IncompleteSignatureException");
    let three = "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b";
    check(&[("authorization", three), ("x-amz-date", "20260101T000000Z")], "IncompleteSignatureException");
}

#[test]
fn a_signature_can_be_checked_before_the_body_is_there() {
    let credentials = Credentials { access_key_id: "AKID".into(), secret_access_key: SECRET.into() };
    let headers = [("host", "h")];
    let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: b"" };
    let hash = hex_sha256(b"what comes later");
    let added = sign(&request, &hash, &credentials, "us-east-1", "apigateway", 1_767_225_600);
    let check = |stated: &str| {
        let mut headers = headers.to_vec();
        headers.extend(
            added.iter().map(|(name, value)| (*name, if *name == PAYLOAD_HASH { stated } else { value.as_str() })),
        );
        let request = Request { headers: &headers, ..request };
        let claim = Claim::read(&request).expect("a whole signature");
        claim.check_ahead(&request, SECRET).map(str::to_owned)
    };
    assert_eq!(check(&hash), Ok(hash.clone()));
    assert!(check(&hex_sha256(b"something else")).is_err());
    assert!(check("UNSIGNED-PAYLOAD").is_err());
}

#[test]
fn secrets_are_not_shown() {
    let credentials = Credentials { access_key_id: "AKID".into(), secret_access_key: "hidden".into() };
    assert!(!format!("{credentials:?}").contains("hidden"));
}

proptest! {
    #[test]
    fn what_is_signed_is_accepted(path in "/[ -~]{0,20}", query in "[ -~]{0,20}", value in "[ -~]{0,20}", body: Vec<u8>) {
        let credentials = Credentials { access_key_id: "AKID".into(), secret_access_key: SECRET.into() };
        let headers = [("Host", "h"), ("X-Value", value.as_str())];
        let request = Request { method: "POST", path: &path, query: &query, headers: &headers, body: &body };
        let added = sign(&request, &hex_sha256(&body), &credentials, "us-east-1", "apigateway", 1_767_225_600);
        let mut headers = headers.to_vec();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
        let request = Request { headers: &headers, ..request };
        let claim = Claim::read(&request).expect("a whole signature");
        prop_assert_eq!(check(&claim, &request, SECRET, 1_767_225_600), Ok(()));
    }

    #[test]
    fn no_request_makes_the_reader_panic(path: String, query: String, authorization: String, date: String) {
        let headers = [("authorization", authorization.as_str()), ("x-amz-date", date.as_str()), ("host", "h")];
        let request = Request { method: "GET", path: &path, query: &query, headers: &headers, body: b"" };
        if let Ok(claim) = Claim::read(&request) {
            let _ = check(&claim, &request, SECRET, 0);
        }
    }
}
