//! The console: one page of plain HTML, CSS and JavaScript that is part of the binary and talks to the JSON interface
//! of the node it came from.
//!
//! Invariant: the page loads nothing from anywhere else and runs no script that is not a file of it; the content
//! security policy holds browsers to that. Refuses to know what the page shows.

use crate::problem::{Kind, Problem};
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Name, media type and content of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("assets/console.css")),
    ("main.js", "text/javascript; charset=utf-8", include_str!("assets/main.js")),
    ("dom.js", "text/javascript; charset=utf-8", include_str!("assets/dom.js")),
    ("ring.js", "text/javascript; charset=utf-8", include_str!("assets/ring.js")),
    ("members.js", "text/javascript; charset=utf-8", include_str!("assets/members.js")),
    ("query.js", "text/javascript; charset=utf-8", include_str!("assets/query.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// `GET /console`.
pub(crate) async fn page() -> Response {
    respond("text/html; charset=utf-8", include_str!("assets/index.html"))
}

/// `GET /console/{file}`.
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, media_type, content)) => Ok(respond(media_type, content)),
        None => Err(Problem::new(Kind::UnknownPath, "The console has no such file; open /console.")),
    }
}

fn respond(media_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        // `GET /` gives another answer to programs.
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn the_page_uses_only_its_own_files() {
        let page = include_str!("assets/index.html");
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("onclick"));
        let uses = |text: &str| {
            text.split(['"', '\''])
                .filter_map(|part| part.strip_prefix("/console/"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for name in uses(page) {
            assert!(FILES.iter().any(|(file, ..)| *file == name), "{name}");
        }
        for (file, _, content) in FILES {
            let foreign = content.matches("http").count() - content.matches("http://www.w3.org/2000/svg").count();
            assert!(
                foreign == 0
                    || !content.contains("://")
                    || content.matches("://").count() == content.matches("http://www.w3.org").count(),
                "{file}"
            );
        }
    }
}
