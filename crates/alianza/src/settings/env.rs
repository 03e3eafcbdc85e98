//! Settings in the environment: `ALIANZA_PORT`, `ALIANZA_DATA_DIR`, …

use super::list::{SETTINGS, Takes};
use super::merge::{Layer, Origin, Written, list};

/// Reads what is set, by a function that gives the value of a variable. An empty variable is not set.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Layer {
    let mut layer = Layer::new();
    for setting in SETTINGS {
        let name = setting.variable();
        let Some(text) = variable(&name).filter(|text| !text.is_empty()) else { continue };
        if is_of_kubernetes(&name, &text) || is_of_clients(&name, &text) {
            continue;
        }
        let texts = match setting.takes {
            Takes::Many(_) => list(&text),
            Takes::One(_) | Takes::Switch => vec![text],
        };
        layer.insert(setting.name, Written { texts, origin: Origin::Environment(name) });
    }
    layer
}

/// The command line takes an API token from here, and a token of the ring never begins like this.
fn is_of_clients(name: &str, text: &str) -> bool {
    name == "ALIANZA_TOKEN" && text.starts_with("alianza_")
}

/// Kubernetes sets this for every service called `alianza`, and means something else by it.
fn is_of_kubernetes(name: &str, text: &str) -> bool {
    name == "ALIANZA_PORT" && text.starts_with("tcp://")
}
