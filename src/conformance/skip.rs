//! Why a case is outside of what Gyrus or a device can do: taken from the error, without the names that tell it
//! from others of its kind.

use serde::Serialize;

use crate::error::Error;
use crate::graph::network::Network;

/// One reason for which a case cannot run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// The operator that is at fault; `None` where it is the network as a whole.
    pub operator: Option<String>,
    pub reason: String,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.operator {
            Some(operator) => write!(f, "{operator}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// The reasons behind an error that says that a network is not supported; `None` for one that says that something
/// went wrong.
pub(super) fn reasons(error: &Error, network: &Network) -> Option<Vec<Reason>> {
    let reason = |operator: Option<&str>, text: &str| Reason {
        operator: operator.map(str::to_string),
        reason: without_names(text, network),
    };
    let mut reasons = match error {
        Error::Unsupported(nodes) => nodes.iter().map(|n| reason(Some(&n.operator), &n.reason)).collect(),
        Error::Node { operator, reason: text, .. } => vec![reason(Some(operator), text)],
        Error::Tensor { reason: text, .. } | Error::Graph(text) => vec![reason(None, text)],
        Error::TooLarge { limit_name, .. } => vec![reason(None, &format!("needs more than {limit_name}"))],
        _ => return None,
    };
    reasons.sort();
    reasons.dedup();
    Some(reasons)
}

/// A message without the names of values and nodes, and without sizes.
fn without_names(text: &str, network: &Network) -> String {
    let values =
        network.nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs).chain([&node.name]));
    let ports = network.inputs.iter().chain(&network.outputs).map(|value| &value.name);
    let mut text = text.to_string();
    for name in values.chain(ports).filter(|name| !name.is_empty()) {
        text = text.replace(&format!(" '{name}'"), "");
    }
    let mut before = "";
    let words = text.split(' ').map(|word| {
        let size = is_shape(word) || (before == "shape" && is_number(word));
        before = word;
        if size { "(size)" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word is a shape of several dimensions, such as `2x3x4`.
fn is_shape(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', ':']);
    word.contains('x') && word.split('x').all(is_number)
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::UnsupportedNode;
    use crate::ops::case::Case;

    fn network() -> Network {
        Case::new("Reshape", "a case").given(&[2]).given(&[2]).network().unwrap().0
    }

    fn told(error: &Error) -> Vec<String> {
        reasons(error, &network()).unwrap().iter().map(Reason::to_string).collect()
    }

    #[test]
    fn equal_reasons_are_worded_alike() {
        let node = |node: &str, reason: &str| UnsupportedNode {
            node: node.into(),
            operator: "Reshape".into(),
            reason: reason.into(),
        };
        let twice = vec![node("a", "its input 'x1' is computed"), node("b", "its input 'x0' is computed")];
        assert_eq!(told(&Error::Unsupported(twice)), ["Reshape: its input is computed"]);
        assert_eq!(told(&Error::tensor("x0", "shape 2x0 holds nothing")), ["shape (size) holds nothing"]);
        assert_eq!(told(&Error::node("a", "Pad", "mode 'odd'")), ["Pad: mode 'odd'"]);
    }

    #[test]
    fn what_went_wrong_is_no_reason_to_skip() {
        let lost = Error::DeviceLost { device: "d".into(), reason: "r".into() };
        let driver = Error::Gpu { device: "d".into(), reason: "r".into() };
        assert!([lost, driver].iter().all(|error| reasons(error, &network()).is_none()));
    }
}
