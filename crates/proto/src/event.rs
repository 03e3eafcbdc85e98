//! One event of the membership history, and the hash that chains it to the one before.
//!
//! Invariant: an event's hash covers everything in it, so two histories with equal heads are equal.
//! Refuses to know how events are agreed on (`paxos`) and how they spread (`membership`).

use crate::access::{ApiToken, TokenId};
use crate::bucket::{Bucket, Level, Mode};
use crate::ids::{Digest, Epoch};
use crate::record::Rule;
use causal::Stamp;
use ring::{Grid, Member, NodeId, Token};
use stdx::Wall;

/// What an event does to the cluster's agreed state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The cluster begins. Always and only epoch 1.
    Create(Genesis),
    /// A node takes its tokens.
    Add {
        /// The node; its tokens are final.
        member: Member,
        /// Known to everybody, and preferred as a voter.
        seed: bool,
    },
    /// A node gives its tokens up. It goes on serving until its data has moved.
    Remove {
        /// The node as it was.
        member: Member,
    },
    /// A node is reached under another address or name. Its tokens stay.
    Readdress {
        /// The node.
        node: NodeId,
        /// Its new name.
        name: String,
        /// Its new address.
        uri: String,
    },
    /// A bucket is made, or its changeable settings are.
    Bucket(Bucket),
    /// A backup is being restored from here on.
    Restored(Restored),
    /// A dead node is put out for good, without its consent: it is banned, and what it held is made anew from the
    /// replicas that remain.
    Eject {
        /// The node as it was.
        member: Member,
    },
    /// A new node takes a dead one's place and tokens; the dead one is banned.
    Replace {
        /// The dead node.
        old: NodeId,
        /// The new node.
        member: Member,
        /// Known to everybody, and preferred as a voter.
        seed: bool,
    },
    /// A member is to bear another share of the load.
    Reweigh {
        /// The node.
        node: NodeId,
        /// Its new share, 100 is normal.
        weight: u32,
        /// Its tokens from now on.
        tokens: Vec<Token>,
    },
    /// A token is made. From the first on, every client needs one.
    Grant(ApiToken),
    /// A token is worth nothing any more.
    Revoke {
        /// Which.
        token: TokenId,
    },
    /// The newest change of the ring is taken back before reads have followed it.
    Abort {
        /// The event that is taken back.
        of: Epoch,
        /// What takes it back: `Add`, `Remove`, `Eject` (of a newcomer that died), `Reweigh` or `Bucket`.
        undo: Box<Change>,
    },
}

/// What begins when a backup is restored. The ring stays as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Hash of the backup's manifest.
    pub backup: Digest,
    /// The backup's name.
    pub name: String,
    /// Names of the buckets, as they are called here.
    pub buckets: Vec<String>,
    /// Also over items that are there.
    pub overwrite: bool,
    /// Every version that is restored carries this stamp: it wins over what was there before, deletions among them,
    /// and loses to whatever is written afterwards.
    pub stamp: Stamp,
}

impl Change {
    /// A hash of everything in the change.
    pub fn digest(&self) -> Digest {
        let mut hash = Hash(blake3::Hasher::new());
        hash.change(self);
        Digest(*hash.0.finalize().as_bytes())
    }

    /// True if replicas may be others after it.
    pub(crate) fn is_of_the_ring(&self) -> bool {
        !matches!(self, Change::Readdress { .. } | Change::Restored(_) | Change::Grant(_) | Change::Revoke { .. })
    }

    /// The node that this change bans for good.
    pub fn bans(&self) -> Option<NodeId> {
        match self {
            Change::Eject { member } => Some(member.id),
            Change::Replace { old, .. } => Some(*old),
            Change::Abort { undo, .. } => undo.bans(),
            _ => None,
        }
    }

    /// The member that this change takes in.
    pub fn admits(&self) -> Option<&Member> {
        match self {
            Change::Add { member, .. } | Change::Replace { member, .. } => Some(member),
            Change::Abort { undo, .. } => undo.admits(),
            _ => None,
        }
    }

    /// The member that this change lets go with its consent.
    pub fn lets_go(&self) -> Option<&Member> {
        match self {
            Change::Remove { member } => Some(member),
            Change::Abort { undo, .. } => undo.lets_go(),
            _ => None,
        }
    }
}

/// What is fixed when a cluster is created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Genesis {
    /// Names the cluster; nodes of different clusters refuse each other.
    pub cluster: u128,
    /// Number of partitions.
    pub grid: Grid,
    /// Copies of each item of the bucket `default`.
    pub n: u8,
    /// Authenticates context tokens; known to every node of the cluster and to nobody else.
    pub context_key: [u8; 32],
}

