//! Settings in a file: TOML, with the names of the flags as keys.
//!
//! Invariant: a key that is no setting is refused by name, so that a misspelling is not silently ignored.

use super::list::{SETTINGS, Setting, Takes};
use super::merge::{Layer, Origin, Written, list};
use crate::exit::Failure;
use std::path::Path;
use toml::{Table, Value};

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Layer, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}; give another file with --config", path.display()))
    })?;
    parse(&text, path)
}

/// Reads the text of a file.
pub(super) fn parse(text: &str, path: &Path) -> Result<Layer, Failure> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::usage(format!("{}, line {line}: {}", path.display(), error.message().trim().replace('\n', ", ")))
    })?;
    let mut layer = Layer::new();
    for (key, value) in table {
        let setting = Setting::named(&key).ok_or_else(|| unknown(&key, path))?;
        let texts = texts(setting, &value).ok_or_else(|| wrong(setting, path))?;
        layer.insert(setting.name, Written { texts, origin: Origin::File(path.to_owned()) });
    }
    Ok(layer)
}

fn texts(setting: &Setting, value: &Value) -> Option<Vec<String>> {
    match (setting.takes, value) {
        (Takes::Switch, Value::Boolean(yes)) => Some(vec![yes.to_string()]),
        (Takes::One(_), Value::String(text)) => Some(vec![text.clone()]),
        (Takes::One(_), Value::Integer(number)) => Some(vec![number.to_string()]),
        (Takes::Many(_), Value::String(text)) => Some(list(text)),
        (Takes::Many(_), Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

fn unknown(key: &str, path: &Path) -> Failure {
    let close = SETTINGS.iter().map(|setting| (distance(key, setting.name), setting.name)).min();
    let hint = match close {
        Some((steps, name)) if steps <= 3 => format!("did you mean \"{name}\"?"),
        _ => "`alianza start --print-config` lists all keys".to_owned(),
    };
    Failure::usage(format!("{}: there is no setting \"{key}\"; {hint}", path.display()))
}

fn wrong(setting: &Setting, path: &Path) -> Failure {
    let must = match setting.takes {
        Takes::Switch => "true or false",
        Takes::One(_) => "a string or a number",
        Takes::Many(_) => "a list of strings",
    };
    Failure::usage(format!("{}: \"{}\" must be {must}", path.display(), setting.name))
}

/// How many letters must change to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, parse};
    use crate::exit::Code;
    use std::path::Path;

    fn refused(text: &str) -> String {
        let failure = parse(text, Path::new("a.toml")).unwrap_err();
        assert_eq!(failure.code(), Code::Usage);
        failure.to_string()
    }

    #[test]
    fn keys_are_the_names_of_flags() {
        let layer =
            parse("port = 9000\nseeds = [\"a:1\", \"b:2\"]\ninsecure = true\nname = \"Ted\"\n", Path::new("a.toml"))
                .unwrap();
        assert_eq!(layer["port"].texts, ["9000"]);
        assert_eq!(layer["seeds"].texts, ["a:1", "b:2"]);
        assert_eq!(layer["insecure"].texts, ["true"]);
        assert_eq!(layer["port"].origin.to_string(), "file a.toml");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(refused("prot = 1"), "a.toml: there is no setting \"prot\"; did you mean \"port\"?");
        assert!(refused("colour = \"red\"").contains("--print-config"));
        assert_eq!(refused("insecure = \"yes\""), "a.toml: \"insecure\" must be true or false");
        assert_eq!(refused("port = [1]"), "a.toml: \"port\" must be a string or a number");
        assert!(refused("port = 1\nname = \"Ted").starts_with("a.toml, line 2: "));
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!((distance("port", "port"), distance("prot", "port"), distance("", "abc")), (0, 2, 3));
    }
}
