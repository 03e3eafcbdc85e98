//! Keeping foreign web pages out: a browser on the operator's machine reaches what the operator reaches, so requests
//! that change something are refused when a page of another origin sent them. Reading is left to browsers, which give no page what
//! comes from another origin; but a foreign site may point its own name at this machine, so where a node serves only its machine
//! every request must have been sent to one of that machine's names.
//!
//! Invariant: programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site`, and notice nothing of this unless they
//! reach a node on loopback under a name that it does not know.

use crate::Options;
use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use axum::http::{HeaderMap, Method, Request, header};
use std::net::IpAddr;

/// Refuses a request that a foreign page sent.
pub(crate) fn check<B>(request: &Request<B>, options: &Options) -> Result<(), Problem> {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    if let Some(host) = host.filter(|host| !is_local(host, options)) {
        return Err(misnamed(host));
    }
    if is_part_of_a_page(request) {
        let detail =
            "What is stored here is no script and no style of any page; copy it to where such files are served.";
        return Err(Problem::new(Kind::CrossSite, detail));
    }
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || is_own(request.headers(), options) {
        return Ok(());
    }
    let detail = "The request came from a page of another web site; use the console of this node, or a program.";
    Err(Problem::new(Kind::CrossSite, detail))
}

/// A page loads this as a script, a style or a frame. Only the console's files are for that: whatever anybody stores comes from the same
/// origin as the console, and its policy lets scripts of its origin run.
fn is_part_of_a_page<B>(request: &Request<B>) -> bool {
    let wanted = request.headers().get("sec-fetch-dest").map(|wanted| wanted.as_bytes());
    let harmless = matches!(
        wanted,
        None | Some(b"" | b"empty" | b"document" | b"image" | b"audio" | b"video" | b"track" | b"font")
    );
    !harmless && !request.uri().path().starts_with("/console")
}

fn misnamed(host: &str) -> Problem {
    let host = excerpt(host_of(host).as_bytes());
    let detail = format!(
        "This node serves its own machine only, which is not called \"{host}\"; use localhost or an IP address, or start the \
         node with that name in --advertise."
    );
    Problem::new(Kind::CrossSite, detail)
}

fn is_own(headers: &HeaderMap, options: &Options) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(host) && is_local(host, options),
        _ => false,
    }
}

/// A foreign site may point its own name at 127.0.0.1. Its pages are then of the same origin as this node, but under a
/// name that nobody who runs a node on loopback would use.
fn is_local(authority: &str, options: &Options) -> bool {
    let host = host_of(authority);
    let is_usual = matches!(host, "127.0.0.1" | "localhost");
    if !options.loopback_only || is_usual || host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || host == options.advertised_host.to_ascii_lowercase()
}

/// The host in `host`, `host:port` or `[v6]:port`.
fn host_of(authority: &str) -> &str {
    if let Some(v6) = authority.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::is_own;
    use crate::Options;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn own(headers: &[(&'static str, &'static str)], options: &Options) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_own(&headers, options)
    }

    #[test]
    fn programs_and_our_own_pages_pass() {
        let options = Options::default();
        assert!(own(&[("host", "node1:8080")], &options));
        assert!(own(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], &options));
        assert!(own(
            &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080"), ("sec-fetch-site", "same-origin")],
            &options
        ));
        assert!(own(&[("host", "127.0.0.1:8080"), ("sec-fetch-site", "none")], &options));
    }

    #[test]
    fn foreign_pages_do_not() {
        let options = Options::default();
        assert!(!own(&[("host", "localhost:8080"), ("origin", "http://evil.example")], &options));
        assert!(!own(&[("host", "localhost:8080"), ("origin", "http://localhost:3000")], &options));
        assert!(!own(&[("host", "localhost:8080"), ("origin", "null")], &options));
        assert!(!own(&[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], &options));
        assert!(!own(&[("host", "localhost:8080"), ("sec-fetch-site", "same-site")], &options));
    }

    #[test]
    fn a_foreign_name_for_this_machine_is_foreign_unless_we_serve_others() {
        let headers = [("host", "evil.example:8080"), ("origin", "http://evil.example:8080")];
        assert!(!own(&headers, &Options::default()));
        assert!(own(&headers, &Options { loopback_only: false, ..Options::default() }));
        let advertised = Options { advertised_host: "Evil.example".into(), ..Options::default() };
        assert!(own(&headers, &advertised));
    }
}
