//! Where a node listens.
//!
//! Invariant: an address is `http://host[:port]` or `https://host[:port]`, without a path.

use crate::error::Error;
use hyper::Uri;
use std::fmt;

/// The address of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address(String);

impl Address {
    /// Reads an address; without a scheme it is plain HTTP.
    pub fn parse(text: &str) -> Result<Address, Error> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let whole = whole.strip_suffix('/').unwrap_or(&whole).to_owned();
        let is_one = whole.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        if is_one {
            Ok(Address(whole))
        } else {
            Err(Error::Usage(format!("{whole} is not an address of a node; give one like http://127.0.0.1:8080")))
        }
    }

    /// With a path behind.
    pub(crate) fn under(&self, path: &str) -> Result<Uri, Error> {
        let whole = format!("{}{path}", self.0);
        whole.parse().map_err(|_| Error::Usage(format!("{path} cannot be asked for; percent-encode what is not ASCII")))
    }

    /// Whether connections there are encrypted.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_completed_or_refused() {
        let read = |text: &str| Address::parse(text).map(|address| address.to_string()).ok();
        assert_eq!(read("127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(read("https://a").unwrap(), "https://a");
        assert_eq!(read("http://[::1]:80").unwrap(), "http://[::1]:80");
        for wrong in ["ftp://a", "", "http://", "http://a/b", "http://a?b", "a b", "http://a b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(Address::parse("https://a:1").unwrap().is_tls());
    }
}
