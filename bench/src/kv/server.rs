//! The answering side, in front of a node of ours.

use std::future::Future;

use anyhow::Context as _;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http_for_h2::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::client::collect;
use super::{Answer, Call};

/// Answers whoever connects, for as long as it is polled.
pub(crate) async fn serve<F, A>(listener: TcpListener, handler: F) -> anyhow::Result<()>
where
    F: Fn(Call) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = anyhow::Result<Answer>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
        tokio::spawn(connection(stream, handler.clone()));
    }
}

async fn connection<F, A>(stream: TcpStream, handler: F) -> anyhow::Result<()>
where
    F: Fn(Call) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = anyhow::Result<Answer>> + Send + 'static,
{
    stream.set_nodelay(true)?;
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(answer(request, respond, handler.clone()));
    }
    Ok(())
}

async fn answer<F, A>(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, handler: F) -> anyhow::Result<()>
where
    F: Fn(Call) -> A,
    A: Future<Output = anyhow::Result<Answer>>,
{
    let (head, mut body) = request.into_parts();
    let result = match Call::decode(head.uri.path(), &collect(&mut body).await?) {
        Ok(call) => handler(call).await,
        Err(error) => Err(error),
    };
    let mut stream =
        respond.send_response(Response::builder().header("content-type", "application/grpc").body(())?, false)?;
    let mut trailers = HeaderMap::new();
    match result {
        Ok(answer) => {
            stream.send_data(Bytes::from(answer.encode()), false)?;
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
        }
        Err(error) => {
            trailers.insert("grpc-status", HeaderValue::from_static("14"));
            let told = format!("{error:#}").replace(|c: char| !c.is_ascii_graphic(), " ");
            trailers.insert("grpc-message", HeaderValue::try_from(told)?);
        }
    }
    stream.send_trailers(trailers)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::client::Connection;

    #[tokio::test]
    async fn client_and_server_understand_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve(listener, |call| async move {
            match call {
                Call::Put { .. } => Ok(Answer::Done),
                Call::Read { key } => Ok(Answer::Value(Some(key.into_bytes()))),
                Call::Figures => anyhow::bail!("none\nhere"),
            }
        }));
        let connection = Connection::open(address).await.expect("connected");
        // Larger than a window.
        let put = Call::Put { key: "k".to_owned(), value: vec![1; 10_000] };
        for _ in 0..20 {
            assert_eq!(connection.call(&put).await.expect("answered"), Answer::Done);
        }
        let read = Call::Read { key: "key".to_owned() };
        assert_eq!(connection.call(&read).await.expect("answered"), Answer::Value(Some(b"key".to_vec())));
        let error = connection.call(&Call::Figures).await.expect_err("refused").to_string();
        assert!(error.contains("none here"), "{error}");
    }
}
