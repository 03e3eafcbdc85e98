//! The load of `alianza bench`: which key, which operation, which value, at which moment; the bytes of requests and
//! answers; latencies; and what an answer proves about earlier writes.
//!
//! Invariant: pure. Time is a number of nanoseconds handed in, randomness comes from a seed, bytes go in and out.
//! Refuses to know sockets and clocks, and the code of the server it loads.

pub mod chooser;
pub mod latency;
pub mod ledger;
pub mod mix;
pub mod pace;
pub mod source;
pub mod stamp;
pub mod wire;

pub use chooser::{Choice, Chooser};
pub use latency::Latencies;
pub use ledger::{Ledger, Verdict};
pub use mix::{Act, Mix};
pub use pace::Pace;
pub use source::{Sizes, Source, Task};
pub use stamp::Stamp;
