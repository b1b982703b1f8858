//! What is found in bodies, against what AWS was seen to find and what its validator's sources say.

use std::time::{Duration, Instant};

use super::*;

/// Compiles the first of these models, which are named by their places in the alphabet, from `A`.
fn compile(models: &[&str]) -> Result<Schema, Error> {
    let named = |name: &str| {
        let at = name.strip_prefix(|first: char| first.is_ascii_uppercase()).map(|_| name.as_bytes()[0] - b'A')?;
        models.get(usize::from(at)).map(|text| (*text).to_owned())
    };
    Schema::compile("A", &named)
}

fn problems(schema: &str, body: &str) -> Vec<String> {
    compile(&[schema]).unwrap_or_else(|error| panic!("{schema}: {error}")).problems(body.as_bytes())
}

#[test]
fn bodies_are_judged_as_aws_was_seen_to() {
    // The answers stand in public repositories: in a walkthrough of request validation with stock orders, in the
    // canary of an API for transactions, and in the scenarios of an API for registries, whose models are guessed.
    let orders = r#"{"type":"array","minItems":1,"items":{"type":"object",
        "required":["account-id","type","symbol","shares","order-date","details"],
        "properties":{"account_id":{"type":"string","pattern":"[A-Za-z]{6}[0-9]{6}"},
            "type":{"type":"string","enum":["STOCK","BOND","CASH"]},
            "symbol":{"type":"string","minLength":1,"maxLength":4},
            "shares":{"type":"number","minimum":1,"maximum":1000},
            "order-date":{"type":"string","pattern":"^\\d{4}\\-(0[1-9]|1[012])\\-(0[1-9]|[12][0-9]|3[01])$"},
            "details":{"type":"object","required":["limit"],"properties":{"limit":{"type":"number"}}}}}}"#;
    let place = r#"{"properties":{"lat":{"type":"number","format":"double","minimum":-90,"maximum":90},
        "lon":{"type":"number","format":"double","minimum":-180,"maximum":180}}}"#;
    let transaction = r#"{"type":"object","required":["type","transactionId","timestamp"],
        "properties":{"timestamp":{"type":"number","minimum":315529200000},"transactionId":{"type":"string"},
        "payment":{"oneOf":[{"required":["card"]},{"properties":{"method":{"enum":["IBAN"]}}}]}}}"#;
    for (schema, body, expected) in [
        (
            orders,
            r#"[{"account-id":"abcdef123456","type":"foobar","symbol":"thisstringistoolong","shares":999999,
                "order-date":"2018-1-2","details":{"limit":1000}}]"#,
            r#"[ECMA 262 regex "^\d{4}\-(0[1-9]|1[012])\-(0[1-9]|[12][0-9]|3[01])$" does not match input string "2018-1-2", numeric instance is greater than the required maximum (maximum: 1000, found: 999999), string "thisstringistoolong" is too long (length: 19, maximum allowed: 4), instance value ("foobar") not found in enum (possible values: ["STOCK","BOND","CASH"])]"#,
        ),
        (
            orders,
            r#"[{"account-id":"abcdef123456sss","type":"WOW","symbol":"AMZN","shares":10000000,
                "order-date":"2018-01-28","details":{"limit":1000}}]"#,
            r#"[instance value ("WOW") not found in enum (possible values: ["STOCK","BOND","CASH"]), numeric instance is greater than the required maximum (maximum: 1000, found: 10000000)]"#,
        ),
        (
            place,
            r#"{"lat":null,"lon":null}"#,
            r#"[instance type (null) does not match any allowed primitive type (allowed: ["integer","number"]), format attribute "double" not supported]"#,
        ),
        (place, r#"{"lat":90,"lon":-180}"#, "[]"),
        (transaction, "{}", r#"[object has missing required properties (["timestamp","transactionId","type"])]"#),
        (
            transaction,
            r#"{"timestamp":1,"transactionId":"t","type":"T"}"#,
            "[numeric instance is lower than the required minimum (minimum: 315529200000, found: 1)]",
        ),
        (
            transaction,
            r#"{"timestamp":315529200000,"transactionId":true,"type":"T"}"#,
            r#"[instance type (boolean) does not match any allowed primitive type (allowed: ["string"])]"#,
        ),
        (
            transaction,
            r#"{"timestamp":315529200000,"transactionId":"t","type":"T","payment":{"method":"INVALID"}}"#,
            "[instance failed to match exactly one schema (matched 0 out of 2)]",
        ),
        (orders, "", "[Unknown error parsing request body]"),
        (orders, "{", "[Unknown error parsing request body]"),
    ] {
        assert_eq!(format!("[{}]", problems(schema, body).join(", ")), expected, "{body}");
    }
}

