//! nginx as the reference: a reverse proxy with upstream keep-alive, or a static answer.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Gateway;
use crate::cores;
use crate::process::{self, Process};
use crate::upstream;

/// As long as the path by which Turnpike is called, so that both parse and log the same.
const PATH: &str = "/_aws/execute-api/0123456789/prod/bench";

/// What nginx does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Passes it to this upstream.
    Proxy(SocketAddr),
    /// Answers 1 KB by itself.
    Static,
}

/// Starts nginx on this core with one worker, and waits until it accepts connections.
pub(crate) async fn start(
    program: &Path,
    name: &str,
    task: Task,
    cores: &str,
    connections: u32,
) -> anyhow::Result<Gateway> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let address = free_address()?;
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, configuration(address, task, connections)).context("cannot write nginx's configuration")?;
    let log = directory.path().join("error.log");
    let mut command = cores::pinned(program, cores);
    command.arg("-e").arg(&log).arg("-p").arg(directory.path()).arg("-c").arg(&file);
    let process = Process::spawn(command, &directory.path().join("stderr.log"))?;
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            let url = format!("http://{address}{PATH}");
            return Ok(Gateway { name: name.to_owned(), url, process, _directory: directory });
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("nginx does not accept connections: {}", process::tail(&log))
}

/// Nobody else takes the port in the moment between this and the start of nginx, which cannot choose one itself.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port")?;
    listener.local_addr().context("cannot find a free port")
}

/// One process without a master: the same event loop as a worker's, and none is left behind when it is killed.
fn configuration(address: SocketAddr, task: Task, connections: u32) -> String {
    let (backend, action) = match task {
        Task::Proxy(upstream) => (
            format!(
                "    upstream backend {{
        server {upstream};
        keepalive {connections};
        keepalive_requests 1000000000;
        keepalive_time 24h;
    }}
"
            ),
            "proxy_pass http://backend/;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";"
                .to_owned(),
        ),
        Task::Static => {
            (String::new(), format!("default_type application/json; return 200 \"{}\";", "x".repeat(upstream::BODY)))
        }
    };
    let files = connections * 2 + 64;
    format!(
        "daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile {files};
pid nginx.pid;
events {{
    worker_connections {files};
}}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_time 24h;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{backend}    server {{
        listen {address};
        location {PATH} {{
            {action}
        }}
    }}
}}
"
    )
}
