//! Where a node is reached, as it is written in the configuration and in the history: `http://host:port`, or `https://…`.
//!
//! Invariant: the text form of an address reads back as the same address.
//! Refuses to resolve names; that happens when a connection is made, because names may move.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The port of the reference, used where none is given.
pub const PORT_DEFAULT: u16 = 8080;

/// A host and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// A name or an IP address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// It is reached with TLS.
    pub tls: bool,
}

impl Address {
    /// True if both name the same place as far as the text shows, with TLS or without; `localhost` is 127.0.0.1.
    pub fn is_same(&self, other: &Address) -> bool {
        self.port == other.port && self.plain_host().eq_ignore_ascii_case(other.plain_host())
    }

    /// True if this is an address of the socket that listens on `listen`, as far as the text shows.
    pub(crate) fn is_local(&self, listen: SocketAddr) -> bool {
        let ip: Option<IpAddr> = self.plain_host().parse().ok();
        let same_ip = ip.is_some_and(|ip| ip == listen.ip() || (listen.ip().is_unspecified() && ip.is_loopback()));
        self.port == listen.port() && same_ip
    }

    fn plain_host(&self) -> &str {
        if self.host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { &self.host }
    }
}

impl From<SocketAddr> for Address {
    /// The address of a socket; one that listens everywhere is reached on the loopback.
    fn from(socket: SocketAddr) -> Address {
        let ip = if socket.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { socket.ip() };
        Address { host: ip.to_string(), port: socket.port(), tls: false }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// The text is not the address of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressError {
    text: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not the address of a node; write it like http://127.0.0.1:{PORT_DEFAULT}", self.text)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `http://host:port` or `https://host:port`, with or without the scheme, the port and a slash at the end.
    fn from_str(text: &str) -> Result<Address, AddressError> {
        let error = || AddressError { text: text.to_owned() };
        let text = text.trim();
        let (tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").unwrap_or(text)),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split(rest).ok_or_else(error)?;
        let port = match port {
            Some(port) => port.parse().map_err(|_| error())?,
            None => PORT_DEFAULT,
        };
        let host_is_plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '[', ']']);
        if host_is_plain { Ok(Address { host: host.to_owned(), port, tls }) } else { Err(error()) }
    }
}

/// Splits off the port. IPv6 addresses stand in brackets if a port follows.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((host, None)),
            _ => rest.strip_prefix(':').map(|port| (host, Some(port))),
        };
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn reads_what_people_write() {
        for text in ["http://127.0.0.1:8081", "127.0.0.1:8081", " http://127.0.0.1:8081/ "] {
            assert_eq!(address(text).to_string(), "http://127.0.0.1:8081");
        }
        assert_eq!(address("node-1.example").to_string(), "http://node-1.example:8080");
        assert_eq!(address("http://[::1]:9000").to_string(), "http://[::1]:9000");
        assert_eq!(address("::1").to_string(), "http://[::1]:8080");
        assert_eq!(address("https://node-1.example:1/").to_string(), "https://node-1.example:1");
    }

    #[test]
    fn refuses_other_texts() {
        for text in
            ["", "http://", "https://", "ftp://a:1", "a:b", "a:70000", "http://a:1/b", "user@a:1", "[::1", "[::1]x"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn knows_itself_under_another_text() {
        assert!(address("localhost:8080").is_same(&address("http://127.0.0.1:8080/")));
        assert!(!address("localhost:8080").is_same(&address("localhost:8081")));
        assert!(address("localhost:8080").is_local("0.0.0.0:8080".parse().unwrap()));
        assert!(address("10.0.0.1:8080").is_local("10.0.0.1:8080".parse().unwrap()));
        assert!(!address("10.0.0.2:8080").is_local("10.0.0.1:8080".parse().unwrap()));
        assert!(!address("elsewhere:8080").is_local("0.0.0.0:8080".parse().unwrap()));
    }
}
