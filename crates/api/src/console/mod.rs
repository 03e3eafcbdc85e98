//! The console: a page that is part of the binary and talks to the JSON interface of the node it came from. Its source is
//! in `console/`; what that makes is in `dist`, each file also compressed, and served under a name with a hash.
//!
//! Invariant: the page loads nothing from anywhere else and runs no script that is not a file of it; the content
//! security policy holds browsers to that. A file under a name with a hash never changes. Refuses to know what the page
//! shows.

pub(crate) mod login;

use crate::problem::{Kind, Problem};
use crate::segment::Segment;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lines of the name with a hash and the name without.
const NAMES: &str = include_str!("dist/names.txt");

/// A file, and its two compressed forms.
struct File {
    name: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

macro_rules! file {
    ($name:literal, $media_type:literal) => {
        File {
            name: $name,
            media_type: $media_type,
            plain: include_bytes!(concat!("dist/", $name)),
            gzip: include_bytes!(concat!("dist/", $name, ".gz")),
            brotli: include_bytes!(concat!("dist/", $name, ".br")),
        }
    };
}

const PAGE: File = file!("index.html", "text/html; charset=utf-8");
const FILES: &[File] = &[
    PAGE,
    file!("app.js", "text/javascript; charset=utf-8"),
    file!("app.css", "text/css; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
];

/// `GET /console`, and `GET /` for browsers. Asked again each time, because it says which files are current.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    let hashed = names().find(|(_, name)| *name == PAGE.name).map_or(PAGE.name, |(hashed, _)| hashed);
    respond(&PAGE, hashed, &headers, "no-cache")
}

/// `GET /console/{file}`, by the name with a hash; also without one, for those who look around.
pub(crate) async fn file(Segment(wanted): Segment, headers: HeaderMap) -> Result<Response, Problem> {
    let gone = || Problem::new(Kind::UnknownPath, "The console has no such file; load /console again.");
    let (hashed, name) = names().find(|(hashed, name)| [*hashed, *name].contains(&&*wanted)).ok_or_else(gone)?;
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(gone)?;
    let keep = if wanted == hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(respond(file, hashed, &headers, keep))
}

fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.lines().filter_map(|line| line.split_once(' '))
}

fn respond(file: &'static File, hashed: &str, asked: &HeaderMap, keep: &'static str) -> Response {
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let (encoding, bytes) = match () {
        () if accepts(accepted, "br") => (Some("br"), file.brotli),
        () if accepts(accepted, "gzip") => (Some("gzip"), file.gzip),
        () => (None, file.plain),
    };
    let etag = format!("\"{hashed}{}{}\"", if encoding.is_some() { "." } else { "" }, encoding.unwrap_or_default());
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let fresh = known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag);
    let body = if fresh { Body::empty() } else { Body::from(bytes) };
    let mut response = Response::new(body);
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, file.media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, keep),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // `GET /` gives another answer to programs.
        (header::VARY, "accept, accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// Whether an `Accept-Encoding` names an encoding and does not refuse it with a quality of zero.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, "q=1"));
        let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
        name.trim() == encoding && quality.is_none_or(|quality| quality > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::{FILES, PAGE, accepts, file, names, page};
    use crate::segment::Segment;
    use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_page_uses_only_its_own_files() {
        let shown = text(PAGE.plain);
        assert!(!shown.contains("style=") && !shown.contains("<style") && !shown.contains("onclick"));
        let used: Vec<&str> = shown.split('"').filter_map(|part| part.strip_prefix("/console/")).collect();
        assert_eq!(used.len(), 3, "{used:?}");
        for used in used {
            assert!(names().any(|(hashed, _)| hashed == used), "{used} is not served");
        }
    }

    #[test]
    fn no_file_asks_another_site_for_anything() {
        for file in FILES {
            // The names of XML's vocabularies and of a request that is built from parts are no requests.
            let harmless = ["http://www.w3.org/", "http://127.0.0.1", "https?://"];
            let content = harmless.iter().fold(text(file.plain).to_owned(), |rest, known| rest.replace(known, ""));
            for scheme in ["http://", "https://", "@import", "url(//"] {
                assert!(!content.contains(scheme), "{} has {scheme}", file.name);
            }
        }
    }

    #[test]
    fn every_file_has_a_name_and_every_name_a_file() {
        assert_eq!(names().count(), FILES.len());
        for (hashed, name) in names() {
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
            let (stem, kind) = name.split_once('.').unwrap();
            assert!(hashed.starts_with(&format!("{stem}-")) && hashed.ends_with(kind), "{hashed}");
        }
        for file in FILES {
            assert!(file.brotli.len() < file.plain.len() && file.gzip.len() < file.plain.len(), "{}", file.name);
        }
    }

    fn asking(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[tokio::test]
    async fn files_are_compressed_if_that_is_accepted_and_kept_for_good() {
        let (hashed, _) = names().find(|(_, name)| *name == "app.js").unwrap();
        let asked = asking(header::ACCEPT_ENCODING, "gzip, deflate, br;q=0.9");
        let reply = file(Segment(hashed.to_owned()), asked).await.unwrap();
        assert_eq!(reply.headers()[header::CONTENT_ENCODING], "br");
        assert!(reply.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let plain = file(Segment("app.js".to_owned()), HeaderMap::new()).await.unwrap();
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        assert_eq!(plain.headers()[header::CACHE_CONTROL], "no-cache");
        assert!(file(Segment("app-000000000000.js".to_owned()), HeaderMap::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_browser_that_has_the_page_is_told_so() {
        let first = page(HeaderMap::new()).await;
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(first.status(), StatusCode::OK);
        let again = page(asking(header::IF_NONE_MATCH, &format!("W/{etag}, \"other\""))).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(page(asking(header::IF_NONE_MATCH, "\"other\"")).await.status(), StatusCode::OK);
    }

    #[test]
    fn encodings_may_be_refused() {
        assert!(accepts("gzip, br", "br") && accepts("br;q=0.1", "br"));
        assert!(!accepts("gzip", "br") && !accepts("br;q=0", "br") && !accepts("", "gzip"));
    }
}
