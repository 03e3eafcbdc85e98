//! `docs/redis.md`: what works, what works with a difference, and what is refused, from the table.

use super::table::{self, Command, Group, Run, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Stands before the part that is made.
const BEGIN: &str =
    "<!-- made from the command table; `UPDATE_DOCS=1 cargo nextest run -p api redis` makes it anew -->\n";

/// The page `text` with its table as it must be.
pub fn page(text: &str) -> String {
    let kept = text.split(BEGIN).next().unwrap_or_default();
    let mut page = format!("{kept}{BEGIN}");
    let mut groups: BTreeMap<Group, Vec<&Command>> = BTreeMap::new();
    for command in table::all() {
        groups.entry(command.group).or_default().push(command);
    }
    for (group, commands) in groups {
        let _ = write!(page, "\n### {}\n\n", group.names().0);
        let (refused, served): (Vec<&Command>, Vec<&Command>) =
            commands.into_iter().partition(|command| command.verdict == Verdict::Refused);
        if !served.is_empty() {
            page.push_str("| command | does | here |\n|---|---|---|\n");
        }
        for command in served.iter().filter(|command| !matches!(command.run, Run::Refused(_))) {
            let name = command.name.to_ascii_uppercase().replace('|', " ");
            let _ = writeln!(page, "| `{name}` | {} | {} |", command.summary, here(command.verdict));
        }
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for command in refused {
            let Run::Refused(why) = command.run else { continue };
            let name = format!("`{}`", command.name.to_ascii_uppercase());
            match reasons.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, names)) => names.push(name),
                None => reasons.push((why, vec![name])),
            }
        }
        for (why, names) in reasons {
            let gap = if served.is_empty() { "" } else { "\n" };
            let _ = writeln!(page, "{gap}Refused ({}): it {why}.", names.join(", "));
        }
    }
    page
}

fn here(verdict: Verdict) -> String {
    match verdict {
        Verdict::Works => "works".to_owned(),
        Verdict::Differs(how) => format!("works with a difference: {how}"),
        Verdict::Ordered("") => "refused in eventual buckets; works in linearizable ones".to_owned(),
        Verdict::Ordered(more) => format!("refused in eventual buckets; works in linearizable ones. {more}"),
        Verdict::Refused => "refused".to_owned(),
    }
}
