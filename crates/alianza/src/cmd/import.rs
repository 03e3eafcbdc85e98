//! `alianza import`: items from lines of JSON. Importing a file again changes nothing, so one that was broken off is simply
//! begun anew.

use super::cluster::{elements, text};
use super::patience::patiently;
use super::progress::Progress;
use crate::args::Import;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// A request has so many lines, or so many bytes.
const BATCH_LINES: u64 = 500;
const BATCH_BYTES: usize = 1 << 20;
/// After so many wrong lines it is probably not the file that was meant.
const ERRORS_MAX: u64 = 1_000;

/// Imports.
pub(crate) fn run(args: &Import) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let mut from: Box<dyn BufRead> = if args.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file);
        let cannot = |error: io::Error| Failure::usage(format!("cannot read {}: {error}", args.file.display()));
        Box::new(BufReader::with_capacity(1 << 16, file.map_err(cannot)?))
    };
    let mut importing = Importing::default();
    importing.all(&client, &mut from)?;
    importing.report(args.target.json)
}

/// How far it is.
#[derive(Default)]
struct Importing {
    /// Lines sent.
    lines: u64,
    written: u64,
    same: u64,
    expired: u64,
    wrong: u64,
    progress: Progress,
}

impl Importing {
    fn all(&mut self, client: &Client, from: &mut dyn BufRead) -> Result<(), Failure> {
        let (mut batch, mut lines) = (Vec::new(), 0);
        loop {
            let read = from.read_until(b'\n', &mut batch);
            let read =
                read.map_err(|error| Failure::error(format!("cannot read line {}: {error}", self.lines + lines + 1)))?;
            lines += u64::from(read > 0);
            if (read == 0 || lines >= BATCH_LINES || batch.len() >= BATCH_BYTES) && lines > 0 {
                self.send(client, &batch)?;
                self.lines += lines;
                (batch, lines) = (Vec::new(), 0);
            }
            if read == 0 {
                return Ok(());
            }
            let (done, wrong) = (self.lines, self.wrong);
            self.progress.say(|| format!("{done} lines, {wrong} of them wrong"));
        }
    }

    fn send(&mut self, client: &Client, batch: &[u8]) -> Result<(), Failure> {
        let answer = patiently(|| client.post_bytes("/v1/import", batch))?;
        let number = |name: &str| answer[name].as_u64().unwrap_or(0);
        self.written += number("written");
        self.same += number("same");
        self.expired += number("expired");
        for error in elements(&answer, "errors") {
            self.wrong += 1;
            let line = self.lines + error["line"].as_u64().unwrap_or(0);
            output::remark(&format!("line {line}: {}", text(&error, "detail")));
        }
        if self.wrong > ERRORS_MAX {
            return Err(Failure::usage(format!("gave up after {} wrong lines; is this the right file?", self.wrong)));
        }
        Ok(())
    }

    fn report(&self, as_json: bool) -> Result<(), Failure> {
        let Importing { lines, written, same, expired, wrong, .. } = self;
        if as_json {
            let report: Value =
                json!({ "lines": lines, "written": written, "same": same, "expired": expired, "errors": wrong });
            output::print_json(&report)?;
        } else {
            output::remark(&format!(
                "{lines} lines: {written} written, {same} there already, {expired} expired, {wrong} wrong"
            ));
        }
        match wrong {
            0 => Ok(()),
            wrong => Err(Failure::error(format!("{wrong} lines were not imported; they are named above"))),
        }
    }
}
