//! `alianza start --print-config`: every setting, its value, and where it came from. The text is a valid configuration
//! file that says the same, but for secrets, which are not shown: of one that is given a comment says that it is.

use super::list::{SETTINGS, Setting, Takes};
use super::merge::{Merged, Origin};
use serde_json::json;

/// Shows settings as text, or as JSON.
pub(crate) fn show(merged: &Merged, as_json: bool) -> String {
    if as_json {
        let entries: Vec<_> = SETTINGS.iter().map(|setting| entry(setting, merged)).collect();
        return format!("{:#}\n", serde_json::Value::from(entries));
    }
    let lines: Vec<(String, String)> = SETTINGS.iter().map(|setting| line(setting, merged)).collect();
    let width = lines.iter().map(|(left, _)| left.chars().count()).filter(|width| *width < 60).max().unwrap_or(0);
    lines.iter().map(|(left, right)| format!("{left:width$}  # {right}\n")).collect()
}

fn entry(setting: &Setting, merged: &Merged) -> serde_json::Value {
    let written = merged.get(setting.name);
    let value = match (written, setting.takes) {
        (None, _) => serde_json::Value::Null,
        (Some(_), _) if setting.is_secret() => "(set)".into(),
        (Some(written), Takes::Many(_)) => written.texts.clone().into(),
        (Some(written), _) => written.texts.first().cloned().into(),
    };
    let origin = written.map_or(Origin::Default, |written| written.origin.clone());
    json!({ "name": setting.name, "value": value, "origin": origin.to_string() })
}

fn line(setting: &Setting, merged: &Merged) -> (String, String) {
    let Some(written) = merged.get(setting.name) else {
        return (format!("# {} is not set", setting.name), "default".to_owned());
    };
    if setting.is_secret() {
        return (format!("# {} = (set)", setting.name), written.origin.to_string());
    }
    let quoted: Vec<String> = written.texts.iter().map(|text| quote(text)).collect();
    let value = match setting.takes {
        Takes::Many(_) => format!("[{}]", quoted.join(", ")),
        Takes::Switch => written.texts.concat(),
        Takes::One(_) => {
            written.texts.first().filter(|text| text.parse::<u32>().is_ok()).cloned().unwrap_or_else(|| quoted.concat())
        }
    };
    (format!("{} = {value}", setting.name), written.origin.to_string())
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
