//! Every metric there is: name, unit, meaning, and where it comes from.
//!
//! Invariant: `docs/metrics.md` lists the same.

use super::Scrape;
use super::family::{Family, Labels, Samples};
use crate::node_name;
use liveness::Condition;
use prometheus_client::registry::Unit;
use proto::MemberStatus;
use uuid::Uuid;

/// All of them, with what is known now.
pub(super) fn families(scrape: &Scrape<'_>) -> Vec<Family> {
    let parts = [
        operations(scrape),
        cluster(scrape),
        storage(scrape),
        peers(scrape),
        repair(scrape),
        counters(scrape),
        process(scrape),
    ];
    parts.into_iter().flatten().collect()
}

fn operations(scrape: &Scrape<'_>) -> Vec<Family> {
    let measured = scrape.measures.operations();
    let labels = |operation: &server::Measured| -> Labels {
        vec![("operation", operation.kind.name().to_owned()), ("level", operation.level.name().to_owned())]
    };
    let refusals = scrape.measures.refusals().into_iter().map(|(kind, reason, count)| {
        (vec![("operation", kind.name().to_owned()), ("reason", reason.name().to_owned())], count as f64)
    });
    let connections = &scrape.measures.connections;
    let protocol = |name: &str| vec![("protocol", name.to_owned())];
    let gauges = &scrape.snapshot.gauges;
    vec![
        Family {
            name: "alianza_operation_duration",
            help: "How long requests took from when this node read them until it had their answer, whatever that was",
            unit: Some(Unit::Seconds),
            samples: Samples::Histograms(measured.iter().map(|one| (labels(one), one.times.clone())).collect()),
        },
        Family {
            name: "alianza_operation_failures",
            help: "Requests that failed for want of replicas, room, or a working disk",
            unit: None,
            samples: Samples::Counters(measured.iter().map(|one| (labels(one), one.failures as f64)).collect()),
        },
        Family {
            name: "alianza_operation_refusals",
            help: "Requests that were not done, by the reason; the reasons of failures are among them",
            unit: None,
            samples: Samples::Counters(refusals.collect()),
        },
        Family {
            name: "alianza_client_connections",
            help: "Connections of clients that are being served",
            unit: None,
            samples: Samples::Gauges(vec![
                (protocol("http"), connections.http.get() as f64),
                (protocol("redis"), connections.redis.get() as f64),
            ]),
        },
        gauge("alianza_requests_waiting", "Requests of clients under way", gauges.requests as f64),
        gauge("alianza_events_waiting", "Events that wait to be handled by the node", gauges.events as f64),
    ]
}

fn cluster(scrape: &Scrape<'_>) -> Vec<Family> {
    let status = &scrape.snapshot.status;
    let about = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("node", node_name::of(status, status.node)),
        ("node_id", status.node.to_string()),
        ("cluster", Uuid::from_u128(status.cluster).to_string()),
    ];
    vec![
        Family {
            name: "alianza_node_info",
            help: "Which node of which cluster this is; always 1",
            unit: None,
            samples: Samples::Gauges(vec![(about, 1.0)]),
        },
        gauge(
            "alianza_epoch",
            "Number of the newest event of the membership history known here",
            status.epoch.0 as f64,
        ),
        gauge(
            "alianza_epoch_stable",
            "Number of the event that all nodes have settled on; less while data moves",
            status.stable.0 as f64,
        ),
        gauge(
            "alianza_members",
            "Members of the cluster",
            status.members.iter().filter(|member| !member.leaving).count() as f64,
        ),
        gauge(
            "alianza_blocked",
            "Reasons for which a change of the cluster does not go on",
            status.blocked.len() as f64,
        ),
        gauge("alianza_transfers", "Partitions that this node has still to hand over", f64::from(status.moving)),
        bytes("alianza_transfers_left", "Bytes that this node has still to hand over, estimated", Some(status.left.0)),
    ]
}

