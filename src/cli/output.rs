//! What is said to people: answers on standard output, troubles on standard error.

use std::io::IsTerminal;

/// Prints a line of an answer.
#[expect(clippy::print_stdout, reason = "this is where answers are printed")]
pub(super) fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// Prints a text as it is; on a terminal its last line is ended.
#[expect(clippy::print_stdout, reason = "this is where answers are printed")]
pub(super) fn say_exactly(text: &str) {
    let end = if std::io::stdout().is_terminal() && !text.ends_with('\n') { "\n" } else { "" };
    print!("{text}{end}");
}

/// Prints a line beside an answer.
#[expect(clippy::print_stderr, reason = "this is where people are told what happens")]
pub(super) fn mention(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// Prints an error with its causes.
#[expect(clippy::print_stderr, reason = "this is where errors are printed")]
pub(super) fn complain(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("turnpike: {}", causes.join(": "));
}

/// What is under way, in one line that changes: on a terminal alone, and gone when it is done.
pub(super) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Shows how far it is.
    #[expect(clippy::print_stderr, reason = "this is where progress is printed")]
    pub(super) fn show(&self, line: impl AsRef<str>) {
        if self.terminal {
            eprint!("\r\x1b[K{}", line.as_ref());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

/// A number of bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "KiB", "MiB"] {
        if size < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} GiB")
}

/// What somebody else wrote, without what a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// A table with its columns aligned.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (bytes, told) in [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 40, "5120.0 GiB")] {
            assert_eq!(size(bytes), told);
        }
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["1".to_owned(), "leader".to_owned()], vec!["12".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["NODE", "ROLE"], &rows), "NODE  ROLE\n1     leader\n12    x");
        let rows = [vec!["é".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["A", "B"], &rows), "A  B\né  x");
    }

    #[test]
    fn a_terminal_is_told_nothing_to_obey() {
        assert_eq!(harmless("a\x1b[31mé\u{9b}\n"), "a\u{fffd}[31mé\u{fffd}\u{fffd}");
    }
}
