//! Shaders with one mistake each, put there mechanically: whether the builtin suite would notice.
//!
//! The mistakes are made of a text's tokens: a literal that is one more or one less, a comparison that is turned round or
//! takes its bound in or leaves it out, a barrier that is missing, a sum for a product and a product for a sum (mutation
//! testing: DeMillo, Lipton, Sayward, "Hints on Test Data Selection", 1978). A suite that lets many of them pass judges
//! little. `scripts/mutate` hands them out, `examples/mutants.rs` is what it starts.

mod code;
mod hunt;
mod tokens;

use std::collections::BTreeSet;
use std::fmt;

pub use hunt::{Fate, Hunt};
use tokens::{Kind as Of, Token, tokens};

/// One mistake in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The file under `shaders/`.
    pub shader: String,
    /// Line and column, counted from 1.
    pub place: (usize, usize),
    pub kind: Kind,
    pub from: String,
    pub to: String,
    /// The bytes of `from` in the text.
    at: usize,
}

/// What is done to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Literal,
    /// Turned round.
    Comparison,
    /// Of a comparison: taken in or left out.
    Bound,
    Barrier,
    Arithmetic,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Literal => "literal",
            Kind::Comparison => "comparison",
            Kind::Bound => "bound",
            Kind::Barrier => "barrier",
            Kind::Arithmetic => "arithmetic",
        })
    }
}

impl Mutant {
    /// Names it among all others.
    pub fn id(&self) -> String {
        let (line, column) = self.place;
        format!("{}:{line}:{column} {} -> {}", self.shader, self.from, self.to)
    }

    /// The line of the shader that it is in, without the spaces around.
    pub fn line<'a>(&self, shader: &'a str) -> &'a str {
        shader.lines().nth(self.place.0 - 1).unwrap_or_default().trim()
    }

    /// The text with the mistake in it.
    pub fn apply(&self, text: &str) -> String {
        let (before, rest) = text.split_at(self.at);
        format!("{before}{}{}", self.to, &rest[self.from.len()..])
    }
}

/// All mistakes of a text. What numbers bindings is left alone: it is no part of a computation.
pub fn mutants(shader: &str, text: &str) -> Vec<Mutant> {
    let tokens = tokens(text);
    let numbers_a_binding = binding_numbers(&tokens);
    let mut found = Vec::new();
    for token in tokens.iter().filter(|token| !numbers_a_binding.contains(&token.at)) {
        let from = if is_barrier(token) { statement(&text[token.at..]) } else { token.text };
        found.extend(changes(token).into_iter().map(|(kind, to)| Mutant {
            shader: shader.to_string(),
            place: place(text, token.at),
            kind,
            from: from.to_string(),
            to,
            at: token.at,
        }));
    }
    found
}

/// Where the numbers of `@group(0)` and `@binding(0)` stand.
fn binding_numbers(tokens: &[Token]) -> BTreeSet<usize> {
    let is_binding =
        |window: &&[Token]| window[0].text == "@" && matches!(window[1].text, "group" | "binding");
    tokens.windows(4).filter(is_binding).map(|window| window[3].at).collect()
}

fn is_barrier(token: &Token) -> bool {
    token.kind == Of::Word && token.text.ends_with("Barrier")
}

/// What becomes of a token.
fn changes(token: &Token) -> Vec<(Kind, String)> {
    let all = |kind, to: &[&str]| to.iter().map(|to| (kind, to.to_string())).collect();
    let compared = |turned: &str, bound: &str| {
        vec![(Kind::Comparison, turned.to_string()), (Kind::Bound, bound.to_string())]
    };
    match (token.kind, token.text) {
        (Of::Number, number) => neighbours(number).into_iter().map(|to| (Kind::Literal, to)).collect(),
        (Of::Word, _) if is_barrier(token) => all(Kind::Barrier, &[""]),
        (Of::Operator, "<") => compared(">=", "<="),
        (Of::Operator, "<=") => compared(">", "<"),
        (Of::Operator, ">") => compared("<=", ">="),
        (Of::Operator, ">=") => compared("<", ">"),
        (Of::Operator, "==") => all(Kind::Comparison, &["!="]),
        (Of::Operator, "!=") => all(Kind::Comparison, &["=="]),
        (Of::Operator, "+") => all(Kind::Arithmetic, &["*"]),
        (Of::Operator, "*") => all(Kind::Arithmetic, &["+"]),
        (Of::Operator, "+=") => all(Kind::Arithmetic, &["*="]),
        (Of::Operator, "*=") => all(Kind::Arithmetic, &["+="]),
        _ => vec![],
    }
}

/// One more and one less, of the same type; nothing of what is no decimal number.
fn neighbours(number: &str) -> Vec<String> {
    let digits = number.trim_end_matches(['u', 'i', 'f', 'h']);
    let suffix = &number[digits.len()..];
    if let Ok(value) = digits.parse::<i64>() {
        let can_be = |value: &i64| *value >= 0 || suffix != "u";
        return [value + 1, value - 1].iter().filter(|v| can_be(v)).map(|v| bracketed(v, suffix)).collect();
    }
    let Ok(value) = digits.parse::<f64>() else { return vec![] };
    // As long as the number was, so that the change is one and no more.
    let decimals = digits.rsplit_once('.').map_or(0, |(_, decimals)| decimals.len());
    let written = |value: f64| bracketed(format_args!("{value:.decimals$}"), suffix);
    [value + 1.0, value - 1.0].map(written).to_vec()
}

/// A sign in front could be read as an operator.
fn bracketed(value: impl fmt::Display, suffix: &str) -> String {
    let text = format!("{value}{suffix}");
    if text.starts_with('-') { format!("({text})") } else { text }
}

/// A text up to the end of its first statement.
fn statement(text: &str) -> &str {
    text.find(';').map_or(text, |end| &text[..=end])
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Vec<String> {
        mutants("a.wgsl", text).iter().map(|mutant| mutant.apply(text)).collect()
    }

    #[test]
    fn literals_become_one_more_and_one_less() {
        assert_eq!(changed("a = 4u;"), ["a = 5u;", "a = 3u;"]);
        assert_eq!(changed("a = 0u;"), ["a = 1u;"], "no unsigned number is below zero");
        assert_eq!(changed("a = 0;"), ["a = 1;", "a = (-1);"]);
        assert_eq!(changed("a = 0.25;"), ["a = 1.25;", "a = (-0.75);"]);
        assert_eq!(changed("@group(0) @binding(5) var<uniform> p: Params;"), Vec::<String>::new());
    }

    #[test]
    fn operators_are_changed_and_types_are_not() {
        assert_eq!(changed("a < b"), ["a >= b", "a <= b"]);
        assert_eq!(changed("a == b + c"), ["a != b + c", "a == b * c"]);
        assert_eq!(changed("a += b"), ["a *= b"]);
        assert_eq!(changed("let a: vec4<f32> = b;"), Vec::<String>::new());
        assert_eq!(changed("fn f() -> u32"), Vec::<String>::new());
    }

    #[test]
    fn barriers_are_removed() {
        assert_eq!(changed("    workgroupBarrier();\n}"), ["    \n}"]);
    }

    #[test]
    fn every_mutant_has_a_name_of_its_own() {
        let text = include_str!("../../../shaders/conv.wgsl");
        let all = mutants("conv.wgsl", text);
        let ids: BTreeSet<String> = all.iter().map(Mutant::id).collect();
        assert_eq!(ids.len(), all.len());
        assert!(ids.len() > 90, "{} mutants", ids.len());
        assert_eq!(mutants("a", "\n b + 1")[0].place, (2, 4));
    }
}
