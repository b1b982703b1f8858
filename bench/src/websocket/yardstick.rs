//! `websocket-yardstick`: a bare server on actix-web-actors that echoes, as its documentation has one.

use std::net::TcpListener;

use actix::{Actor, StreamHandler};
use actix_web::{App, HttpRequest, HttpServer, web};
use actix_web_actors::ws;
use anyhow::Context as _;

use crate::output;

/// Connections of the one worker.
const CONNECTIONS: usize = 1_000_000;

/// Options of `websocket-yardstick`.
#[derive(clap::Args)]
pub(crate) struct Options {}

struct Echo;

impl Actor for Echo {
    type Context = ws::WebsocketContext<Self>;
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Echo {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, context: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => context.text(text),
            Ok(ws::Message::Binary(bytes)) => context.binary(bytes),
            Ok(ws::Message::Ping(payload)) => context.pong(&payload),
            Ok(ws::Message::Close(reason)) => context.close(reason),
            _ => {}
        }
    }
}

/// Serves until it is ended, after printing `listening ADDRESS`.
pub(crate) async fn run(_: Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr()?;
    let echo = async |request: HttpRequest, payload: web::Payload| ws::start(Echo, &request, payload);
    let app = move || App::new().default_service(web::to(echo));
    let server = HttpServer::new(app).workers(1).max_connections(CONNECTIONS).listen(listener)?;
    output::print(&format!("listening {address}"));
    server.disable_signals().run().await.context("the server has ended")
}
