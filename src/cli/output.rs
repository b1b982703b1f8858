//! What is said to people: answers on standard output, troubles on standard error.

/// Prints a line of an answer.
#[expect(clippy::print_stdout, reason = "this is where answers are printed")]
pub(super) fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// Prints an error with its causes.
#[expect(clippy::print_stderr, reason = "this is where errors are printed")]
pub(super) fn complain(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("turnpike: {}", causes.join(": "));
}

/// A table with its columns aligned.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::len);
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
    fn tables_are_aligned() {
        let rows = [vec!["1".to_owned(), "leader".to_owned()], vec!["12".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["NODE", "ROLE"], &rows), "NODE  ROLE\n1     leader\n12    x");
    }
}
