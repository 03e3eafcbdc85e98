//! Settings of the nodes that a plan may turn: small pages, small budgets, short and long times. Tiny limits reach code
//! that a run of half a minute would never reach (buggify).
//!
//! Invariant: a plan's settings differ from the defaults in nothing but these, so a plan can be written down, and the
//! shrinker can turn them back one by one.

use node::Config;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;
use stdx::{Prng, Span};

/// One setting.
pub(crate) struct Knob {
    /// Its name in plans. Times are in milliseconds.
    pub(crate) name: &'static str,
    get: fn(&Config) -> u64,
    set: fn(&mut Config, u64),
    /// From and to which a plan draws it, and how often in a million plans.
    draw: Option<(u64, u64, u64)>,
}

const ALWAYS: u64 = 1_000_000;
const HALF: u64 = 500_000;
const QUARTER: u64 = 250_000;
const EIGHTH: u64 = 125_000;

/// All of them.
pub(crate) const KNOBS: &[Knob] = &[
    Knob {
        name: "request_time_ms",
        get: |config| config.request_time.as_millis(),
        set: |config, value| config.request_time = Span::millis(value),
        draw: Some((1_500, 8_000, EIGHTH)),
    },
    Knob {
        // Sometimes nothing: all replicas are asked at once then.
        name: "hedge_after_ms",
        get: |config| config.hedge_after.as_millis(),
        set: |config, value| config.hedge_after = Span::millis(value),
        draw: Some((0, 7, HALF)),
    },
    Knob {
        name: "requests_max",
        get: |config| config.requests_max as u64,
        set: |config, value| config.requests_max = value as usize,
        // Drawn for nobody: few enough to be reached would also refuse what has to work after healing.
        draw: None,
    },
    Knob {
        name: "siblings_max",
        get: |config| u64::from(config.siblings_max),
        set: |config, value| config.siblings_max = value as u32,
        draw: Some((4, 20, QUARTER)),
    },
    Knob {
        name: "gossip_every_ms",
        get: |config| config.gossip_every.as_millis(),
        set: |config, value| config.gossip_every = Span::millis(value),
        draw: Some((200, 2_500, QUARTER)),
    },
    Knob {
        name: "compare_every_ms",
        get: |config| config.compare_every.as_millis(),
        set: |config, value| config.compare_every = Span::millis(value),
        draw: Some((500, 4_000, QUARTER)),
    },
    Knob {
        // Not so few that a round over all partitions takes longer than a run waits for rest.
        name: "compare_partitions",
        get: |config| config.compare_partitions as u64,
        set: |config, value| config.compare_partitions = value as usize,
        draw: Some((8, 32, QUARTER)),
    },
    Knob {
        name: "compare_pause_ms",
        get: |config| config.compare_pause.as_millis(),
        set: |config, value| config.compare_pause = Span::millis(value),
        draw: Some((20, 2_500, QUARTER)),
    },
    Knob {
        // A few, so that trees are computed over many steps with writes in between.
        name: "tree_records_per_step",
        get: |config| u64::from(config.tree_records_per_step),
        set: |config, value| config.tree_records_per_step = value as u32,
        draw: Some((1, 20, QUARTER)),
    },
    Knob {
        name: "tree_rebuild_every_ms",
        get: |config| config.tree_rebuild_every.as_millis(),
        set: |config, value| config.tree_rebuild_every = Span::millis(value),
        draw: Some((2_000, 20_000, QUARTER)),
    },
    Knob {
        name: "streams_max",
        get: |config| config.streams_max as u64,
        set: |config, value| config.streams_max = value as usize,
        draw: Some((1, 4, QUARTER)),
    },
    Knob {
        name: "stream_page_bytes",
        get: |config| config.stream_page_bytes as u64,
        set: |config, value| config.stream_page_bytes = value as usize,
        draw: Some((200, 4_000, HALF)),
    },
    Knob {
        // A few kilobytes, so that hand-overs wait for their budget; not so little that a change outlasts a run.
        name: "move_bytes_per_second",
        get: |config| config.move_bytes_per_second,
        set: |config, value| config.move_bytes_per_second = value,
        draw: Some((4_000, 40_000, QUARTER)),
    },
    Knob {
        name: "hints_max",
        get: |config| config.hints_max,
        set: |config, value| config.hints_max = value,
        draw: Some((1, 30, EIGHTH)),
    },
    Knob {
        name: "hints_in_flight",
        get: |config| u64::from(config.hints_in_flight),
        set: |config, value| config.hints_in_flight = value as u32,
        draw: Some((1, 8, QUARTER)),
    },
    Knob {
        name: "probe_every_ms",
        get: |config| config.liveness.probe_every.as_millis(),
        set: |config, value| config.liveness.probe_every = Span::millis(value),
        draw: Some((100, 1_000, EIGHTH)),
    },
    Knob {
        name: "probe_timeout_ms",
        get: |config| config.liveness.probe_timeout.as_millis(),
        set: |config, value| config.liveness.probe_timeout = Span::millis(value),
        draw: Some((600, 2_500, EIGHTH)),
    },
    Knob {
        name: "down_after_ms",
        get: |config| config.liveness.down_after.as_millis(),
        set: |config, value| config.liveness.down_after = Span::millis(value),
        draw: Some((2_500, 9_000, EIGHTH)),
    },
    Knob {
        // In every plan: what is spent goes while everything else happens, too.
        name: "collect_every_ms",
        get: |config| config.collect_every.as_millis(),
        set: |config, value| config.collect_every = Span::millis(value),
        draw: Some((100, 4_000, ALWAYS)),
    },
    Knob {
        name: "collect_records_per_step",
        get: |config| u64::from(config.collect_records_per_step),
        set: |config, value| config.collect_records_per_step = value as u32,
        draw: Some((10, 60, QUARTER)),
    },
    Knob {
        name: "idle_actors_max",
        get: |config| u64::from(config.idle_actors_max),
        set: |config, value| config.idle_actors_max = value as u32,
        draw: Some((0, 3, HALF)),
    },
    Knob {
        name: "clock_ahead_max_ms",
        get: |config| config.clock_ahead_max.as_millis(),
        set: |config, value| config.clock_ahead_max = Span::millis(value),
        draw: Some((100, 5_000, EIGHTH)),
    },
];

