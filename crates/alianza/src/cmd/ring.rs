//! `alianza ring`: the ring as rows of coloured blocks, one block for a run of partitions, and a table of shares: what a node owns
//! is where it comes first, what it holds are its copies of the data.
//!
//! Invariant: without colours each node has a letter, so that the picture says the same.

use super::cluster::text;
use crate::args::Target;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::Value;

/// Blocks in a row, and rows at most.
const ROW: usize = 64;
const ROWS_MAX: usize = 8;
/// Colours of the 256-colour palette that are easy to tell apart on dark and on light.
const COLOURS: [u8; 14] = [33, 208, 35, 170, 160, 37, 178, 99, 131, 64, 25, 204, 109, 244];
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Prints the picture and the table.
pub(crate) fn run(target: &Target) -> Result<(), Failure> {
    let ring = Client::to(target)?.get("/v1/ring")?;
    if target.json {
        return output::print_json(&ring);
    }
    output::print(&show(&ring, output::coloured()))
}

fn show(ring: &Value, coloured: bool) -> String {
    let members = ring["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let partitions = ring["partitions"].as_u64().unwrap_or(0);
    let head = format!(
        "epoch {}, {partitions} partitions, {} copies of each; the first block begins at token 0\n\n",
        text(ring, "epoch"),
        text(ring, "n")
    );
    head + &picture(&owners(ring), coloured) + "\n" + &shares(members, partitions, coloured)
}

/// The owner of each partition, as a position among the members.
fn owners(ring: &Value) -> Vec<usize> {
    let runs = ring["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let run = |run: &Value| Some((run[0].as_u64()? as usize, run[1].as_u64()? as usize));
    runs.iter().filter_map(run).flat_map(|(owner, count)| std::iter::repeat_n(owner, count)).collect()
}

fn picture(owners: &[usize], coloured: bool) -> String {
    let blocks = owners.len().min(ROW * ROWS_MAX);
    let block = |at: usize| owners[at * owners.len() / blocks..(at + 1) * owners.len() / blocks].to_vec();
    let most: Vec<usize> = (0..blocks).map(|at| most_common(block(at))).collect();
    most.chunks(ROW).map(|row| row.iter().map(|owner| mark(*owner, coloured)).collect::<String>() + "\n").collect()
}

fn most_common(mut owners: Vec<usize>) -> usize {
    owners.sort_unstable();
    let runs = owners.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).map_or(0, |run| run[0])
}

fn mark(owner: usize, coloured: bool) -> String {
    let letter = char::from(LETTERS[owner % LETTERS.len()]);
    if !coloured {
        return letter.to_string();
    }
    // The letter stays, for there are more nodes than colours.
    let shown = if owner < COLOURS.len() { ' ' } else { letter };
    format!("\x1b[48;5;{}m{shown}\x1b[0m", COLOURS[owner % COLOURS.len()])
}

fn shares(members: &[Value], partitions: u64, coloured: bool) -> String {
    let number = |member: &Value, name: &str| member[name].as_u64().unwrap_or(0);
    let percent = |part: u64, whole: u64| format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64);
    let copies: u64 = members.iter().map(|member| number(member, "copies")).sum();
    let row = |(at, member): (usize, &Value)| {
        let tokens = member["tokens"].as_array().map_or(0, Vec::len).to_string();
        vec![
            mark(at, false),
            text(member, "name"),
            percent(number(member, "primaries"), partitions),
            percent(number(member, "copies"), copies),
            tokens,
            text(member, "weight"),
            text(member, "zone"),
            text(member, "uri"),
        ]
    };
    let rows: Vec<Vec<String>> = members.iter().enumerate().map(row).collect();
    let plain = table::lay_out(&["", "NAME", "OWNS", "HOLDS", "TOKENS", "WEIGHT", "ZONE", "URI"], &rows);
    if !coloured {
        return plain;
    }
    // Colours have no width, so they are put in place of the letters after the columns were aligned.
    let paint = |(at, line): (usize, &str)| match at {
        0 => format!("{line}\n"),
        _ => format!("{}{}\n", mark(at - 1, true), &line[1..]),
    };
    plain.lines().enumerate().map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::show;
    use serde_json::{Value, json};

    fn ring() -> Value {
        let member = |name: &str, primaries: u64| {
            json!({ "name": name, "primaries": primaries, "copies": 256, "tokens": ["0", "1"], "weight": 100,
                "zone": null, "uri": "http://127.0.0.1:8080" })
        };
        json!({ "epoch": 3, "partitions": 128, "n": 3, "members": [member("Ted", 96), member("Ana", 32)],
            "runs": [[0, 64], [1, 32], [0, 32]] })
    }

    #[test]
    fn without_colours_nodes_have_letters() {
        let text = show(&ring(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "A".repeat(64));
        assert_eq!(lines[3], format!("{}{}", "B".repeat(32), "A".repeat(32)));
        assert!(text.contains("A  Ted   75.0 %  50.0 %       2     100        http://127.0.0.1:8080"), "{text}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn with_colours_the_columns_stay_aligned() {
        let text = show(&ring(), true);
        assert!(text.contains("\x1b[48;5;33m \x1b[0m  Ted   75.0 %"), "{text}");
    }

    #[test]
    fn an_empty_answer_does_no_harm() {
        assert!(show(&json!({}), false).contains("NAME"));
    }
}
