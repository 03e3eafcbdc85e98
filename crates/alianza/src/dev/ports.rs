//! Ports for the nodes of a local cluster: neighbours of a given one, or any that are free.

use crate::exit::Failure;
use std::net::{Ipv4Addr, TcpListener};

/// Chooses `count` ports from `first` on, or any free ones if `first` is 0.
pub(super) fn choose(first: u16, count: u16) -> Result<Vec<u16>, Failure> {
    let wanted: Vec<u16> = match first {
        0 => vec![0; usize::from(count)],
        _ => (0..count).map_while(|at| first.checked_add(at)).collect(),
    };
    if wanted.len() < usize::from(count) {
        return Err(Failure::usage(format!("there are no {count} ports from {first} on; give a lower --port")));
    }
    // All are held until all are chosen, so that none is chosen twice.
    let held: Vec<TcpListener> = wanted.into_iter().map(hold).collect::<Result<_, _>>()?;
    let port = |socket: &TcpListener| socket.local_addr().map(|address| address.port());
    let ports: Result<Vec<u16>, _> = held.iter().map(port).collect();
    ports.map_err(|error| Failure::error(format!("cannot find a free port: {error}")))
}

/// The port that Redis clients try first.
const REDIS: u16 = 6_379;

/// Chooses as many ports for Redis clients as there are `others`, and none of these.
pub(super) fn choose_for_redis(first: Option<u16>, others: &[u16], any: bool) -> Result<Vec<u16>, Failure> {
    let count = others.len() as u16;
    match first {
        Some(0) => free_besides(others),
        Some(first) => choose(first, count).and_then(|ports| besides(ports, others)),
        None if any => free_besides(others),
        None => choose(REDIS, count).and_then(|ports| besides(ports, others)).or_else(|_| free_besides(others)),
    }
}

/// The ports, if none of them is one of `others`.
fn besides(ports: Vec<u16>, others: &[u16]) -> Result<Vec<u16>, Failure> {
    match ports.iter().find(|port| others.contains(port)) {
        Some(port) => Err(Failure::usage(format!("port {port} is wanted twice; give another --redis-port"))),
        None => Ok(ports),
    }
}

/// Any free ports but `others`, which are free as well as long as nobody uses them.
fn free_besides(others: &[u16]) -> Result<Vec<u16>, Failure> {
    let ports = choose(0, 2 * others.len() as u16)?;
    Ok(ports.into_iter().filter(|port| !others.contains(port)).take(others.len()).collect())
}

fn hold(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        Failure::error(format!(
            "cannot use port {port}: {error}; stop what uses it, choose others like --port {}, or any free ones with \
             --port 0",
            if port < 60_000 { port + 1_000 } else { port - 1_000 }
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::exit::Code;

    #[test]
    fn free_ports_differ() {
        let ports = choose(0, 5).unwrap();
        assert!(ports.iter().all(|port| *port > 0));
        assert!((1..ports.len()).all(|at| !ports[..at].contains(&ports[at])));
    }

    #[test]
    fn a_port_in_use_is_an_error_that_says_what_to_do() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let failure = choose(port, 1).unwrap_err();
        assert_eq!(failure.code(), Code::Error);
        assert!(failure.to_string().contains("--port 0"), "{failure}");
        assert_eq!(choose(65_535, 2).unwrap_err().code(), Code::Usage);
    }
}
