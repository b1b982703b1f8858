//! AWS's three calls: something for one connection.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::super::attempts::Attempt;
use super::super::exchange::Exchange;
use super::super::here::{Fault, Place, Question};
use super::answers::{Refusal, done, json as json_reply};
use crate::model::connection::ConnectionId;
use crate::traffic::message::Reply;

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `PostToConnection`: 200 means that the message is in the connection's send queue, from where it goes to the client,
/// or the connection ends.
pub(super) async fn post(
    exchange: &Exchange,
    place: Place,
    id: &str,
    body: Bytes,
    attempt: Option<Attempt>,
) -> Result<Reply, Refusal> {
    let id = parse(id)?;
    check_text(&body)?;
    exchange.post(place, id, body, attempt).await.map_err(Refusal::fault)?;
    Ok(done(StatusCode::OK))
}

/// `GetConnection`.
pub(super) async fn get(exchange: &Exchange, place: Place, id: &str) -> Result<Reply, Refusal> {
    let told = exchange.ask(place, parse(id)?, Question::Describe).await.map_err(Refusal::fault)?;
    let description = told.ok_or_else(|| Refusal::fault(Fault::Unknown))?.description;
    Ok(json_reply(&json!({
        "connectedAt": stamp(description.connected_at),
        "identity": {
            "sourceIp": description.source,
            "userAgent": description.user_agent.as_deref().unwrap_or_default(),
        },
        "lastActiveAt": stamp(description.last_active_at),
    })))
}

/// `DeleteConnection`.
pub(super) async fn delete(exchange: &Exchange, place: Place, id: &str) -> Result<Reply, Refusal> {
    exchange.ask(place, parse(id)?, Question::Close).await.map_err(Refusal::fault)?;
    Ok(done(StatusCode::NO_CONTENT))
}

/// Reads an id.
pub(super) fn parse(id: &str) -> Result<ConnectionId, Refusal> {
    ConnectionId::parse(id).ok_or_else(|| Refusal::malformed(id))
}

/// Messages are text.
pub(super) fn check_text(body: &[u8]) -> Result<(), Refusal> {
    match std::str::from_utf8(body) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::bad_request("The message is not valid UTF-8.")),
    }
}

/// A time in milliseconds since 1970, as AWS writes it.
pub(super) fn stamp(millis: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(STAMP).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_does_it() {
        for (millis, expected) in
            [(1_577_836_800_000, "2020-01-01T00:00:00.000Z"), (1_705_751_697_419, "2024-01-20T11:54:57.419Z")]
        {
            assert_eq!(stamp(millis), expected);
        }
    }

    #[test]
    fn ids_and_texts_are_checked() {
        assert!(parse("R1kmxc2VNjMCFIA=").is_ok());
        for id in ["", "x", "R1kmxc2VNjMCFIA", "R1kmxc2VNjMCFIA%3D"] {
            assert_eq!(parse(id), Err(Refusal::malformed(id)));
        }
        assert!(check_text("é".as_bytes()).is_ok() && check_text(b"").is_ok() && check_text(b"\xff").is_err());
    }
}
