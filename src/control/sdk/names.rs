//! Names in generated code: words from whatever an API calls its things, and identifiers from words that no language
//! stumbles over.

use std::collections::BTreeSet;
use std::fmt::Write;

/// An identifier is made of at most so many characters of what it names.
const MAX_LENGTH: usize = 120;

/// The words of a text: `my-pets`, `my_pets` and `myPets` are all of two. What is no letter or digit of ASCII
/// separates words, letters of other alphabets are spelled by their code points, so that two texts in them differ.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in text.chars().take(MAX_LENGTH) {
        let starts = character.is_ascii_uppercase() && after_lower;
        if starts || !character.is_alphanumeric() {
            words.push(String::new());
        }
        let Some(word) = words.last_mut() else { continue };
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else if character.is_alphanumeric() {
            let _ = write!(word, "u{:x}", u32::from(character));
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `MyPets`. Letters within a word stay as they are: `petID` is `PetID`.
pub(super) fn pascal(words: &[String]) -> String {
    words.iter().map(|word| capitalized(word)).collect()
}

/// `myPets`.
pub(super) fn camel(words: &[String]) -> String {
    let Some((first, rest)) = words.split_first() else { return String::new() };
    // A first word in capitals alone, as in `ID`, is lowered whole.
    let shouted = first.bytes().all(|byte| !byte.is_ascii_lowercase());
    let first = if shouted { first.to_ascii_lowercase() } else { lowered(first) };
    first + &pascal(rest)
}

/// `my_pets`.
pub(super) fn snake(words: &[String]) -> String {
    words.join("_").to_ascii_lowercase()
}

/// `my-pets`, as packages are called.
pub(super) fn kebab(words: &[String]) -> String {
    words.join("-").to_ascii_lowercase()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

fn lowered(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// The identifiers of one scope: each is given once.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    keywords: &'static [&'static str],
    taken: BTreeSet<String>,
}

impl Scope {
    /// A scope in which these can't be used.
    pub(super) fn new(keywords: &'static [&'static str]) -> Self {
        Self { keywords, taken: BTreeSet::new() }
    }

    /// The identifier nearest to the one that is wanted: a digit is not first, a keyword is followed by `_`, and the
    /// second of a name by `2`.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        let mut name = match wanted.bytes().next() {
            None => "unnamed".to_owned(),
            Some(byte) if byte.is_ascii_digit() => format!("_{wanted}"),
            Some(_) => wanted.to_owned(),
        };
        if self.keywords.contains(&name.as_str()) {
            name.push('_');
        }
        let mut unique = name.clone();
        for number in 2.. {
            if self.taken.insert(unique.clone()) {
                break;
            }
            unique =
                format!("{name}{}{number}", if name.ends_with(|end: char| end.is_ascii_digit()) { "_" } else { "" });
        }
        unique
    }
}

/// A text in double quotes for JavaScript and TypeScript, which also may stand in a page's `<script>`.
pub(super) fn javascript(text: &str) -> String {
    quoted(text, |character, out| {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// A text in double quotes for Python and for TOML, which escape alike.
pub(super) fn python(text: &str) -> String {
    quoted(text, |character, out| {
        let point = u32::from(character);
        let _ = if point > 0xffff { write!(out, "\\U{point:08x}") } else { write!(out, "\\u{point:04x}") };
    })
}

/// A text in double quotes for Rust.
pub(super) fn rust(text: &str) -> String {
    quoted(text, |character, out| {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
    })
}

/// Only what is plainly readable stays as it is: no control characters, nothing invisible, nothing that turns the
/// direction of writing, and no `<`.
fn quoted(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '<' => escape(character, &mut out),
            ' '..='~' => out.push(character),
            _ if character.is_alphanumeric() => out.push(character),
            _ => escape(character, &mut out),
        }
    }
    out.push('"');
    out
}

/// The lines of a text for a comment, in which nothing ends the comment: blanks for what is not plainly readable.
pub(super) fn comment(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let readable = |character: char| match character {
            ' '..='~' => character,
            _ if character.is_alphanumeric() => character,
            _ => ' ',
        };
        let line: String = line.chars().map(readable).collect();
        // A block comment ends at `*/`; nested ones, which Rust knows, begin at `/*`.
        line.replace("*/", "* /").replace("/*", "/ *").trim_end().to_owned()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// A text in Markdown, in which nothing is markup.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    for character in comment(text).join(" ").chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '`' | '*' | '_' | '[' | ']' | '#' | '|' | '\\' | '!' | '~' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_words() {
        // Text, PascalCase, camelCase, snake_case.
        let rows = [
            ("pets", "Pets", "pets", "pets"),
            ("my-pets", "MyPets", "myPets", "my_pets"),
            ("getBroker", "GetBroker", "getBroker", "get_broker"),
            ("petID", "PetID", "petID", "pet_id"),
            ("ID", "ID", "id", "id"),
            ("X-Api-Version", "XApiVersion", "xApiVersion", "x_api_version"),
            ("a.b:c d", "ABCD", "aBCD", "a_b_c_d"),
            ("2fast", "2fast", "2fast", "2fast"),
            ("日本", "U65e5u672c", "u65e5u672c", "u65e5u672c"),
            ("café", "Cafue9", "cafue9", "cafue9"),
            ("\"; drop(); //", "Drop", "drop", "drop"),
            ("$", "", "", ""),
        ];
        for (text, pascal_case, camel_case, snake_case) in rows {
            let words = words(text);
            let made = (pascal(&words), camel(&words), snake(&words));
            assert_eq!(made, (pascal_case.into(), camel_case.into(), snake_case.into()), "{text}");
        }
    }

    #[test]
    fn a_scope_gives_each_name_once() {
        let mut scope = Scope::new(&["class"]);
        let given: Vec<String> = ["a", "a", "a2", "class", "class_", "2x", "", "a"].map(|name| scope.name(name)).into();
        assert_eq!(given, ["a", "a2", "a2_2", "class_", "class_2", "_2x", "unnamed", "a3"]);
    }

    #[test]
    fn no_text_breaks_out_of_its_quotes() {
        let hostile = "a\"b\\c\n\r\0</script>\u{2028}\u{202e}😀é";
        assert_eq!(javascript(hostile), r#""a\"b\\c\n\u000d\u0000\u003c/script>\u2028\u202e\ud83d\ude00é""#);
        assert_eq!(python(hostile), r#""a\"b\\c\n\u000d\u0000\u003c/script>\u2028\u202e\U0001f600é""#);
        assert_eq!(rust(hostile), r#""a\"b\\c\n\u{d}\u{0}\u{3c}/script>\u{2028}\u{202e}\u{1f600}é""#);
    }

    #[test]
    fn no_text_ends_its_comment() {
        assert_eq!(comment("a */ b\r\n/* c\u{2028}d\re\n\n"), ["a * / b", "/ * c d e"]);
        assert_eq!(comment("**/"), ["** /"]);
        assert_eq!(markdown("<b>`x`\n[y](z)"), "&lt;b>\\`x\\` \\[y\\](z)");
    }
}
