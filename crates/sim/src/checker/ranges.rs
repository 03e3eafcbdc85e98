//! A page of a scan is whole: it is in order, within its range, names nothing twice, and every item in the part of the
//! range that it covers is judged as if it had been read alone, those that it leaves out as items that show nothing.

use super::visible::{Evidence, Shown};
use crate::describe;
use crate::history::{Operation, Reach};
use node::proto::{BucketId, ItemKey, Page, Rule, Scan, Scope};
use ring::{Grid, Token};

/// The place of an item in storage order.
fn place(key: &ItemKey) -> (Token, ItemKey) {
    (Token::of(&key.partition_key), key.clone())
}

/// Judges a page. The error says what is wrong.
pub(crate) fn check(
    operation: &Operation,
    scan: &Scan,
    page: &Page,
    grid: Grid,
    (bucket, rule): (BucketId, Rule),
    evidence: &Evidence<'_>,
) -> Result<(), String> {
    if page.items.windows(2).any(|pair| matches!(pair, [one, other] if place(&one.0) >= place(&other.0))) {
        return Err("a page is out of order or names an item twice".to_owned());
    }
    if let Some((key, _)) = page.items.iter().find(|(key, _)| !is_covered(key, scan, page, grid)) {
        return Err(format!("a page holds {}, which is not in its range", describe::key(key)));
    }
    for (named, _) in evidence.past.items_of(&scan.bucket) {
        if !is_covered(&named.1, scan, page, grid) {
            continue;
        }
        let found = page.items.iter().find(|(key, _)| *key == named.1);
        let shown = Shown {
            named,
            item: &(bucket, named.1.clone()),
            keeps_siblings: rule.of_key(&named.1) == Rule::Siblings,
            reach: Reach::of_read(scan.level),
            started: operation.started,
            ended: operation.ended,
            siblings: found.map_or(&[], |(_, siblings)| siblings.as_slice()),
            context: None,
        };
        evidence.check(&shown).map_err(|what| format!("on a page: {what}"))?;
    }
    Ok(())
}

/// True if the page says how an item is.
pub(super) fn is_covered(key: &ItemKey, scan: &Scan, page: &Page, grid: Grid) -> bool {
    let behind = |after: &Option<ItemKey>| after.as_ref().is_none_or(|after| place(key) > place(after));
    let reached = page.next.as_ref().is_none_or(|next| place(key) <= place(next));
    let within = match &scan.scope {
        Scope::SortKeys { partition_key, from, to, after } => {
            let above = from.as_ref().is_none_or(|from| key.sort_key.as_ref().is_some_and(|sort| sort >= from));
            let below = to.as_ref().is_none_or(|to| key.sort_key.as_ref().is_none_or(|sort| sort < to));
            key.partition_key == *partition_key && above && below && behind(after)
        }
        Scope::Partition { partition, after } => {
            grid.partition_of(&Token::of(&key.partition_key)) == *partition && behind(after)
        }
    };
    within && reached
}

#[cfg(test)]
mod tests {
    use super::is_covered;
    use node::proto::{ItemKey, Page, Scan, Scope};
    use ring::Grid;

    #[test]
    fn a_page_covers_what_lies_between_its_ends() {
        let row = |name: &'static str| ItemKey::sorted("t", name);
        let scope = Scope::SortKeys {
            partition_key: "t".into(),
            from: Some("b".into()),
            to: Some("x".into()),
            after: Some(row("c")),
        };
        let scan = Scan { bucket: "default".to_owned(), scope, limit: 3, level: None };
        let page = |next| Page { items: Vec::new(), next };
        let covers = |key: &ItemKey, next| is_covered(key, &scan, &page(next), Grid::default());
        assert!(covers(&row("d"), None) && covers(&row("d"), Some(row("d"))));
        assert!(!covers(&row("e"), Some(row("d"))), "the page ends before it");
        assert!(!covers(&row("c"), None) && !covers(&row("x"), None) && !covers(&row("a"), None));
        assert!(!covers(&ItemKey::plain("t"), None) && !covers(&ItemKey::sorted("u", "d"), None));
    }
}
