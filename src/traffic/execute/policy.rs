//! Policies on a request: what is asked of them, and what they may make conditions of.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};

use super::facts::Facts;
use crate::identity::policy::{Decision, Policy, Question};
use crate::model::arn;
use crate::traffic::message::Peer;

/// A method's ARN has at most so many bytes, where somebody is to be authorized for it: AWS's limit.
pub(super) const MAX_METHOD_ARN: usize = 1600;
/// What callers of methods are allowed, or not.
const INVOKE: &str = "execute-api:Invoke";

const SECONDS: EncodedConfig =
    Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: None }).encode();

/// The ARN by which policies name what a request wants: with its own path, not its resource's.
pub(super) fn method_arn(facts: &Facts, path: &str) -> String {
    let context = |name: &str| facts.context(name).unwrap_or_default();
    let path = path.trim_start_matches('/');
    let named = match facts.socket() {
        Some(_) => context("routeKey").into_owned(),
        None => format!("{}/{path}", facts.head().method),
    };
    let place = format!("{}/{}/{named}", context("apiId"), context("stage"));
    arn::invoked(facts.region(), &context("accountId"), &place)
}

/// What a policy says to a request for a method.
pub(super) fn decide(policy: &Policy, facts: &Facts, arn: &str) -> Decision {
    let context = |key: &str| value(facts, key).into_iter().collect();
    policy.decide(&Question { action: INVOKE, resource: arn, context: &context })
}

/// The value of a condition key that callers have whom nobody has authenticated.
fn value(facts: &Facts, key: &str) -> Option<String> {
    let head = facts.head();
    let header = |name: &str| head.headers.last_text(name).map(str::to_owned);
    match key {
        "aws:sourceip" => match head.peer {
            Peer::Address(address) => Some(address.to_canonical().to_string()),
            Peer::Test => None,
        },
        "aws:useragent" => header("user-agent"),
        "aws:referer" => header("referer"),
        "aws:securetransport" => Some(head.secure.to_string()),
        "aws:epochtime" => Some(head.arrived.as_secs().to_string()),
        "aws:currenttime" => date(head.arrived),
        _ => None,
    }
}

fn date(since_epoch: Duration) -> Option<String> {
    let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Iso8601::<SECONDS>).ok()
}
