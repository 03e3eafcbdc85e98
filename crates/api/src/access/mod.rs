//! Who asks, and what they may do. A token comes as `Authorization: Bearer …`, as the password of a Redis client, or once at the
//! console, which then has a session; another node of the cluster shows that it is one.
//!
//! Invariant: whatever reaches the node went through a [`Guarded`] that knows who asks; while nobody needs a token, that costs one
//! atomic read and nothing else. Comparing secrets takes the same time wherever they differ.
//! Refuses to know what tokens there are and how they are agreed on; that is the history's.

mod asker;
pub(crate) mod audited;
mod gate;
mod guarded;
mod identity;
mod limiter;
mod need;
mod peer;
mod secret;
mod sessions;

pub(crate) use asker::Asker;
pub(crate) use gate::{Gate, cookie_name, missing, session_cookie, wrong as wrong_token};
pub(crate) use guarded::{Guarded, Whence, Who};
pub(crate) use identity::Identity;
pub(crate) use need::nothing as needs_nothing;
pub(crate) use peer::authorization as peer_authorization;
pub(crate) use secret::same;
pub use secret::{draw_token, read_token};
pub(crate) use sessions::LIFE;

#[cfg(test)]
pub(crate) mod tests;
