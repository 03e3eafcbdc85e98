//! `alianza export`: every item as one line of JSON, of one bucket or of all.
//!
//! Invariant: a file has its name only when it is whole; until then it is called `.unfinished`.

use super::cluster::{elements, text};
use super::patience::patiently;
use super::progress::Progress;
use crate::args::Export;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Exports.
pub(crate) fn run(args: &Export) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let buckets = buckets(&client, args.bucket.as_deref())?;
    let mut to = match args.file.as_deref() {
        None => Destination::Standard,
        Some(path) if path == Path::new("-") => Destination::Standard,
        Some(path) => Destination::begin(path)?,
    };
    let (mut items, mut progress) = (0, Progress::default());
    for bucket in buckets {
        let mut cursor: Option<String> = None;
        loop {
            let request = json!({ "bucket": bucket, "cursor": cursor });
            let answer = patiently(|| client.post_for_bytes("/v1/export", &request))?;
            items += answer.body.iter().filter(|byte| **byte == b'\n').count();
            to.write(&answer.body)?;
            progress.say(|| format!("{items} items, in bucket {bucket}"));
            cursor = answer.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    to.finish()?;
    output::remark(&format!("exported {items} items"));
    Ok(())
}

/// The buckets to export: the one that was named, or all.
fn buckets(client: &Client, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    if let Some(name) = wanted {
        return Ok(vec![name.to_owned()]);
    }
    let all = elements(&client.get("/v1/buckets")?, "buckets");
    Ok(all.iter().map(|bucket| text(bucket, "name")).collect())
}

enum Destination {
    Standard,
    File { file: BufWriter<File>, unfinished: PathBuf, path: PathBuf },
}

impl Destination {
    fn begin(path: &Path) -> Result<Destination, Failure> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished).map_err(|error| cannot(&unfinished, &error))?;
        Ok(Destination::File { file: BufWriter::new(file), unfinished, path: path.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Destination::Standard => output::print_bytes(bytes),
            Destination::File { file, unfinished, .. } => {
                file.write_all(bytes).map_err(|error| cannot(unfinished, &error))
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        let Destination::File { file, unfinished, path } = self else { return Ok(()) };
        let ended = file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        ended.and_then(|()| std::fs::rename(&unfinished, &path)).map_err(|error| cannot(&path, &error))
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::error(format!("cannot write {}: {error}", path.display()))
}
