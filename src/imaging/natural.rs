//! The order in which people number slices.

use std::cmp::Ordering;

/// Compares names so that runs of digits count as numbers: `s2` comes before `s10`. Names that differ only in
/// leading zeros keep the order of their bytes.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((m, rest_left), (n, rest_right)) = (number(left), number(right));
            let order = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
            if order.is_ne() {
                return order;
            }
            (left, right) = (rest_left, rest_right);
        } else if x == y {
            (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits at the start without leading zeros, and the rest.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::natural_order;

    #[test]
    fn digits_are_numbers() {
        let mut names = ["s10", "s2", "s1_b", "s1", "s01", "a", "", "s99999999999999999999999", "é3", "é20"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["", "a", "s01", "s1", "s1_b", "s2", "s10", "s99999999999999999999999", "é3", "é20"]
        );
    }
}