/// One event of the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its place, from 1, without gaps.
    pub epoch: Epoch,
    /// Hash of the event before; all zeros for the first.
    pub previous: Digest,
    /// When the proposing node's wall clock said it happened. For people; orders nothing.
    pub at: Wall,
    /// Distinguishes otherwise equal proposals of different nodes.
    pub nonce: u64,
    /// What happens.
    pub change: Change,
}

impl Event {
    /// The hash of everything in the event: BLAKE3 over a fixed field order, every variable part with its length.
    pub fn hash(&self) -> Digest {
        let mut hash = Hash(blake3::Hasher::new());
        hash.number(self.epoch.0);
        hash.bytes(&self.previous.0);
        hash.number(self.at.0);
        hash.number(self.nonce);
        hash.change(&self.change);
        Digest(*hash.0.finalize().as_bytes())
    }
}

struct Hash(blake3::Hasher);

impl Hash {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn node(&mut self, node: NodeId) {
        self.bytes(&node.0.to_be_bytes());
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Create(genesis) => {
                self.number(1);
                self.bytes(&genesis.cluster.to_be_bytes());
                self.number(u64::from(genesis.grid.bits()));
                self.number(u64::from(genesis.n));
                self.bytes(&genesis.context_key);
            }
            Change::Add { member, seed } => {
                self.number(2);
                self.member(member);
                self.number(u64::from(*seed));
            }
            Change::Remove { member } => {
                self.number(3);
                self.member(member);
            }
            Change::Readdress { node, name, uri } => {
                self.number(4);
                self.node(*node);
                self.bytes(name.as_bytes());
                self.bytes(uri.as_bytes());
            }
            Change::Bucket(bucket) => {
                self.number(5);
                self.bucket(bucket);
            }
            Change::Restored(restored) => {
                self.number(6);
                self.restored(restored);
            }
            Change::Eject { member } => {
                self.number(7);
                self.member(member);
            }
            Change::Replace { old, member, seed } => {
                self.number(8);
                self.node(*old);
                self.member(member);
                self.number(u64::from(*seed));
            }
            Change::Reweigh { node, weight, tokens } => {
                self.number(9);
                self.node(*node);
                self.number(u64::from(*weight));
                self.tokens(tokens);
            }
            Change::Abort { of, undo } => {
                self.number(10);
                self.number(of.0);
                self.change(undo);
            }
            Change::Grant(token) => {
                self.number(11);
                self.token(token);
            }
            Change::Revoke { token } => {
                self.number(12);
                self.number(token.0);
            }
        }
    }

    fn member(&mut self, member: &Member) {
        self.node(member.id);
        self.bytes(member.name.as_bytes());
        self.bytes(member.uri.as_bytes());
        self.tokens(&member.tokens);
        self.number(u64::from(member.weight));
        self.bytes(member.zone.as_deref().unwrap_or("\0").as_bytes());
    }

    fn tokens(&mut self, tokens: &[Token]) {
        self.number(tokens.len() as u64);
        for token in tokens {
            self.bytes(token.as_bytes());
        }
    }

    fn bucket(&mut self, bucket: &Bucket) {
        self.number(u64::from(bucket.id.0));
        self.bytes(bucket.name.as_bytes());
        self.number(u64::from(bucket.n));
        self.level(bucket.r);
        self.level(bucket.w);
        self.number(match bucket.mode {
            Mode::Eventual => 0,
            Mode::Linearizable => 1,
        });
        self.number(match bucket.rule {
            Rule::LastWriterWins => 0,
            Rule::Siblings => 1,
        });
        self.number(bucket.ttl.map_or(u64::MAX, |ttl| ttl.as_millis()));
    }

    fn token(&mut self, token: &ApiToken) {
        self.number(token.id.0);
        self.bytes(token.name.as_bytes());
        self.bytes(&token.digest.0);
        self.number(token.scopes.len() as u64);
        token.scopes.iter().for_each(|scope| self.bytes(scope.to_string().as_bytes()));
        self.number(token.rate.map_or(0, |rate| u64::from(rate.per_second)));
        self.number(token.rate.map_or(0, |rate| u64::from(rate.burst)));
        self.number(token.expires.map_or(u64::MAX, |at| at.0));
    }

    fn restored(&mut self, restored: &Restored) {
        self.bytes(&restored.backup.0);
        self.bytes(restored.name.as_bytes());
        self.number(restored.buckets.len() as u64);
        restored.buckets.iter().for_each(|bucket| self.bytes(bucket.as_bytes()));
        self.number(u64::from(restored.overwrite));
        self.number(restored.stamp.as_u64());
    }

    fn level(&mut self, level: Level) {
        self.bytes(level.to_string().as_bytes());
    }
}
