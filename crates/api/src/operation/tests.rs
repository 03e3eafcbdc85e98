//! Which requests are operations, and which words name what is wrong with the others.

use super::{Action, Name, Operation};
use crate::Options;
use crate::problem::{Kind, Problem};
use bytes::Bytes;
use proto::{ChangeId, Durability, Edit, Expect, ItemKey, Level, Value};
use stdx::Span;

fn read(body: &str) -> Result<Operation, Problem> {
    let options = Options { value_bytes_max: 64, key_bytes_max: 16, ..Options::default() };
    Operation::read(&Bytes::copy_from_slice(body.as_bytes()), &options)
}

fn refused(body: &str) -> (Kind, String) {
    let problem = read(body).expect_err(body);
    (problem.kind(), problem.detail().to_owned())
}

#[test]
fn the_requests_of_the_reference_are_read() {
    let get = read(r#"{"type":"GET","key":"9"}"#).unwrap();
    assert_eq!((get.bucket.as_str(), get.within, get.level), ("default", None, None));
    assert_eq!(get.action, Action::Get(ItemKey::plain("9")));
    let Action::Put(put) = read(r#"{"key":"1","value":"uno","type":"PUT"}"#).unwrap().action else { panic!() };
    assert_eq!((put.key, put.value), (ItemKey::plain("1"), Some(Value::plain("uno"))));
    assert_eq!((put.context, put.durability, put.ttl), (None, Durability::Fsync, None));
}

#[test]
fn optional_fields_are_read() {
    let put = read(
        r#"{"type":"PUT","key":"k","sort":"s","value":"","bucket":"b","w":2,"durability":"memory","ttl":"30s",
            "timeout":0.5,"context":"tok"}"#,
    )
    .unwrap();
    assert_eq!((put.bucket.as_str(), put.level), ("b", Some(Level::Count(2))));
    assert_eq!(put.within, Some(Span::millis(500)));
    let Action::Put(write) = put.action else { panic!() };
    assert_eq!(write.key, ItemKey::sorted("k", "s"));
    assert_eq!((write.durability, write.ttl), (Durability::Memory, Some(Span::secs(30))));
    assert_eq!(write.context.as_deref(), Some("tok"));
    let level = |level: &str| read(&format!(r#"{{"type":"GET","key":"k",{level}}}"#)).unwrap().level;
    assert_eq!(level(r#""level":"all""#), Some(Level::All));
    assert_eq!(level(r#""r":"one""#), Some(Level::One));
    assert_eq!(level(r#""level":"2""#), Some(Level::Count(2)));
}

#[test]
fn a_condition_makes_a_change() {
    let change = |body: &str| match read(body).unwrap().action {
        Action::Change(change) => change,
        other => panic!("{other:?}"),
    };
    let put = change(r#"{"type":"PUT","key":"k","value":"v","bucket":"b","ifVersion":0}"#);
    assert_eq!((put.expect, put.edit), (Expect::Version(0), Edit::Put(Value::plain("v"))));
    let lock = change(r#"{"type":"PUT","key":"k","value":"v","ifVersion":0,"ttl":"30s"}"#);
    assert_eq!((lock.expect, lock.ttl), (Expect::Version(0), Some(Span::secs(30))));
    let delete = change(r#"{"type":"DELETE","key":"k","ifValue":"v","id":"00000000000000ff"}"#);
    assert_eq!((delete.expect, delete.edit), (Expect::Value("v".into()), Edit::Delete));
    assert_eq!(delete.name, Name { id: Some(ChangeId(255)), again: false });
    let again = change(r#"{"type":"ADD","key":"k","again":"00000000000000ff"}"#);
    assert_eq!(again.name, Name { id: Some(ChangeId(255)), again: true });
    let added = |body: &'static str| read(body).unwrap().action;
    assert_eq!(added(r#"{"type":"ADD","key":"k"}"#), Action::Add(ItemKey::plain("k"), 1));
    assert_eq!(added(r#"{"type":"ADD","key":"k","by":-3,"level":"one"}"#), Action::Add(ItemKey::plain("k"), -3));
    for body in [
        r#"{"type":"ADD","key":"k","by":0.5}"#,
        r#"{"type":"PUT","key":"k","value":"v","ifVersion":1,"level":"one"}"#,
        r#"{"type":"PUT","key":"k","value":"v","ifVersion":1,"ifValue":"x"}"#,
        r#"{"type":"PUT","key":"k","value":"v","id":"12"}"#,
        r#"{"type":"PUT","key":"k","value":"v","id":"00000000000000ff","again":"00000000000000ff"}"#,
    ] {
        assert_eq!(refused(body).0, Kind::InvalidField, "{body}");
    }
}

#[test]
fn a_scan_reads_one_key_or_all() {
    let Action::Scan(run) = read(r#"{"type":"SCAN","key":"k","from":"a","to":"b","limit":7}"#).unwrap().action else {
        panic!()
    };
    let bounds = run.bounds.unwrap();
    assert_eq!((bounds.from.as_deref(), bounds.to.as_deref()), (Some(&b"a"[..]), Some(&b"b"[..])));
    assert_eq!(run.limit, 7);
    let Action::Scan(run) = read(r#"{"type":"SCAN"}"#).unwrap().action else { panic!() };
    assert_eq!((run.bounds, run.cursor, run.limit), (None, None, 100));
    assert_eq!(refused(r#"{"type":"SCAN","from":"a"}"#).0, Kind::InvalidField);
    assert_eq!(refused(r#"{"type":"SCAN","cursor":"nonsense!"}"#).0, Kind::InvalidCursor);
    assert_eq!(refused(r#"{"type":"SCAN","limit":0}"#).0, Kind::InvalidField);
}

#[test]
fn the_media_type_goes_with_the_value() {
    let put = |kind: &str| read(&format!(r#"{{"type":"PUT","key":"k","value":"v","contentType":"{kind}"}}"#));
    let Action::Put(write) = put(" text/plain; charset=utf-8").unwrap().action else { panic!() };
    assert_eq!(write.value.unwrap().content_type.as_deref(), Some("text/plain; charset=utf-8"));
    for kind in ["text", "text/\\n", "texto/ñ", &format!("a/{}", "b".repeat(254))] {
        assert_eq!(put(kind).unwrap_err().kind(), Kind::InvalidField, "{kind}");
    }
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    assert_eq!(refused(r#"{"key":"9"}"#).0, Kind::UnknownType);
    let (kind, detail) = refused(r#"{"type":"POP","key":"9"}"#);
    assert_eq!(kind, Kind::UnknownType);
    assert!(detail.contains("not \"POP\""), "{detail}");
    assert_eq!(
        refused(r#"{"type":"GET"}"#),
        (Kind::MissingField, "\"key\" is missing; add it to the JSON object.".into())
    );
    assert_eq!(refused(r#"{"type":"PUT","key":"9"}"#).0, Kind::MissingField);
    let (kind, detail) = refused(r#"{"type":"GET","key":"9","colour":"red"}"#);
    assert_eq!(kind, Kind::UnknownField);
    assert!(detail.contains("\"colour\""), "{detail}");
    assert_eq!(refused(r#"{"type":"GET","key":"9","value":"x"}"#).0, Kind::UnknownField);
    assert_eq!(refused(r#"{"type":"GET","key":"9","w":1}"#).0, Kind::UnknownField);
}

#[test]
fn wrong_values_are_named() {
    assert_eq!(refused(r#"{"type":"PUT","key":"9","value":9}"#).0, Kind::InvalidField);
    assert_eq!(refused(r#"{"type":"GET","key":9}"#).0, Kind::InvalidField);
    for level in ["\"most\"", "0", "256", "-1", "true"] {
        assert_eq!(refused(&format!(r#"{{"type":"GET","key":"9","level":{level}}}"#)).0, Kind::InvalidField, "{level}");
    }
    assert_eq!(refused(r#"{"type":"GET","key":"9","level":1,"r":1}"#).0, Kind::InvalidField);
    assert_eq!(refused(r#"{"type":"PUT","key":"9","value":"x","durability":"disk"}"#).0, Kind::InvalidField);
    assert_eq!(refused(r#"{"type":"PUT","key":"9","value":"x","ttl":0}"#).0, Kind::InvalidField);
}

#[test]
fn bounds_are_kept() {
    assert_eq!(refused(&format!(r#"{{"type":"GET","key":"{}"}}"#, "k".repeat(17))).0, Kind::TooLarge);
    assert_eq!(refused(&format!(r#"{{"type":"PUT","key":"k","value":"{}"}}"#, "v".repeat(65))).0, Kind::TooLarge);
    assert!(read(&format!(r#"{{"type":"PUT","key":"{}","value":"{}"}}"#, "k".repeat(16), "v".repeat(64))).is_ok());
}
