//! Looking at a directory of backups: which there are, and whether every file of them is as it was written.

use super::failed;
use crate::cmd::cluster::human_bytes;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table;
use api::utc;
use backup::{Directory, Listed, Manifest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Lists backups, oldest first.
pub(super) fn list(directory: &Path, as_json: bool) -> Result<(), Failure> {
    let all = Directory::open(directory).and_then(|directory| directory.list()).map_err(failed)?;
    if as_json {
        return output::print_json(&all.iter().map(describe).collect());
    }
    let head = ["NAME", "FINISHED (UTC)", "RECORDS", "SIZE", "BUCKETS", "STATE"];
    output::print(&table::lay_out(&head, &all.iter().map(row).collect::<Vec<_>>()))
}

fn describe(listed: &Listed) -> Value {
    match &listed.manifest {
        Err(error) => json!({ "name": listed.name, "error": error.to_string() }),
        Ok((manifest, hash)) => json!({
            "name": listed.name,
            "hash": hash.to_string(),
            "cluster": format!("{:032x}", manifest.cluster),
            "epoch": manifest.epoch,
            "began": manifest.began,
            "ended": manifest.ended,
            "records": manifest.items(),
            "bytes": manifest.bytes(),
            "buckets": manifest.buckets.iter().map(|bucket| bucket.name.as_str()).collect::<Vec<_>>(),
            "missing": manifest.missing.len(),
        }),
    }
}

fn row(listed: &Listed) -> Vec<String> {
    match &listed.manifest {
        Err(error) => {
            let empty = String::new;
            vec![listed.name.clone(), empty(), empty(), empty(), empty(), error.to_string()]
        }
        Ok((manifest, _)) => vec![
            listed.name.clone(),
            utc::show(manifest.ended),
            manifest.items().to_string(),
            human_bytes(manifest.bytes()),
            manifest.buckets.iter().map(|bucket| bucket.name.as_str()).collect::<Vec<_>>().join(", "),
            state(manifest),
        ],
    }
}

fn state(manifest: &Manifest) -> String {
    match manifest.missing.len() {
        0 => "whole".to_owned(),
        missing => format!("partial, without {missing} partitions"),
    }
}

/// Reads every file of every backup, or of one.
pub(super) fn verify(directory: &Path, name: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let directory = Directory::open(directory).map_err(failed)?;
    let mut all = directory.list().map_err(failed)?;
    all.retain(|listed| name.is_none_or(|name| listed.name == name));
    if let (Some(name), true) = (name, all.is_empty()) {
        return Err(Failure::new(
            Code::NotFound,
            format!("there is no backup {name}; `alianza backup list` shows all"),
        ));
    }
    let (mut seen, mut bad, mut reports) = (BTreeSet::new(), Vec::new(), Vec::new());
    for listed in &all {
        let flaws: Vec<String> = match &listed.manifest {
            Err(error) => vec![error.to_string()],
            Ok((manifest, _)) => {
                backup::verify(&directory, manifest, &mut seen).iter().map(ToString::to_string).collect()
            }
        };
        if !as_json {
            flaws.iter().for_each(|flaw| output::remark(flaw));
            let verdict = if flaws.is_empty() { "as it was written" } else { "DAMAGED" };
            output::print_line(&format!("{}  {verdict}", listed.name))?;
        }
        if !flaws.is_empty() {
            bad.push(listed.name.clone());
        }
        reports.push(json!({ "name": listed.name, "flaws": flaws }));
    }
    if as_json {
        output::print_json(&Value::Array(reports))?;
    }
    match bad.as_slice() {
        [] => Ok(()),
        bad => Err(Failure::error(format!("backups {} are damaged; the files are named above", bad.join(", ")))),
    }
}
