//! The document and the router say the same, and the document in `docs/` is the one that is served.

use super::ROUTES;
use super::document::openapi;
use crate::fake::{self, Fake};
use crate::tests::ask;
use axum::http::Method;
use proto::Response;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

#[test]
fn the_document_in_git_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = format!("{:#}\n", openapi());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("docs/openapi.json can be written");
    } else {
        let text = std::fs::read_to_string(&path).expect("docs/openapi.json can be read");
        assert!(text == made, "docs/openapi.json is not what the table says; run again with UPDATE_DOCS=1");
    }
}

#[tokio::test]
async fn the_router_takes_exactly_the_methods_of_the_document() {
    let fake = Arc::new(Fake::new(|_| Response::Status(Box::new(fake::status(&["Ted"])))));
    let document = openapi();
    let paths = document["paths"].as_object().unwrap();
    for (path, operations) in paths {
        let declared: BTreeSet<String> =
            operations.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()).collect();
        let concrete = path.replace(['{', '}'], "");
        // No path takes PATCH, and the answer to what is not taken lists what is.
        let reply = ask(&fake, Method::PATCH, &concrete, "").await;
        assert_eq!(reply.status, 405, "{path}");
        let allowed = reply.headers["allow"].to_str().unwrap();
        let allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).collect();
        // HEAD goes with every GET; the document has it where it makes sense.
        assert!(declared.is_subset(&allowed), "{path}: {declared:?} {allowed:?}");
        assert!(allowed.difference(&declared).all(|method| method == "HEAD"), "{path}: {declared:?} {allowed:?}");
    }
    assert_eq!(ask(&fake, Method::GET, "/v1/openapi.json", "").await.json(), document);
}

#[test]
fn names_are_unique_and_everything_named_is_there() {
    let ids: BTreeSet<&str> = ROUTES.iter().map(|route| route.id).collect();
    assert_eq!(ids.len(), ROUTES.len());
    let document = openapi();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "there is no schema {name}");
    }
    for name in schemas.keys() {
        let words = [format!("schemas/{name}\""), format!("of the schema {name}\"")];
        assert!(words.iter().any(|word| text.contains(word.as_str())), "nothing names the schema {name}");
    }
    for route in ROUTES {
        for name in route.path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
            assert!(route.parameters.contains(&name), "{} does not describe {name}", route.path);
        }
    }
}