/// Draws each knob from a stream of its own.
pub(crate) fn draw(seed: u64) -> Config {
    let mut config = Config::default();
    for knob in KNOBS {
        let Some((low, high, ppm)) = knob.draw else { continue };
        let mut prng = Prng::keyed(seed, knob.name, &[]);
        if prng.chance(ppm) {
            (knob.set)(&mut config, prng.between(low, high));
        }
    }
    config
}

/// The knobs that are not as they come, with their values.
pub(crate) fn turned(config: &Config) -> BTreeMap<&'static str, u64> {
    let usual = Config::default();
    KNOBS.iter().filter(|knob| (knob.get)(config) != (knob.get)(&usual)).map(|k| (k.name, (k.get)(config))).collect()
}

/// The same settings with one knob as it comes.
pub(crate) fn turned_back(config: &Config, name: &str) -> Config {
    let mut config = config.clone();
    if let Some(knob) = KNOBS.iter().find(|knob| knob.name == name) {
        (knob.set)(&mut config, (knob.get)(&Config::default()));
    }
    config
}

/// For `#[serde(with)]`: the turned knobs by name.
pub(crate) fn serialize<S: Serializer>(config: &Config, serializer: S) -> Result<S::Ok, S::Error> {
    turned(config).serialize(serializer)
}

/// For `#[serde(with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
    let mut config = Config::default();
    for (name, value) in BTreeMap::<String, u64>::deserialize(deserializer)? {
        let knob = KNOBS.iter().find(|knob| knob.name == name);
        let knob = knob.ok_or_else(|| D::Error::custom(format!("there is no setting \"{name}\"")))?;
        (knob.set)(&mut config, value);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::{KNOBS, turned, turned_back};
    use node::Config;
    use std::collections::BTreeMap;

    #[test]
    fn each_knob_turns_itself_alone_and_back() {
        for knob in KNOBS {
            let mut config = Config::default();
            (knob.set)(&mut config, 12_345);
            assert_eq!(turned(&config), BTreeMap::from([(knob.name, 12_345)]));
            assert_eq!(turned_back(&config, knob.name), Config::default());
        }
    }
}
