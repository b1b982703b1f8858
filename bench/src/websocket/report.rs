//! What was found, as a table for people and as JSON.

use serde_json::{Value, json};

use super::{ECHOING, Found, Options};
use crate::system;
use crate::table;
use crate::values::round;

pub(super) fn table(options: &Options, found: &[Found]) -> String {
    let yardstick = found.first();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|server| {
            let (echo, beside) = (server.echo(), yardstick.map(|yardstick| server.beside(yardstick)));
            vec![
                server.name.to_owned(),
                format!("{:.0}", server.bytes),
                format!("{:.0}", server.connects),
                format!("{:.1}", echo.median),
                beside.map_or(String::new(), |ratio| {
                    format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.min, ratio.max)
                }),
            ]
        })
        .collect();
    format!(
        "{} idle connections each, then {ECHOING} that echo, {} rounds of {} s; {}\n\n{}",
        options.connections,
        options.rounds,
        options.seconds,
        system::machine(),
        table::render(
            &["server", "bytes per idle connection", "new connections/s", "echo: µs of CPU", "beside actix-web-actors"],
            &rows,
        ),
    )
}

pub(super) fn document(options: &Options, found: &[Found]) -> Value {
    let servers = found.iter().map(|server| {
        json!({
            "server": server.name,
            "bytes_per_connection": round(server.bytes),
            "connections_per_second": round(server.connects),
            "echo_cpu_us": server.echo().to_json(),
            "beside_yardstick": found.first().map(|yardstick| server.beside(yardstick).to_json()),
            "echoes": server.echoes,
        })
    });
    json!({
        "machine": system::machine(),
        "connections": options.connections,
        "servers": servers.collect::<Vec<_>>(),
    })
}
