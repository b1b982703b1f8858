//! The node's own endpoints on the admin address: health, the members of the cluster, its backups, logs and packages of
//! functions, documentation.

use std::num::NonZeroU64;
use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use turnpike_cluster::NodeId;

use super::listeners::Shared;
use super::service::Order;
use super::{backups, drains, functions, stories};
use crate::control::listener;
use crate::control::wire::{Answer, Call, Error};
use crate::mapping::trial::{self, Trial};
use crate::model::id::{ApiId, StageName};

/// Of a template that is tried out so many steps are told.
const MAX_STEPS: usize = 1000;

/// Answers what is the node's own; `None` for everything else.
pub(super) async fn handle(request: &HttpRequest, payload: Payload, shared: &Shared) -> Result<HttpResponse, Payload> {
    match request.uri().path() {
        "/health/live" => Ok(health(true)),
        "/health/ready" => Ok(health(shared.service.is_ready())),
        path if path.starts_with("/_turnpike/") => {
            let answered = match (request.method().as_str(), path) {
                // Its body is not read into memory as others are.
                ("POST", backups::RESTORE) => backups::receive(request, payload, shared).await,
                _ => match listener::call(request, payload, &shared.control).await {
                    Ok(call) => answer(&call, shared).await,
                    Err(answer) => return Ok(listener::respond(answer)),
                },
            };
            Ok(answered.unwrap_or_else(|error| listener::respond(error.answer())))
        }
        path if path.starts_with("/docs/") => {
            let answered = page(&listener::head(request), shared).await;
            Ok(listener::respond(answered.unwrap_or_else(|error| error.answer())))
        }
        _ => Err(payload),
    }
}

/// What a join token shall be like.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    valid_seconds: NonZeroU64,
}

fn health(well: bool) -> HttpResponse {
    let status = if well { "ok" } else { "starting, drained or stopping" };
    let mut response = if well { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(json!({"status": status}))
}

async fn answer(call: &Call, shared: &Shared) -> Result<HttpResponse, Error> {
    shared.control.authenticate(call)?;
    if (call.method.as_str(), call.path.as_str()) == ("GET", backups::BACKUP) {
        return backups::send(shared).await;
    }
    members(call, shared).await.map(listener::respond)
}

/// The documentation of a stage, `/docs/{api}/{stage}`. A browser can't sign: it follows a presigned URL.
async fn page(call: &Call, shared: &Shared) -> Result<Answer, Error> {
    shared.control.authenticate(call)?;
    let segments = call.segments();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", [_, api, stage]) => {
            let (api, stage) = (ApiId::new(api.as_str()), StageName::new(stage.as_str()));
            shared.control.documentation_page(call, &api, &stage).await
        }
        _ => Err(Error::unknown_operation(format!("There is no {} {}", call.method, call.path))),
    }
}

/// A template to be tried out, and what it sees.
#[derive(Deserialize)]
struct TemplateRequest {
    template: String,
    /// Whether each step is told.
    #[serde(default)]
    trace: bool,
    #[serde(flatten)]
    sees: serde_json::Map<String, serde_json::Value>,
}

/// Renders a template as a request would. One that fails is no fault of the call: the answer says what is wrong, and
/// where.
fn try_template(body: &[u8]) -> Result<Answer, Error> {
    let malformed = |error: serde_json::Error| Error::bad_request(error.to_string());
    let asked: TemplateRequest = serde_json::from_slice(body).map_err(malformed)?;
    let trial: Trial = serde_json::from_value(asked.sees.into()).map_err(malformed)?;
    let variables = trial.variables().map_err(|error| Error::bad_request(error.to_string()))?;
    let mut steps = Vec::new();
    let rendered = match asked.trace {
        true => trial::render(
            &asked.template,
            &variables,
            Some(&mut |step| {
                if steps.len() < MAX_STEPS {
                    steps.push(step);
                }
            }),
        ),
        false => trial::render(&asked.template, &variables, None),
    };
    let mut answer = match rendered {
        Ok(output) => json!({ "output": output }),
        Err(error) => json!({
            "error": { "message": error.message, "line": error.line, "column": error.column },
        }),
    };
    if asked.trace {
        answer["steps"] = json!(steps);
    }
    Ok(Answer::json(200, answer))
}

async fn members(call: &Call, shared: &Shared) -> Result<Answer, Error> {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), &segments[1..]) {
        ("GET", ["cluster", "status"]) => {
            let figures = shared.cluster.metrics();
            let members = shared.cluster.members().await;
            let cluster = backups::number(shared.cluster.cluster());
            let restoring = backups::restoring(&shared.cluster);
            let drained = drains::drained(&shared.cluster, &shared.service, &members).await;
            Ok(Answer::json(
                200,
                json!({
                    "cluster": cluster, "node": figures, "members": members, "restoring": restoring, "drained": drained,
                }),
            ))
        }
        ("POST", ["cluster", "token"]) => {
            let asked: TokenRequest =
                serde_json::from_slice(&call.body).map_err(|error| Error::bad_request(error.to_string()))?;
            let made = shared.cluster.join_token(Duration::from_secs(asked.valid_seconds.get()));
            let token = made.map_err(|error| Error::bad_request(error.to_string()))?;
            Ok(Answer::json(200, json!({"token": token.text(), "expires": token.expires()})))
        }
        ("GET", ["requests", id]) => stories::find(&shared.cluster, &shared.explain, id).await,
        ("GET", ["functions", name, "log"]) => functions::log(shared, name).await,
        ("GET", ["functions", name, "code", version]) => shared.control.package(name, version).await,
        ("POST", ["explain"]) => stories::allow(&shared.explain, &call.body),
        // What this node holds of the quotas of plans that are in use here.
        ("GET", ["usage"]) => Ok(Answer::json(200, json!({"plans": shared.register.observe().await}))),
        ("GET", ["usage", plan]) => shared.control.usage_report(call, plan).await,
        ("POST", ["templates", "eval"]) => try_template(&call.body),
        // Whether a backup would be taken: asked before all of it is sent.
        ("GET", ["cluster", "restore"]) => backups::may_receive(shared).await,
        ("POST", ["cluster", "members", id, action @ ("promote" | "remove")]) => {
            let id = node(id)?;
            let done = match *action {
                "promote" => shared.cluster.promote(id).await,
                _ => shared.cluster.remove(id).await,
            };
            done.map_err(|error| Error::bad_request(error.to_string()))?;
            Ok(Answer::json(200, json!({})))
        }
        (method @ ("GET" | "POST" | "DELETE"), ["cluster", "members", id, "drain"]) => {
            let (cluster, service, node) = (&shared.cluster, &shared.service, node(id)?);
            match method {
                "POST" => drains::drain(cluster, service, node, &call.body).await,
                "DELETE" => drains::order(cluster, service, node, Order::Undo).await,
                _ => drains::order(cluster, service, node, Order::Look).await,
            }
        }
        _ => Err(Error::unknown_operation(format!("There is no {} {}", call.method, call.path))),
    }
}

fn node(text: &str) -> Result<NodeId, Error> {
    text.parse().map_err(|_| Error::bad_request("a node id is a number"))
}
