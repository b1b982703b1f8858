//! etcd's key-value protocol, gRPC, as much of it as a put and a read need: one client for etcd and for nodes of ours.

pub(crate) mod client;
pub(crate) mod load;
pub(crate) mod server;

mod message;

use anyhow::Context as _;

/// Where a put goes.
const PUT: &str = "/etcdserverpb.KV/Put";
/// Where a linearizable read goes.
const RANGE: &str = "/etcdserverpb.KV/Range";
/// Where a node of ours is asked for its figures. Not etcd's.
const FIGURES: &str = "/turnpike.Bench/Figures";

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    /// Writes a key.
    Put {
        /// The key.
        key: String,
        /// What it says.
        value: Vec<u8>,
    },
    /// Reads a key, linearizably.
    Read {
        /// The key.
        key: String,
    },
    /// Asks a node of ours for its figures.
    Figures,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It is written.
    Done,
    /// What the key says, if it is there.
    Value(Option<Vec<u8>>),
    /// A JSON document.
    Figures(Vec<u8>),
}

impl Call {
    /// Path and message.
    fn encode(&self) -> (&'static str, Vec<u8>) {
        match self {
            Call::Put { key, value } => {
                (PUT, message::encode(&[(message::KEY, key.as_bytes()), (message::VALUE, value)]))
            }
            Call::Read { key } => (RANGE, message::encode(&[(message::KEY, key.as_bytes())])),
            Call::Figures => (FIGURES, message::encode(&[])),
        }
    }

    fn decode(path: &str, body: &[u8]) -> anyhow::Result<Call> {
        let message = message::open(body)?;
        let key = || {
            let key = message::field(message, message::KEY)?.context("a call without a key")?;
            anyhow::Ok(String::from_utf8(key.to_vec())?)
        };
        match path {
            PUT => {
                let value = message::field(message, message::VALUE)?.unwrap_or_default().to_vec();
                Ok(Call::Put { key: key()?, value })
            }
            RANGE => Ok(Call::Read { key: key()? }),
            FIGURES => Ok(Call::Figures),
            other => anyhow::bail!("nothing is at {other}"),
        }
    }

    fn answer(&self, body: &[u8]) -> anyhow::Result<Answer> {
        let message = message::open(body)?;
        match self {
            Call::Put { .. } => Ok(Answer::Done),
            Call::Read { .. } => {
                let Some(found) = message::field(message, message::FOUND)? else { return Ok(Answer::Value(None)) };
                Ok(Answer::Value(message::field(found, message::FOUND_VALUE)?.map(<[u8]>::to_vec)))
            }
            Call::Figures => Ok(Answer::Figures(message.to_vec())),
        }
    }
}

impl Answer {
    fn encode(&self) -> Vec<u8> {
        match self {
            Answer::Done | Answer::Value(None) => message::encode(&[]),
            Answer::Value(Some(value)) => {
                let found = message::fields(&[(message::FOUND_VALUE, value)]);
                message::encode(&[(message::FOUND, &found)])
            }
            Answer::Figures(document) => message::envelope(document),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_answers_survive_the_way() {
        let put = Call::Put { key: "k".to_owned(), value: vec![7; 300] };
        let read = Call::Read { key: "k".to_owned() };
        for (call, answer) in [
            (put, Answer::Done),
            (read.clone(), Answer::Value(Some(vec![1; 200]))),
            (read, Answer::Value(None)),
            (Call::Figures, Answer::Figures(b"{}".to_vec())),
        ] {
            let (path, body) = call.encode();
            assert_eq!(Call::decode(path, &body).expect("a call"), call);
            assert_eq!(call.answer(&answer.encode()).expect("an answer"), answer);
        }
        assert!(Call::decode("/elsewhere", &Call::Figures.encode().1).is_err());
        assert!(Call::decode(RANGE, b"short").is_err());
    }
}
