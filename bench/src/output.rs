//! What a command says: its result on standard output, its remarks on standard error.

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Markdown, to be read and to be pasted into the README.
    Table,
    /// One JSON document.
    Json,
}

/// Writes a result.
#[expect(clippy::print_stdout, reason = "standard output is where a command's result belongs")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

/// Writes a remark that is not part of the result, such as what is being done or left out.
#[expect(clippy::print_stderr, reason = "remarks must not mix with a result that a program reads")]
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}
