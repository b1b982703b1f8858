//! The edge of the control plane: from actix-web's types to ours and back, with limits on what comes in.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::wire::{Answer, Call, Error};
use super::{Control, lambda, refuse, request_id};

/// A body has at most so many bytes: AWS's limit for an imported file.
const MAX_BODY: usize = 6 * 1024 * 1024;
/// A body must be here within this time.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// Answers a request to the control plane.
pub async fn handle(request: &HttpRequest, payload: Payload, control: &Control) -> HttpResponse {
    match call(request, payload, control).await {
        Ok(call) => respond(control.serve(call).await),
        Err(answer) => respond(answer),
    }
}

/// Reads a request whole, or says why not: who is certainly a stranger is told so before the body.
pub async fn call(request: &HttpRequest, payload: Payload, control: &Control) -> Result<Call, Answer> {
    let head = head(request);
    let whole = match control.admit(&head) {
        Ok(()) => body(payload, lambda::body_limit(&head).unwrap_or(MAX_BODY)).await,
        Err(error) => Err(error),
    };
    match whole {
        Ok(body) => Ok(Call { body, ..head }),
        Err(error) => Err(refuse(&head, &error)),
    }
}

/// A call without its body.
pub fn head(request: &HttpRequest) -> Call {
    let headers = request.headers().iter();
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Call {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: Bytes::new(),
    }
}

/// Passes a body on piece by piece. It may be as long as `limit`; each piece must come within the time that a whole body
/// has otherwise.
pub async fn stream(
    mut payload: Payload,
    limit: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut length = 0;
    let next = async |payload: &mut Payload| {
        tokio::time::timeout(BODY_DEADLINE, payload.next()).await.map_err(|_| Error::too_slow())
    };
    while let Some(piece) = next(&mut payload).await? {
        let piece = piece.map_err(|_| Error::bad_request("The request's body can't be read."))?;
        length += piece.len() as u64;
        if length > limit {
            return Err(Error::too_large());
        }
        take(&piece)?;
    }
    Ok(())
}

async fn body(mut payload: Payload, limit: usize) -> Result<Bytes, Error> {
    let reading = async {
        let mut body = BytesMut::new();
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Error::bad_request("The request's body can't be read."))?;
            if body.len() + piece.len() > limit {
                return Err(Error::too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    };
    // What may be longer may take longer: a second for each further MiB.
    let more = Duration::from_secs((limit.saturating_sub(MAX_BODY) >> 20) as u64);
    tokio::time::timeout(BODY_DEADLINE + more, reading).await.unwrap_or_else(|_| Err(Error::too_slow()))
}

/// Makes an answer actix-web's, with the headers that every answer has.
pub fn respond(answer: Answer) -> HttpResponse {
    let id = request_id();
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or_default());
    response.insert_header((CONTENT_TYPE, answer.content_type));
    response.insert_header(("x-amzn-requestid", id.to_string()));
    response.insert_header(("x-amz-apigw-id", BASE64.encode(&request_id().as_bytes()[..11])));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.insert_header((HeaderName::from_static(name), value));
        }
    }
    response.body(answer.body)
}