fn storage(scrape: &Scrape<'_>) -> Vec<Family> {
    let gauges = &scrape.snapshot.gauges;
    let upkeep = &gauges.upkeep;
    let by = |name: &str, bytes: u64| (vec![("by", name.to_owned())], bytes as f64);
    vec![
        bytes("alianza_storage", "Bytes that this node keeps on its disk, about", gauges.stored_bytes),
        bytes("alianza_storage_free", "Bytes that are free on the disk that the data is kept on", gauges.free_bytes),
        gauge(
            "alianza_storage_sealed_tables",
            "Full tables in memory that wait to be written out",
            upkeep.sealed as f64,
        ),
        gauge(
            "alianza_storage_young_tables",
            "Tables on disk that wait to be merged with older ones; reads look into each of them",
            upkeep.young as f64,
        ),
        Family {
            name: "alianza_storage_written",
            help: "Bytes written to tables on disk: once from memory, and again by each merge",
            unit: Some(Unit::Bytes),
            samples: Samples::Counters(vec![by("memory", upkeep.written_out_bytes), by("merge", upkeep.merged_bytes)]),
        },
        Family {
            name: "alianza_fsync_duration",
            help: "How long the disk took to make writes durable",
            unit: Some(Unit::Seconds),
            samples: Samples::Histograms(vec![(Labels::new(), scrape.counters.fsync_times.read())]),
        },
    ]
}

fn peers(scrape: &Scrape<'_>) -> Vec<Family> {
    let snapshot = &scrape.snapshot;
    let peer = |name: &str| -> Labels { vec![("peer", name.to_owned())] };
    let each = |of: &dyn Fn(&MemberStatus) -> Option<f64>| {
        let sample = |member: &MemberStatus| of(member).map(|value| (peer(&member.member.name), value));
        Samples::Gauges(snapshot.peers().filter_map(sample).collect())
    };
    let queue = |member: &MemberStatus| snapshot.gauges.peers.iter().find(|queue| queue.peer == member.member.id);
    let hints = snapshot.status.hints.iter();
    let hints = hints.map(|hints| (peer(&node_name::of(&snapshot.status, hints.node)), hints.waiting as f64));
    let family = |name, help, unit, samples| Family { name, help, unit, samples };
    vec![
        family(
            "alianza_peer_up",
            "1 if the peer answers this node, 0 if it is held to be down, between if it is suspect or not known",
            None,
            each(&|member| {
                Some(match member.condition {
                    Condition::Up => 1.0,
                    Condition::Suspect | Condition::Unknown => 0.5,
                    Condition::Down => 0.0,
                })
            }),
        ),
        family(
            "alianza_peer_round_trip",
            "How long a probe of the peer takes there and back, smoothed",
            Some(Unit::Seconds),
            each(&|member| member.round_trip.map(|span| span.as_micros() as f64 / 1e6)),
        ),
        family(
            "alianza_peer_phi",
            "How surprising the silence of the peer is (Hayashibara et al. 2004)",
            None,
            each(&|member| Some(f64::from(member.phi) / 1e2)),
        ),
        family(
            "alianza_peer_queue_messages",
            "Messages that wait to be sent to the peer",
            None,
            each(&|member| queue(member).map(|queue| queue.messages as f64)),
        ),
        family(
            "alianza_peer_queue",
            "Bytes that wait to be sent to the peer, about",
            Some(Unit::Bytes),
            each(&|member| queue(member).map(|queue| queue.bytes as f64)),
        ),
        family(
            "alianza_hints",
            "Writes kept here for the peer until it answers",
            None,
            Samples::Gauges(hints.collect()),
        ),
    ]
}

fn repair(scrape: &Scrape<'_>) -> Vec<Family> {
    let repair = &scrape.repair;
    let state = |name: &str, count: u32| (vec![("state", name.to_owned())], f64::from(count));
    let unknown = repair.trees.saturating_sub(repair.identical + repair.differing);
    let oldest = repair.oldest.map(|at| (Labels::new(), at.0 as f64 / 1e3));
    vec![
        Family {
            name: "alianza_repair_trees",
            help: "Trees, one for each partition and bucket that this node holds, by whether all replicas hold the same",
            unit: None,
            samples: Samples::Gauges(vec![
                state("identical", repair.identical),
                state("differing", repair.differing),
                state("not compared", unknown),
            ]),
        },
        Family {
            name: "alianza_repair_oldest_timestamp",
            help: "When the identical tree that was not looked at for longest was, as Unix time",
            unit: Some(Unit::Seconds),
            samples: Samples::Gauges(oldest.into_iter().collect()),
        },
        gauge(
            "alianza_repair_damaged",
            "Records that the disk damaged and other replicas have still to give back",
            f64::from(repair.damaged),
        ),
        gauge("alianza_repair_running", "Comparisons with other replicas under way", f64::from(repair.comparing)),
        gauge(
            "alianza_spent_items",
            "Items with tombstones, expired versions or idle actors that this node is to collect",
            f64::from(repair.spent),
        ),
    ]
}