/// A schema, a body that fits, one that doesn't, and what is found in it.
#[rustfmt::skip]
const KEYWORDS: &[(&str, &str, &str, &str)] = &[
    (r#"{"items":[{},{}],"additionalItems":false}"#, "[1,2]", "[1,2,3]",
        "schema only allows 2 elements in array but instance has 3 elements"),
    (r#"{"items":[{}],"additionalItems":{"type":"null"}}"#, "[1,null]", "[1,2]",
        r#"instance type (integer) does not match any allowed primitive type (allowed: ["null"])"#),
    (r#"{"minItems":2}"#, "[1,2]", "[1]", "array is too short: must have at least 2 elements but instance has 1 elements"),
    (r#"{"maxItems":1}"#, "[1]", "[1,2]", "array is too long: must have at most 1 elements but instance has 2 elements"),
    (r#"{"uniqueItems":true}"#, r#"[1,"1"]"#, "[1,1.0]", "array must not contain duplicate elements"),
    (r#"{"minimum":3}"#, "3", "2.5", "numeric instance is lower than the required minimum (minimum: 3, found: 2.5)"),
    (r#"{"minimum":3,"exclusiveMinimum":true}"#, "3.1", "3",
        "numeric instance is not strictly greater than the required minimum 3"),
    (r#"{"maximum":500}"#, "500", "501", "numeric instance is greater than the required maximum (maximum: 500, found: 501)"),
    (r#"{"maximum":18446744073709551614}"#, "18446744073709551614", "18446744073709551615",
        "numeric instance is greater than the required maximum (maximum: 18446744073709551614, found: 18446744073709551615)"),
    (r#"{"maximum":1.5,"exclusiveMaximum":true}"#, "1.4", "1.5",
        "numeric instance is not strictly lower than the required maximum 1.5"),
    (r#"{"multipleOf":0.01}"#, "19.99", "19.999", "remainder of division is not zero (19.999 / 0.01)"),
    (r#"{"minLength":2}"#, r#""ää""#, r#""ä""#, r#"string "ä" is too short (length: 1, required minimum: 2)"#),
    (r#"{"maxLength":2}"#, r#""🦀🦀""#, r#""🦀🦀🦀""#, r#"string "🦀🦀🦀" is too long (length: 3, maximum allowed: 2)"#),
    (r#"{"pattern":"b+"}"#, r#""abc""#, r#""ac""#, r#"ECMA 262 regex "b+" does not match input string "ac""#),
    (r#"{"pattern":"^(?!admin)"}"#, r#""user""#, r#""admin""#, r#"ECMA 262 regex "^(?!admin)" does not match input string "admin""#),
    (r#"{"enum":["cat",1,{"a":[]}]}"#, "1.0", r#"{"a":[0]}"#,
        r#"instance value ({"a":[0]}) not found in enum (possible values: ["cat",1,{"a":[]}])"#),
    (r#"{"minProperties":1}"#, r#"{"a":1}"#, "{}", "object has too few properties (found 0 but schema requires at least 1)"),
    (r#"{"maxProperties":1}"#, r#"{"a":1}"#, r#"{"a":1,"b":1}"#,
        "object has too many properties (found 2 but schema requires at most 1)"),
    (r#"{"required":["b","a","c"]}"#, r#"{"a":1,"b":1,"c":null}"#, r#"{"c":1}"#,
        r#"object has missing required properties (["a","b"])"#),
    (r#"{"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false}"#, r#"{"a":1,"xa":1}"#,
        r#"{"z":1,"a":1,"ax":1}"#, r#"object instance has properties which are not allowed by the schema: ["ax","z"]"#),
    (r#"{"patternProperties":{"^x":{"type":"null"}},"additionalProperties":{"type":"string"}}"#, r#"{"x":null,"y":""}"#,
        r#"{"x":null,"y":null}"#, r#"instance type (null) does not match any allowed primitive type (allowed: ["string"])"#),
    (r#"{"dependencies":{"a":["d","b","c"]}}"#, r#"{"b":1}"#, r#"{"a":1,"c":1}"#,
        r#"property "a" of object has missing property dependencies (schema requires ["b","c","d"]; missing: ["b","d"])"#),
    (r#"{"dependencies":{"a":{"maxProperties":1}}}"#, r#"{"b":1,"c":1}"#, r#"{"a":1,"b":1}"#,
        "object has too many properties (found 2 but schema requires at most 1)"),
    (r#"{"type":["number","null"]}"#, "1", r#""1""#,
        r#"instance type (string) does not match any allowed primitive type (allowed: ["integer","null","number"])"#),
    // `NodeType` of jackson-coreutils goes by the token: what has a point is never an integer.
    (r#"{"type":"integer"}"#, "123456789012345678901234567890", "1.0",
        r#"instance type (number) does not match any allowed primitive type (allowed: ["integer"])"#),
    (r#"{"allOf":[{"type":"integer"},{"minimum":2},{"maximum":9}]}"#, "2", "1",
        "instance failed to match all required schemas (matched only 2 out of 3)"),
    (r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#, "null", "1",
        "instance failed to match at least one required schema among 2"),
    (r#"{"oneOf":[{"type":"integer"},{"minimum":2}]}"#, "1", "3",
        "instance failed to match exactly one schema (matched 2 out of 2)"),
    (r#"{"not":{"type":"integer"}}"#, "1.5", "1", "instance matched a schema which it should not have"),
    (r#"{"format":"date-time"}"#, r#""2020-01-01T00:00:00.123+0200""#, r#""2020-01-01""#,
        r#"string "2020-01-01" is invalid against requested date format(s) [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]"#),
    (r#"{"format":"email"}"#, r#""a@b""#, r#""a""#, r#"string "a" is not a valid email address"#),
    (r#"{"format":"hostname"}"#, r#""example.com""#, r#""a..b""#, r#"string "a..b" is not a valid hostname"#),
    (r#"{"format":"ipv4"}"#, r#""10.0.0.1""#, r#""10.0.0.256""#, r#"string "10.0.0.256" is not a valid IPv4 address"#),
    (r#"{"format":"ipv6"}"#, r#""::1""#, r#""10.0.0.1""#, r#"string "10.0.0.1" is not a valid IPv6 address"#),
    (r#"{"format":"regex"}"#, r#""a+""#, r#""(""#, r#"string "(" is not a valid ECMA 262 regular expression"#),
    (r#"{"format":"uri"}"#, r#""/a?b=c""#, r#""a b""#, r#"string "a b" is not a valid URI"#),
    (r#"{"format":"uuid"}"#, r#""6ABD01C0-9236-4ba7-8cbd-3e866ad9385a""#, r#""6abd""#, r#"input string "6abd" is not a valid UUID"#),
    (r#"{"format":"json-pointer"}"#, r#""/a/0""#, r#""a""#, r#"input string "a" is not a valid JSON Pointer"#),
    (r#"{"format":"mac"}"#, r#""00:1b:44:11:3A:B7""#, r#""00:1b""#, r#"input string "00:1b" is not a valid MAC address"#),
    (r#"{"format":"base64"}"#, r#""YWI=""#, r#""YW-=""#, r#"illegal character "-" at index 2 (not in Base64 alphabet)"#),
    (r#"{"format":"md5"}"#, r#""d41d8cd98f00b204e9800998ecf8427e""#, r#""d4""#, "input string has incorrect length (2, expected 32)"),
];

#[test]
fn each_keyword_has_its_words() {
    for (schema, fits, breaks, finding) in KEYWORDS {
        assert_eq!(problems(schema, fits), Vec::<String>::new(), "{schema} {fits}");
        assert_eq!(problems(schema, breaks), [*finding], "{schema} {breaks}");
    }
}

#[test]
fn keywords_say_nothing_of_other_types_and_of_later_drafts() {
    for (schema, body) in [
        (r#"{"minLength":9,"pattern":"x","format":"email","required":["a"],"minItems":9,"minProperties":9}"#, "5"),
        (r#"{"minimum":9,"multipleOf":9}"#, r#""text""#),
        (
            r#"{"const":1,"if":{},"then":{"type":"string"},"contains":{"type":"string"},"propertyNames":{"maxLength":0}}"#,
            "2",
        ),
        (r#"{"format":"int32","nullable":false,"discriminator":"x"}"#, "1.5"),
        (r##"{"$ref":"#/definitions/any","type":"string","definitions":{"any":{}}}"##, "1"),
    ] {
        assert_eq!(problems(schema, body), Vec::<String>::new(), "{schema}");
    }
    // Numeric limits of draft 6 are no schema of draft 4.
    assert!(matches!(compile(&[r#"{"exclusiveMinimum":5}"#]), Err(Error::NotDraft4 { .. })));
}

#[test]
fn nobody_descends_once_something_was_found() {
    let schema = r#"{"required":["z"],"properties":{"a":{"properties":{"x":{"type":"null"}}},
        "b":{"type":"string"},"c":{"type":"boolean","properties":{"x":{"minimum":5}}},
        "d":{"properties":{"x":{"type":"null"}}}}}"#;
    let missing = r#"object has missing required properties (["z"])"#;
    let text = r#"instance type (integer) does not match any allowed primitive type (allowed: ["string"])"#;
    let boolean = r#"instance type (object) does not match any allowed primitive type (allowed: ["boolean"])"#;
    for (body, expected) in [
        (r#"{"b":1}"#, vec![missing]),
        // The siblings of what is wrong are still checked, but not what is in them.
        (r#"{"z":1,"b":1,"c":{"x":1},"d":{"x":1}}"#, vec![text, boolean]),
    ] {
        let mut found = problems(schema, body);
        found.sort();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn references_lead_through_models_and_to_themselves() {
    let pets = r#"{"type":"array","items":{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/B"}}"#;
    let pet = r##"{"required":["name"],"properties":{"name":{"$ref":"#/definitions/na~1me%20x"},
        "young":{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/A"},"like":{"$ref":"#"}},
        "definitions":{"na/me x":{"type":"string"}}}"##;
    let schema = compile(&[pets, pet]).expect("two models");
    let text = r#"instance type (integer) does not match any allowed primitive type (allowed: ["string"])"#;
    for (body, expected) in [
        (r#"[{"name":"a","young":[{"name":"b"}],"like":{"name":"c"}}]"#, vec![]),
        (r#"[{"name":"a","young":[{"name":"b","like":{"name":5}}]}]"#, vec![text]),
        (r#"[{"name":"a","young":[{}]}]"#, vec![r#"object has missing required properties (["name"])"#]),
    ] {
        assert_eq!(schema.problems(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn what_can_not_be_used_is_said() {
    let reference = |text: &str| Err(Error::Reference(text.to_owned()));
    let missing = "https://apigateway.amazonaws.com/restapis/abc/models/Missing";
    for (schema, expected) in [
        ("text", Err(Error::NotJson("A".to_owned()))),
        ("<xs:schema/>", Err(Error::NotJson("A".to_owned()))),
        (r#"{"properties":{"a":{"type":"x"}}}"#, {
            Err(Error::NotDraft4 { model: "A".to_owned(), place: "/properties/a/type".to_owned() })
        }),
        (r##"{"$ref":"#/definitions/a"}"##, reference("#/definitions/a")),
        (r##"{"$ref":"#/enum/0","enum":[5]}"##, reference("#/enum/0")),
        (r#"{"items":{"$ref":"file:///etc/passwd"}}"#, reference("file:///etc/passwd")),
        (r#"{"items":{"$ref":"http://example.com/s.json"}}"#, reference("http://example.com/s.json")),
        (&format!(r#"{{"items":{{"$ref":"{missing}"}}}}"#), reference(missing)),
        (r##"{"$ref":"#"}"##, Err(Error::References("#".to_owned()))),
        (r#"{"pattern":"("}"#, Err(Error::NotDraft4 { model: "A".to_owned(), place: "/pattern".to_owned() })),
        (r#"{"pattern":"((x{1000}){1000}){1000}"}"#, {
            Err(Error::Keyword { keyword: "pattern", value: r#""((x{1000}){1000}){1000}""#.to_owned() })
        }),
    ] {
        assert_eq!(compile(&[schema]).map(|_| ()), expected, "{schema}");
    }
    assert_eq!(Schema::compile("A", &|_| None).map(|_| ()), Err(Error::NoModel("A".to_owned())));
}

/// A body that costs too much is refused as one that can't be read, and soon.
#[test]
fn hostile_bodies_and_schemas_cost_little() {
    let doubling =
        r##"{"anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}],"minProperties":1}"##;
    let chain: String =
        (0..5000).map(|at| format!(r##""d{at}":{{"allOf":[{{"$ref":"#/definitions/d{}"}}]}},"##, at + 1)).collect();
    let chain = format!(r##"{{"$ref":"#/definitions/d0","definitions":{{{chain}"d5000":{{}}}}}}"##);
    let deep = |levels: usize| format!("{}{{}}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let unknown = || vec![UNKNOWN.to_owned()];
    let text = "a".repeat(40_000);
    let backtracking = format!(r#"ECMA 262 regex "^(?=a)(a|a)*$" does not match input string "{text}"#);
    let numbers = (0..100_000).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    let enumeration = format!(r#"{{"enum":[{numbers}]}}"#);
    let not_in_enum = format!("instance value (-1) not found in enum (possible values: [{numbers}");
    let cut = |text: &str| vec![text[..MAX_FINDING].to_owned()];
    for (schema, body, expected) in [
        (doubling, deep(100), unknown()),
        (r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}]}"##, "1".to_owned(), unknown()),
        (r##"{"not":{"$ref":"#"}}"##, "1".to_owned(), unknown()),
        (r##"{"dependencies":{"a":{"$ref":"#"}}}"##, deep(1), unknown()),
        (&chain, "1".to_owned(), unknown()),
        (r##"{"additionalProperties":{"$ref":"#"}}"##, deep(120), vec![]),
        (r#"{}"#, deep(5000), unknown()),
        (r#"{}"#, "[".repeat(100_000), unknown()),
        (
            r#"{"pattern":"^(a|a)*$"}"#,
            format!("\"{text}b\""),
            cut(&format!(r#"ECMA 262 regex "^(a|a)*$" does not match input string "{text}"#)),
        ),
        (r#"{"pattern":"^(?=a)(a|a)*$"}"#, format!("\"{text}b\""), cut(&backtracking)),
        // Each string costs nearly as much as one may.
        (
            r#"{"items":{"pattern":"^((a|a(?=.?))*c|a*$)"}}"#,
            format!("[{}1]", r#""aaaaaaaaaaaaa","#.repeat(100_000)),
            unknown(),
        ),
        (&format!(r#"{{"items":{enumeration}}}"#), format!("[{}1]", "-1,".repeat(1_000_000)), cut(&not_in_enum)),
        (&enumeration, "-1".to_owned(), cut(&not_in_enum)),
    ] {
        let began = Instant::now();
        assert_eq!(problems(schema, &body), expected, "{schema:.80}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{schema:.80} took {took:?}");
    }
}

#[test]
fn findings_are_limited_in_number_and_length() {
    let schema = r#"{"additionalProperties":{"enum":[1]}}"#;
    let body = (0..1000).map(|at| format!(r#""{at}":"{at}""#)).collect::<Vec<_>>().join(",");
    let found = problems(schema, &format!("{{{body}}}"));
    assert_eq!(found.len(), MAX_FINDINGS);
    // The same finding is told once.
    assert_eq!(problems(r#"{"items":{"type":"null"}}"#, "[1,2,3]").len(), 1);
    // Remarks don't take the places of findings, and are nothing alone.
    let remarks = (0..100).map(|at| format!(r#""{at}":{{"format":"f{at}"}}"#)).collect::<Vec<_>>().join(",");
    let schema = format!(r#"{{"properties":{{{remarks},"z":{{"type":"null"}}}}}}"#);
    let body = |z| format!("{{{},\"z\":{z}}}", (0..100).map(|at| format!(r#""{at}":1"#)).collect::<Vec<_>>().join(","));
    assert_eq!(problems(&schema, &body("null")), Vec::<String>::new());
    let found = problems(&schema, &body("1"));
    assert_eq!(found.len(), MAX_FINDINGS + 1);
    assert!(found.iter().any(|finding| finding.starts_with("instance type (integer)")), "{found:?}");
    // A text is cut between characters.
    let found = problems(r#"{"maxLength":1}"#, &format!("\"{}\"", "ä".repeat(10_000)));
    assert!((MAX_FINDING - 1..=MAX_FINDING).contains(&found[0].len()) && found[0].ends_with('ä'));
}
