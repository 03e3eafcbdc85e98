//! The table is whole, and the documents say what it says.

use crate::redis::page::page;
use crate::redis::table::{self, Flag, Run, Verdict};
use std::path::Path;

#[test]
fn the_page_has_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/redis.md");
    let text = std::fs::read_to_string(&path).expect("docs/redis.md is there");
    let made = page(&text);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("docs/redis.md can be written");
    } else {
        assert!(text == made, "docs/redis.md is not what the table says; run again with UPDATE_DOCS=1");
    }
}

#[test]
fn commands_are_unique_and_described() {
    let all = table::all();
    for (at, command) in all.iter().enumerate() {
        let name = command.name;
        assert!(all[..at].iter().all(|other| other.name != name), "{name} is there twice");
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(std::ptr::eq(table::named(name.as_bytes()).unwrap(), command));
        let refused = matches!(command.run, Run::Refused(_)) && !command.has(Flag::Family);
        assert_eq!(command.verdict == Verdict::Refused, refused, "{name}");
        assert!(refused || !command.summary.is_empty() && !command.summary.ends_with('.'), "{name}");
        if let Verdict::Differs(how) = command.verdict {
            assert!(how.ends_with('.'), "{name}: {how}");
        }
        if let Some((parent, _)) = command.parent() {
            assert!(table::named(parent.as_bytes()).unwrap().has(Flag::Family), "{name}");
        }
    }
}
