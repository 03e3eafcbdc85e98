//! How an empty data directory gets its node: the node joins the cluster of its seeds, or founds one if it has none.
//!
//! Invariant: what is written is durable when this returns, so a node that told others of itself remembers it.
//! Refuses to know what a founded or joined cluster looks like on disk.

use std::net::SocketAddr;

use node::{Founding, Node};
use proto::{Admin, Genesis, Join};
use ring::NodeId;
use stdx::Prng;
use storage::Engine;
use tracing::info;

use crate::address::Address;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::entropy;
use crate::error::StartError;
use crate::join::join;
use crate::names;
use crate::tls::Tls;

/// Makes `engine`, which is empty, the home of a node that is reached at `places`: where it really listens, and how
/// others reach it, with what TLS.
pub(crate) async fn give<E: Engine>(
    engine: &mut E,
    config: &ServerConfig,
    places: (SocketAddr, &Address, Option<&Tls>),
    clock: Clock,
    prng: &mut Prng,
) -> Result<(), StartError> {
    let (listening, advertised, tls) = places;
    let mut seeds = config.seed_addresses()?;
    let all = seeds.len();
    seeds.retain(|seed| !seed.is_same(advertised) && !seed.is_local(listening));
    let is_seed = seeds.len() < all || seeds.is_empty();
    let id = own_id(engine)?;
    let newcomer = newcomer(config, id, advertised, is_seed, prng);
    if seeds.is_empty() && config.replace.is_some() {
        let what = "a node that replaces another needs a seed besides itself; give the address of a node that runs";
        return Err(StartError::Config(what.to_owned()));
    }
    if seeds.is_empty() {
        let genesis = genesis(config)?;
        info!("founding cluster {:032x} as {}", genesis.cluster, newcomer.name);
        Node::found(engine, Founding { genesis, join: newcomer }, prng.next_u64(), clock.now())?;
    } else {
        // Nodes that start together should not all begin with the same seed.
        prng.shuffle(&mut seeds);
        let joined = join(&seeds, tls, &entrance(config, newcomer), config.join_patience, prng).await?;
        Node::adopt(engine, joined.node, &joined.history, &joined.progress)?;
    }
    engine.syncer().sync()?;
    Ok(())
}

/// The id this directory keeps for its node, durable before it is told to anybody.
fn own_id<E: Engine>(engine: &mut E) -> Result<NodeId, StartError> {
    if let Some(id) = Node::reserved(engine)? {
        return Ok(id);
    }
    let id = entropy::node_id().map_err(StartError::Entropy)?;
    Node::reserve(engine, id)?;
    engine.syncer().sync()?;
    Ok(id)
}

/// What to ask the seeds for.
fn entrance(config: &ServerConfig, join: Join) -> Admin {
    match (config.replace.clone(), config.replace_plan) {
        (None, _) => Admin::Join(join),
        (Some(old), None) => Admin::Replace { old, join },
        (Some(old), Some(plan)) => Admin::Apply { change: Box::new(Admin::Replace { old, join }), plan },
    }
}

fn newcomer(config: &ServerConfig, node: NodeId, advertised: &Address, seed: bool, prng: &mut Prng) -> Join {
    Join {
        node,
        name: config.name.clone().unwrap_or_else(|| names::any(prng)),
        name_is_fixed: config.name.is_some(),
        uri: advertised.to_string(),
        tokens: config.tokens.clone(),
        token_count: config.token_count,
        random_tokens: config.random_tokens,
        weight: config.weight,
        zone: config.zone.clone(),
        seed,
    }
}

fn genesis(config: &ServerConfig) -> Result<Genesis, StartError> {
    Ok(Genesis {
        cluster: entropy::cluster().map_err(StartError::Entropy)?,
        grid: config.grid()?,
        n: config.n,
        context_key: entropy::bytes().map_err(StartError::Entropy)?,
    })
}
