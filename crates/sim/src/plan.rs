//! Everything that is decided about a run before it begins. The same plan always gives the same run.
//!
//! A plan is drawn from a seed (`draw`), read from a file, or written by hand for a named scenario, which begins with
//! [`Plan::calm`]. As a file it is JSON; what is left out is as in a calm plan.
//! Invariant: it holds no randomness itself; what is random while the run goes on is keyed by its seed and by the
//! identity of what it is for.

mod draw;
pub(crate) mod knobs;
pub(crate) mod span_text;

use crate::clock::ClockError;
use crate::fault::{Fault, HostId, TimedFault};
use crate::mutant::Mutant;
use node::Config;
use serde::{Deserialize, Serialize};
use stdx::Span;

/// The plan of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Keys all randomness of the run.
    pub seed: u64,
    /// Hosts that form the cluster before anything goes wrong.
    pub founders: usize,
    /// All hosts; those behind the founders may join later.
    pub hosts: usize,
    /// Copies in the default bucket.
    pub n: u8,
    /// Copies in the sibling bucket.
    pub sibling_copies: u8,
    /// Binary logarithm of the number of partitions.
    pub grid_bits: u8,
    /// Tokens of each node.
    pub tokens: u16,
    /// How long things go wrong.
    #[serde(with = "span_text")]
    pub storm: Span,
    /// Every message is encoded and decoded on its way.
    pub through_codec: bool,
    /// Links.
    pub network: NetworkPlan,
    /// Disks.
    pub disk: DiskPlan,
    /// The clocks of each host.
    pub clocks: Vec<ClockError>,
    /// Settings of every node.
    #[serde(with = "knobs")]
    pub config: Config,
    /// Clients.
    pub workload: WorkloadPlan,
    /// What goes wrong, and what operators do, in order of time.
    pub faults: Vec<TimedFault>,
    /// A planted bug.
    pub mutant: Mutant,
}

/// How links behave while things go wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkPlan {
    /// Every message takes at least this long.
    #[serde(with = "span_text")]
    pub delay_min: Span,
    /// And up to this much more.
    #[serde(with = "span_text")]
    pub delay_spread: Span,
    /// Messages lost, in a million.
    pub loss_ppm: u64,
    /// Messages delivered twice, in a million.
    pub duplicate_ppm: u64,
    /// Messages whose bytes are damaged on the way, in a million, in runs that go through the codec.
    pub damage_ppm: u64,
    /// Bytes that a link carries in a second; any number if zero.
    pub bytes_per_second: u64,
    /// Messages that one link may have under way; more are lost. Any number if zero.
    pub under_way_max: u64,
    /// Messages travel only while a connection stands, as with TCP. Otherwise they do whenever the link is not cut.
    pub needs_connection: bool,
}

/// How disks behave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskPlan {
    /// Every fsync takes at least this long.
    #[serde(with = "span_text")]
    pub sync_min: Span,
    /// And up to this much more.
    #[serde(with = "span_text")]
    pub sync_spread: Span,
    /// Fsyncs that take `slow_sync` more, in a million.
    pub slow_ppm: u64,
    /// What a slow one takes more.
    #[serde(with = "span_text")]
    pub slow_sync: Span,
}

/// What clients do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkloadPlan {
    /// How many clients.
    pub clients: usize,
    /// Longest pause of a client between two operations.
    #[serde(with = "span_text")]
    pub think: Span,
    /// Keys that everybody uses.
    pub hot_keys: u64,
    /// Keys that are used now and then.
    pub cold_keys: u64,
    /// Items under the one partition key that has sort keys.
    pub rows: u64,
    /// Operations on the sibling bucket, in a hundred.
    pub sibling_percent: u64,
    /// Operations on the linearizable bucket, in a hundred.
    pub register_percent: u64,
    /// Edits in the linearizable bucket that delete, in a hundred.
    pub register_deletes: u64,
    /// Requests of the run while an item of it is asked for; few enough for its history to be checked.
    pub register_age: usize,
    /// Operations on locks of the linearizable bucket, in a hundred of the rest.
    pub lock_percent: u64,
    /// Operations on elements of the default bucket, in a hundred of the rest.
    pub element_percent: u64,
    /// Operations on counters of the default bucket, in a hundred of the rest.
    pub count_percent: u64,
    /// Operations on counted fields of the default bucket, in a hundred of the rest.
    pub field_percent: u64,
    /// Writes, in a hundred.
    pub write_percent: u64,
    /// Writes that delete, in a hundred.
    pub delete_percent: u64,
    /// Writes with a time to live, in a hundred.
    pub ttl_percent: u64,
    /// Operations at another level than quorum, in a hundred.
    pub level_percent: u64,
    /// Writes that need not be on disk, in a hundred.
    pub memory_percent: u64,
    /// Longest value, in bytes.
    pub value_bytes_max: u64,
    /// Operations on sets kept in siblings, in a hundred.
    pub set_percent: u64,
    /// Operations on keys that are deleted and made again all the time, in a hundred.
    pub churn_percent: u64,
    /// Writes without a good answer that are asked for again, in a hundred.
    pub retry_percent: u64,
    /// Requests for an explanation, in a hundred.
    pub explain_percent: u64,
    /// Who watches a bucket.
    pub watchers: u64,
    /// Dumps of a bucket that are taken one after the other.
    pub dumps: u64,
    /// Somebody fills a bucket, takes a backup of it and restores it.
    pub restores: bool,
    /// That bucket is linearizable.
    pub restores_registers: bool,
}

