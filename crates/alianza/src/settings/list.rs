//! Every setting of a node, once: its name (of the flag, of the key in the file, and of the variable in the environment
//! after `ALIANZA_`), what it takes, its default, and what it is for.
//!
//! Invariant: names are unique; a default that is empty means that the setting is not set.

/// What a setting takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    /// One text, named like this in the help.
    One(&'static str),
    /// Several texts, separated by commas or given repeatedly.
    Many(&'static str),
    /// Yes or no; the flag alone means yes.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) takes: Takes,
    /// Its value if it is given nowhere.
    pub(crate) default: &'static str,
    /// What it is for.
    pub(crate) help: &'static str,
}

impl Setting {
    /// True if it must not be shown to whoever may ask for the settings.
    pub(crate) fn is_secret(&self) -> bool {
        self.name == "redis-password"
    }

    /// The setting of a name.
    pub(crate) fn named(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Its variable in the environment.
    pub(crate) fn variable(&self) -> String {
        format!("ALIANZA_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

const fn one(name: &'static str, what: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, takes: Takes::One(what), default, help }
}

const fn many(name: &'static str, what: &'static str, help: &'static str) -> Setting {
    Setting { name, takes: Takes::Many(what), default: "", help }
}

const fn switch(name: &'static str, help: &'static str) -> Setting {
    Setting { name, takes: Takes::Switch, default: "false", help }
}

/// All of them, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    one("port", "PORT", "8080", "Port for clients and peers alike; 0 takes any free one"),
    one("listen", "HOST", "127.0.0.1", "Address to listen on"),
    one("advertise", "URI", "", "How others reach this node [default: the address it listens on]"),
    many("seeds", "URI,…", "Nodes of the cluster to join; with none, an empty node founds a cluster"),
    one("tokens", "COUNT", "16", "How many tokens to take; more is a larger share of the data"),
    many("token", "HEX", "A token of this node, 40 hex digits; repeat it to give all of them, instead of --tokens"),
    switch("random-tokens", "Choose tokens at random, as the reference does, instead of evenly"),
    one("name", "NAME", "", "Name of this node [default: a first name of its own choice]"),
    one("zone", "ZONE", "", "What this node shares a fate with, such as a rack; copies are spread over zones"),
    one("weight", "NUMBER", "100", "Share of the load relative to other nodes"),
    one("data-dir", "DIR", "", "Where the data is kept [default: alianza-data-PORT]"),
    one("n", "COUNT", "3", "Copies of each item of the default bucket, when this node founds the cluster"),
    one("partitions-bits", "BITS", "12", "2^BITS partitions, when this node founds the cluster"),
    one("tls-cert", "FILE", "", "Certificate of this node (PEM); with it, clients and peers must speak TLS"),
    one("tls-key", "FILE", "", "Private key of that certificate (PEM)"),
    one("tls-ca", "FILE", "", "Certificate of the authority that all nodes' certificates come from (PEM)"),
    one(
        "admin-token-file",
        "FILE",
        "",
        "A file with a token that may do everything at this node; `alianza token bootstrap` makes one",
    ),
    switch("insecure", "Listen beyond loopback although nobody is authenticated"),
    one("log", "FILTER", "info", "What to log: error, warn, info, debug, trace, or like info,server=debug"),
    one("log-format", "FORMAT", "text", "How to log: text or json"),
    one(
        "otlp",
        "URL",
        "",
        "Collector of traces (OpenTelemetry, OTLP over HTTP), like http://127.0.0.1:4318; without it nothing is traced",
    ),
    one(
        "otlp-ca",
        "FILE",
        "",
        "Certificate (PEM) of the authority that the collector's certificate comes from, where its URL is https",
    ),
    one(
        "otlp-ratio",
        "SHARE",
        "0.01",
        "Share of requests that are traced, from 0 to 1, of those whose caller does not say",
    ),
    one("slow", "TIME", "1s", "Requests of clients that take longer are logged; 0 logs none"),
    one("value-max", "SIZE", "64MiB", "Largest value of one write"),
    one("key-max", "SIZE", "16MiB", "Longest key"),
    one("request-time", "TIME", "5s", "How long a request may take if the client does not say"),
    one(
        "requests-max",
        "COUNT",
        "4096",
        "Requests of clients that wait or are answered at once; more are refused as overload",
    ),
    one("connections-max", "COUNT", "1024", "Connections of clients served at once"),
    one("siblings-max", "COUNT", "100", "Versions of an item that may stand side by side"),
    one("hints-max", "COUNT", "1000000", "Writes kept for one node that does not answer; anti-entropy brings the rest"),
    one("gossip-every", "TIME", "1s", "Time between two exchanges of the history with another node"),
    one("compare-every", "TIME", "1s", "Time between two comparisons of data with another node; 0 switches them off"),
    one(
        "failure-detection",
        "MODE",
        "balanced",
        "How soon a silent node is held to be down: fast (1s), balanced (3s), reliable (15s)",
    ),
    one(
        "replace",
        "NODE",
        "",
        "The dead node, by name or id, whose place this one takes if its data directory is empty",
    ),
    one("replace-plan", "ID", "", "The plan that showed what replacing may lose, if it may lose something"),
    one(
        "move-rate",
        "SIZE",
        "64MiB",
        "Bytes that this node hands over in a second when the ring changes; less while clients wait",
    ),
    one("join-patience", "TIME", "60s", "How long to try the seeds before giving up"),
    one("cache", "SIZE", "32MiB", "Memory for data read from disk"),
    one("memtable", "SIZE", "8MiB", "Memory for data not yet written out"),
    one("journal", "SIZE", "128MiB", "Size of the journal above which it is cleared away"),
    one(
        "disk-reserve",
        "SIZE",
        "64MiB",
        "Room on the disk below which writes are refused; a sixteenth of the disk if that is less",
    ),
    one(
        "redis",
        "HOST:PORT",
        "",
        "Where to serve Redis clients, like 127.0.0.1:6379; if it is not set, they are not served",
    ),
    one("redis-password", "TEXT", "", "What Redis clients must say; give it in the file or the environment"),
    many(
        "redis-databases",
        "NUMBER=BUCKET,…",
        "Buckets that databases of Redis clients stand for; 0 is the default bucket",
    ),
    one(
        "redis-durability",
        "HOW",
        "fsync",
        "When SET and DEL of Redis clients in eventual buckets are acknowledged: fsync (on disk) or memory",
    ),
    switch("redis-flush", "Let Redis clients delete a whole bucket with FLUSHDB"),
];

#[cfg(test)]
mod tests {
    use super::{SETTINGS, Setting, Takes};

    #[test]
    fn the_documentation_lists_all() {
        let page = include_str!("../../../../docs/command-line.md");
        for setting in SETTINGS {
            let takes = match setting.takes {
                Takes::One(what) | Takes::Many(what) => what,
                Takes::Switch => "true or false",
            };
            let row = format!("| `{}` | {takes} | {} | {} |", setting.name, setting.default, setting.help);
            assert!(page.contains(&row), "docs/command-line.md lacks: {row}");
        }
        for line in crate::exit::HELP.lines().filter(|line| line.starts_with("  ")) {
            let (code, meaning) = line.trim().split_once("  ").unwrap_or_default();
            assert!(page.contains(&format!("| {code} | {meaning} |")), "docs/command-line.md lacks: {line}");
        }
    }

    #[test]
    fn names_are_unique_and_plain() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..at].iter().all(|other| other.name != setting.name), "{}", setting.name);
            assert!(setting.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", setting.name);
            assert!(!setting.help.ends_with('.'), "{}", setting.name);
        }
        assert_eq!(Setting::named("data-dir").unwrap().variable(), "ALIANZA_DATA_DIR");
    }
}
