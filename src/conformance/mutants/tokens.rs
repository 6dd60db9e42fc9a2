//! The tokens of a WGSL text, as far as mistakes are made of them.

/// A piece of a text that means something by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Word,
    /// An operator between two operands: it stands between spaces, which brackets of types do not.
    Operator,
    /// Anything else, a character each.
    Other,
}

/// The tokens of a text, without spaces and comments.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = first(rest, text[..at].ends_with([' ', '\n']));
        if let Some(kind) = kind {
            found.push(Token { kind, text: &rest[..length], at });
        }
        at += length;
    }
    found
}

/// What a text begins with, none for spaces and comments, and how many bytes that is.
fn first(rest: &str, is_after_space: bool) -> (Option<Kind>, usize) {
    let run = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    match rest.chars().next() {
        Some(c) if c.is_whitespace() => (None, run(char::is_whitespace)),
        Some('/') if rest.starts_with("//") => (None, run(|c| c != '\n')),
        Some(c) if c.is_ascii_digit() => (Some(Kind::Number), run(|c| c.is_alphanumeric() || c == '.')),
        Some(c) if is_of_word(c) => (Some(Kind::Word), run(is_of_word)),
        Some(c) => {
            let operator = run(|c| "<>=!+-*/%&|^".contains(c));
            match is_after_space && operator > 0 && rest[operator..].starts_with([' ', '\n']) {
                true => (Some(Kind::Operator), operator),
                false => (Some(Kind::Other), c.len_utf8()),
            }
        }
        None => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_told_from_the_brackets_of_types() {
        let text = "if a < 10u { // b > c\n    v = vec4<f32>(-1.5e2, x.y) ; i++; }";
        let found: Vec<(Kind, &str)> = tokens(text).into_iter().map(|t| (t.kind, t.text)).collect();
        let of = |kind| found.iter().filter(|(k, _)| *k == kind).map(|(_, text)| *text).collect::<Vec<_>>();
        assert_eq!(of(Kind::Operator), ["<", "="]);
        assert_eq!(of(Kind::Number), ["10u", "1.5e2"]);
        assert_eq!(of(Kind::Word), ["if", "a", "v", "vec4", "f32", "x", "y", "i"]);
        assert!(tokens(text).iter().all(|token| text[token.at..].starts_with(token.text)));
    }
}