fn counters(scrape: &Scrape<'_>) -> Vec<Family> {
    let counters = scrape.counters;
    let bytes = |name, help, value: u64| Family { unit: Some(Unit::Bytes), ..counter(name, help, value) };
    vec![
        counter(
            "alianza_shed_requests",
            "Requests refused at the door because too much was waiting",
            counters.shed.get(),
        ),
        counter("alianza_forwards", "Requests that went on to another node", counters.forwards.get()),
        counter(
            "alianza_quorum_failures",
            "Requests coordinated here that too few replicas answered in time",
            counters.quorum_failures.get(),
        ),
        counter("alianza_read_repairs", "Replicas that reads brought up to date", counters.read_repairs.get()),
        counter("alianza_hints_kept", "Writes kept for other nodes", counters.hints_kept.get()),
        counter(
            "alianza_hints_left",
            "Writes not kept for another node because too many waited; anti-entropy brings them",
            counters.hints_left.get(),
        ),
        counter("alianza_hints_delivered", "Kept writes that reached their node", counters.hints_delivered.get()),
        counter(
            "alianza_collected",
            "Items collected here, or parts of them: tombstones, expired versions, idle actors",
            counters.collected.get(),
        ),
        bytes("alianza_peer_received", "Bytes that peers sent", counters.peer_bytes_in.get()),
        bytes("alianza_peer_sent", "Bytes sent to peers", counters.peer_bytes_out.get()),
        counter("alianza_peer_received_frames", "Frames that peers sent", counters.peer_frames_in.get()),
        counter("alianza_peer_sent_frames", "Frames sent to peers", counters.peer_frames_out.get()),
        counter(
            "alianza_peer_dropped_messages",
            "Messages to peers dropped because too many waited",
            counters.peer_drops.get(),
        ),
        counter("alianza_fsyncs", "Times that the disk was asked to make writes durable", counters.fsyncs.get()),
        counter("alianza_spans_lost", "Parts of traces that no collector took", counters.spans_lost.get()),
        counter(
            "alianza_audit_unwritten_lines",
            "Lines of the audit log that could not be written when they came",
            counters.audit_unwritten.get(),
        ),
    ]
}

fn process(scrape: &Scrape<'_>) -> Vec<Family> {
    let process = &scrape.snapshot.process;
    let files = process.files.map(|files| (Labels::new(), files as f64));
    vec![
        Family {
            name: "process_cpu",
            help: "Time on the processors, in the kernel and out of it",
            unit: Some(Unit::Seconds),
            samples: Samples::Counters(vec![(Labels::new(), process.cpu.as_secs_f64())]),
        },
        bytes("process_resident_memory", "Memory that is really there", process.resident_bytes),
        Family {
            name: "process_open_fds",
            help: "Files and sockets that are open",
            unit: None,
            samples: Samples::Gauges(files.into_iter().collect()),
        },
        Family {
            name: "process_start_time",
            help: "When the process started, as Unix time",
            unit: Some(Unit::Seconds),
            samples: Samples::Gauges(vec![(Labels::new(), scrape.measures.started_at().as_secs_f64())]),
        },
    ]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Family {
    Family { name, help, unit: None, samples: Samples::Gauges(vec![(Labels::new(), value)]) }
}

fn bytes(name: &'static str, help: &'static str, value: Option<u64>) -> Family {
    let samples = value.map(|value| (Labels::new(), value as f64));
    Family { name, help, unit: Some(Unit::Bytes), samples: Samples::Gauges(samples.into_iter().collect()) }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    Family { name, help, unit: None, samples: Samples::Counters(vec![(Labels::new(), value as f64)]) }
}
