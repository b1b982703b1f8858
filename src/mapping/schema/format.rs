//! The formats of strings that AWS's validator knows, and its words for each.

use std::fmt;

use serde_json::Value;

use super::Error;
use super::rule::Rule;
use super::words::Report;

/// A format that is known.
#[derive(Debug)]
pub(super) struct Format {
    check: Check,
}

#[derive(Debug)]
enum Check {
    /// A rule, and what a string that breaks it is not.
    Rule(Rule, &'static str),
    DateTime(Rule),
    Base64,
    /// So many hexadecimal digits.
    Hexadecimal(usize),
    Mac,
    Uuid,
}

impl Format {
    /// The format of this name, unless nobody knows it.
    pub(super) fn named(name: &str) -> Result<Option<Self>, Error> {
        let check = match name {
            "date-time" => Check::DateTime(Rule::format("date-time")?),
            "email" => Check::Rule(Rule::format("email")?, "a valid email address"),
            "hostname" => Check::Rule(Rule::format("hostname")?, "a valid hostname"),
            "ipv4" => Check::Rule(Rule::format("ipv4")?, "a valid IPv4 address"),
            "ipv6" => Check::Rule(Rule::format("ipv6")?, "a valid IPv6 address"),
            "regex" => Check::Rule(Rule::format("regex")?, "a valid ECMA 262 regular expression"),
            // Java's `URI` takes relative ones too.
            "uri" => Check::Rule(Rule::format("uri-reference")?, "a valid URI"),
            "json-pointer" => Check::Rule(Rule::format("json-pointer")?, "a valid JSON Pointer"),
            "base64" => Check::Base64,
            "md5" => Check::Hexadecimal(32),
            "sha1" => Check::Hexadecimal(40),
            "sha256" => Check::Hexadecimal(64),
            "sha512" => Check::Hexadecimal(128),
            "mac" => Check::Mac,
            "uuid" => Check::Uuid,
            _ => return Ok(None),
        };
        Ok(Some(Self { check }))
    }

    /// Whether a string has the format.
    pub(super) fn check(&self, text: &str, report: &mut Report) {
        match &self.check {
            Check::Rule(rule, what) => {
                if !rule.allows(&text.into()) {
                    // The catalogue's later formats begin with another word.
                    let input = if what.ends_with("JSON Pointer") { "input " } else { "" };
                    report.wrong(format_args!("{input}string \"{text}\" is not {what}"));
                }
            }
            Check::DateTime(rule) => {
                if !rule.allows(&text.into()) && !with_colon(text).is_some_and(|text| rule.allows(&text)) {
                    report.wrong(format_args!(
                        "string \"{text}\" is invalid against requested date format(s) \
                         [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{{1,12}}Z]"
                    ));
                }
            }
            Check::Base64 => base64(text, report),
            Check::Hexadecimal(length) => hexadecimal(text, *length, report),
            Check::Mac => not_a(text, "MAC address", is_mac(text), report),
            Check::Uuid => not_a(text, "UUID", is_uuid(text), report),
        }
    }
}

fn not_a(text: &str, what: impl fmt::Display, fine: bool, report: &mut Report) {
    if !fine {
        report.wrong(format_args!("input string \"{text}\" is not a valid {what}"));
    }
}

/// A time whose offset lacks the colon, as the validator takes it, with the colon.
fn with_colon(text: &str) -> Option<Value> {
    let at = text.len().checked_sub(5)?;
    let (time, offset) = (text.get(..at)?, text.get(at..)?);
    let digits = offset.strip_prefix(['+', '-'])?;
    (time.len() < 40 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| Value::String(format!("{time}{}:{}", &offset[..3], &offset[3..])))
}

fn base64(text: &str, report: &mut Report) {
    let length = text.encode_utf16().count();
    let data = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if !length.is_multiple_of(4) {
        report.wrong(format_args!("input has illegal length (must be a multiple of 4, found {length})"));
    } else if let Some((at, character)) =
        data.chars().enumerate().find(|(_, one)| !one.is_ascii_alphanumeric() && !['+', '/'].contains(one))
    {
        report.wrong(format_args!("illegal character \"{character}\" at index {at} (not in Base64 alphabet)"));
    }
}

fn hexadecimal(text: &str, expected: usize, report: &mut Report) {
    let length = text.encode_utf16().count();
    if length != expected {
        report.wrong(format_args!("input string has incorrect length ({length}, expected {expected})"));
    } else if let Some((at, character)) = text.chars().enumerate().find(|(_, one)| !one.is_ascii_hexdigit()) {
        report.wrong(format_args!("illegal character \"{character}\" in input at index {at}"));
    }
}

fn is_mac(text: &str) -> bool {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(is_pair)
}

/// As Java's `UUID.fromString` sees it, which asks for five groups and not for their lengths.
fn is_uuid(text: &str) -> bool {
    let is_group = |group: &str| (1..=16).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').count() == 5 && text.split('-').all(is_group)
}
