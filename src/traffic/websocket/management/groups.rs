//! Beyond AWS: one call for many connections, and the groups that name them.
//!
//! ```text
//! POST   /{stage}/@all                              send to all connections of the stage
//! POST   /{stage}/@groups/{group}                   send to those in a group
//! POST   /{stage}/@principals/{principal}           send to those of one principal, as an authorizer named it
//! GET    the same three                             how many these are
//! PUT    /{stage}/@groups/{group}/connections/{id}  a connection joins a group
//! DELETE /{stage}/@groups/{group}/connections/{id}  and parts from it
//! ```
//!
//! Answers say for each node what became of it there: a node that could not be asked is named, and why.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::exchange::{ByNode, Exchange};
use super::super::here::{Counts, Fault, Place, Question};
use super::super::roll::{Audience, is_name};
use super::answers::{Refusal, done, json as json_reply};
use super::connection::{check_text, parse};
use crate::traffic::message::Reply;

/// Sends to all who are meant.
pub(super) async fn send(exchange: &Exchange, place: Place, audience: Audience, body: Bytes) -> Result<Reply, Refusal> {
    check(&audience)?;
    check_text(&body)?;
    let told = exchange.broadcast(&place, &audience, body).await;
    if told.values().all(|counts| *counts == Err(Fault::Busy)) {
        return Err(Refusal::fault(Fault::Busy));
    }
    let counted = |counts: &Counts| {
        let Counts { delivered, full, gone } = counts;
        json!({"delivered": delivered, "full": full, "gone": gone})
    };
    Ok(json_reply(&by_node(&told, counted)))
}

/// How many are meant.
pub(super) async fn count(exchange: &Exchange, place: Place, audience: Audience) -> Result<Reply, Refusal> {
    check(&audience)?;
    let told = exchange.count(&place, &audience).await;
    let mut answer = by_node(&told, |count| json!({"connections": count}));
    answer["connections"] = json!(told.values().flatten().sum::<u64>());
    Ok(json_reply(&answer))
}

/// Has a connection join a group, or part from it.
pub(super) async fn change(exchange: &Exchange, place: Place, id: &str, question: Question) -> Result<Reply, Refusal> {
    if let Question::Join(group) | Question::Part(group) = &question
        && !is_name(group)
    {
        return Err(Refusal::fault(Fault::Refused));
    }
    exchange.ask(place, parse(id)?, question).await.map_err(Refusal::fault)?;
    Ok(done(StatusCode::NO_CONTENT))
}

fn check(audience: &Audience) -> Result<(), Refusal> {
    match audience {
        Audience::Group(group) if !is_name(group) => Err(Refusal::bad_request("The group's name is not valid.")),
        Audience::All | Audience::Group(_) | Audience::Principal(_) => Ok(()),
    }
}

/// `{"nodes": {"1": …, "3": {"error": "unreachable"}}}`.
fn by_node<T>(told: &ByNode<T>, say: impl Fn(&T) -> Value) -> Value {
    let one = |told: &Result<T, Fault>| match told {
        Ok(told) => say(told),
        Err(Fault::Busy) => json!({"error": "busy"}),
        Err(Fault::Unknown) => json!({"error": "unknown"}),
        Err(Fault::Gone | Fault::Full | Fault::Refused) => json!({"error": "unreachable"}),
    };
    let nodes: Map<String, Value> = told.iter().map(|(node, told)| (node.to_string(), one(told))).collect();
    json!({ "nodes": nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_named_with_what_became_of_it_there() {
        let told: ByNode<u64> =
            [(1, Ok(5)), (2, Err(Fault::Gone)), (3, Err(Fault::Unknown)), (4, Err(Fault::Busy))].into();
        let expected = r#"{"nodes":{"1":5,"2":{"error":"unreachable"},"3":{"error":"unknown"},"4":{"error":"busy"}}}"#;
        assert_eq!(by_node(&told, |count| json!(count)).to_string(), expected);
    }
}
