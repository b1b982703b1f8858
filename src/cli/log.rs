//! The log: on standard error, as text for a person and as JSON for a machine.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` says what is logged, for example `turnpike=debug`; without it `default` does.
pub(super) fn start(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    // A second start, in a test, keeps the first.
    drop(started);
    // A panic is an event like others: one line, and JSON for a machine.
    let unlogged = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tracing::enabled!(tracing::Level::ERROR) {
            return unlogged(panic);
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("of an unknown kind").lines().collect::<Vec<_>>().join(" ");
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        match std::backtrace::Backtrace::capture() {
            trace if trace.status() == std::backtrace::BacktraceStatus::Captured => {
                tracing::error!(place, thread, %trace, "panic: {what}");
            }
            _ => tracing::error!(place, thread, "panic: {what}"),
        }
    }));
}