impl Plan {
    /// The plan that belongs to a seed.
    pub fn of_seed(seed: u64) -> Plan {
        draw::plan(seed)
    }

    /// A plan in which nothing goes wrong: `founders` nodes, three copies, a moderate load for `storm`.
    pub fn calm(seed: u64, founders: usize, storm: Span) -> Plan {
        Plan {
            seed,
            founders,
            hosts: founders,
            n: 3,
            sibling_copies: 3,
            grid_bits: 4,
            tokens: 4,
            storm,
            through_codec: false,
            network: NetworkPlan {
                delay_min: Span::micros(200),
                delay_spread: Span::millis(2),
                loss_ppm: 0,
                duplicate_ppm: 0,
                damage_ppm: 0,
                bytes_per_second: 0,
                under_way_max: 0,
                needs_connection: true,
            },
            disk: DiskPlan {
                sync_min: Span::micros(500),
                sync_spread: Span::millis(4),
                slow_ppm: 0,
                slow_sync: Span::ZERO,
            },
            clocks: Vec::new(),
            config: Config { collect_every: Span::secs(1), ..Config::default() },
            workload: WorkloadPlan {
                clients: 4,
                think: Span::millis(120),
                hot_keys: 4,
                cold_keys: 60,
                rows: 8,
                sibling_percent: 40,
                register_percent: 0,
                register_deletes: 10,
                register_age: 120,
                lock_percent: 0,
                element_percent: 0,
                count_percent: 0,
                field_percent: 0,
                write_percent: 55,
                delete_percent: 8,
                ttl_percent: 3,
                level_percent: 25,
                memory_percent: 3,
                value_bytes_max: 40,
                set_percent: 10,
                churn_percent: 5,
                retry_percent: 30,
                explain_percent: 0,
                watchers: 0,
                dumps: 0,
                restores: false,
                restores_registers: false,
            },
            faults: Vec::new(),
            mutant: Mutant::None,
        }
    }

    /// The same with one more fault.
    #[must_use]
    pub fn with(mut self, at: Span, fault: Fault) -> Plan {
        self.faults.push(TimedFault { at, fault });
        self.faults.sort_by_key(|timed| timed.at);
        self
    }

    /// The plan as a file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has nothing that JSON cannot hold")
    }

    /// A plan from a file. The error says what does not belong there and in which line.
    pub fn from_json(text: &str) -> Result<Plan, String> {
        let plan: Plan = serde_json::from_str(text).map_err(|error| format!("this is not a plan: {error}"))?;
        plan.check()?;
        Ok(plan)
    }

    /// Refuses plans that name hosts there are not, or nobody who founds.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.founders == 0 || self.founders > self.hosts {
            return Err(format!("{} founders of {} hosts cannot be", self.founders, self.hosts));
        }
        let strange = self.faults.iter().find(|timed| timed.fault.hosts().iter().any(|host| host.0 >= self.hosts));
        strange.map_or(Ok(()), |timed| Err(format!("{:?} names a host that is not there", timed.fault)))
    }

    /// How far two wall clocks may be apart at most: skew, and every jump there will be in the same direction.
    pub fn clocks_apart(&self) -> Span {
        let jumps = |host: usize| -> u64 {
            let of = |timed: &TimedFault| match timed.fault {
                Fault::ClockJump { host: jumper, by_ms } | Fault::ClockStrobe { host: jumper, by_ms, .. }
                    if jumper.0 == host =>
                {
                    by_ms.unsigned_abs()
                }
                _ => 0,
            };
            self.faults.iter().map(of).sum()
        };
        let off = |host: usize| u64::from(self.clock(HostId(host)).skew_ms.unsigned_abs()) + jumps(host);
        let most = (0..self.hosts).map(off).max().unwrap_or(0);
        Span::millis(2 * most + 2)
    }

    /// The clocks of a host.
    pub fn clock(&self, host: HostId) -> ClockError {
        self.clocks.get(host.0).copied().unwrap_or_default()
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan::calm(0, 3, Span::secs(10))
    }
}

impl Default for NetworkPlan {
    fn default() -> NetworkPlan {
        Plan::default().network
    }
}

impl Default for DiskPlan {
    fn default() -> DiskPlan {
        Plan::default().disk
    }
}

impl Default for WorkloadPlan {
    fn default() -> WorkloadPlan {
        Plan::default().workload
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        for seed in 0..300 {
            let plan = Plan::of_seed(seed);
            assert_eq!(Plan::from_json(&plan.to_json()), Ok(plan), "seed {seed}");
        }
    }

    #[test]
    fn what_is_left_out_is_calm_and_what_is_unknown_is_refused() {
        assert_eq!(Plan::from_json("{}"), Ok(Plan::default()));
        let plan = Plan::from_json(r#"{"hosts": 4, "config": {"streams_max": 2}}"#).unwrap_or_default();
        assert_eq!((plan.hosts, plan.config.streams_max), (4, 2));
        for wrong in [
            r#"{"fonders": 3}"#,
            r#"{"config": {"streams": 2}}"#,
            r#"{"hosts": 2}"#,
            r#"{"faults": [{"at": "1s", "fault": "fail_sync", "host": "n9"}]}"#,
        ] {
            assert!(Plan::from_json(wrong).is_err(), "{wrong}");
        }
    }
}
