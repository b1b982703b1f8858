//! Beyond AWS: `GET /{stage}/@connections` lists connections, node after node and in the order of their ids.
//!
//! `group`, `principal` and `sourceIp` choose among them; `limit` says how many one answer has, and `nextToken` asks for
//! those behind. `connectionId` asks for that one alone.

use serde_json::{Value, json};
use turnpike_cluster::NodeId;

use super::super::exchange::Exchange;
use super::super::here::{Listed, Place, Question, Selection};
use super::super::roll::Audience;
use super::answers::{Refusal, json as json_reply};
use super::connection::{parse, stamp};
use crate::mapping::query::Query;
use crate::model::connection::ConnectionId;
use crate::traffic::message::Reply;

/// An answer has so many connections, unless the caller says how many.
const LIMIT: usize = 100;
/// And never more than these.
const MAX_LIMIT: usize = 1000;

/// What a caller asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    audience: Audience,
    source: Option<Box<str>>,
    limit: usize,
    after: Option<ConnectionId>,
}

/// Lists connections.
pub(super) async fn list(exchange: &Exchange, place: Place, query: Option<&str>) -> Result<Reply, Refusal> {
    let query = Query::parse(query.unwrap_or_default());
    if let Some(id) = query.last("connectionId") {
        let told = exchange.ask(place, parse(id)?, Question::Describe).await.map_err(Refusal::fault)?;
        return Ok(json_reply(&json!({ "connections": told.iter().map(shown).collect::<Vec<_>>() })));
    }
    let Asked { audience, source, limit, after } = read(&query)?;
    let first = after.map_or(0, |id| NodeId::from(id.node()));
    let (mut connections, mut unreachable, mut last) = (Vec::new(), Vec::new(), None);
    for node in exchange.nodes().into_iter().filter(|node| *node >= first) {
        let after = after.filter(|_| node == first);
        let (audience, source) = (audience.clone(), source.clone());
        let most = limit - connections.len();
        match exchange.list(node, place.clone(), Selection { audience, source, after, most }).await {
            Ok(listed) => {
                last = listed.last().map(|one| one.id).or(last);
                connections.extend(listed.iter().map(shown));
            }
            Err(_) => unreachable.push(node),
        }
        if connections.len() >= limit {
            break;
        }
    }
    let mut answer = json!({ "connections": connections });
    if let (Some(last), true) = (last, answer["connections"].as_array().is_some_and(|all| all.len() >= limit)) {
        answer["nextToken"] = json!(last.to_string());
    }
    if !unreachable.is_empty() {
        answer["unreachable"] = json!(unreachable);
    }
    Ok(json_reply(&answer))
}

fn read(query: &Query<'_>) -> Result<Asked, Refusal> {
    let text = |name: &str| query.last(name).filter(|value| !value.is_empty());
    let audience = match (text("group"), text("principal")) {
        (Some(_), Some(_)) => return Err(Refusal::bad_request("group and principal can't be given together.")),
        (Some(group), None) => Audience::Group(Box::from(group)),
        (None, Some(principal)) => Audience::Principal(Box::from(principal)),
        (None, None) => Audience::All,
    };
    let limit = text("limit").map_or(Some(LIMIT), |text| text.parse().ok());
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let limit = limit.ok_or_else(|| Refusal::bad_request(&format!("limit must be a number from 1 to {MAX_LIMIT}.")))?;
    let after = text("nextToken").map(parse).transpose()?;
    Ok(Asked { audience, source: text("sourceIp").map(Box::from), limit, after })
}

fn shown(listed: &Listed) -> Value {
    let Listed { id, description, groups } = listed;
    json!({
        "connectionId": id.to_string(),
        "node": id.node(),
        "connectedAt": stamp(description.connected_at),
        "lastActiveAt": stamp(description.last_active_at),
        "sourceIp": description.source,
        "userAgent": description.user_agent,
        "principalId": description.principal,
        "groups": groups,
        "messages": {"in": description.messages_in, "out": description.messages_out},
        "bytes": {"in": description.bytes_in, "out": description.bytes_out},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let id = ConnectionId::random(2);
        let token = format!("limit=5&nextToken={id}&group=a%20b&sourceIp=192.0.2.1");
        for (query, expected) in [
            ("", Some(Asked { audience: Audience::All, source: None, limit: LIMIT, after: None })),
            (
                &*token,
                Some(Asked {
                    audience: Audience::Group("a b".into()),
                    source: Some("192.0.2.1".into()),
                    limit: 5,
                    after: Some(id),
                }),
            ),
            (
                "principal=ann",
                Some(Asked { audience: Audience::Principal("ann".into()), source: None, limit: LIMIT, after: None }),
            ),
            ("principal=ann&group=x", None),
            ("limit=0", None),
            ("limit=1001", None),
            ("limit=x", None),
            ("nextToken=x", None),
        ] {
            assert_eq!(read(&Query::parse(query)).ok(), expected, "{query}");
        }
    }
}
