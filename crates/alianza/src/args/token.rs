//! Commands about API tokens, certificates and the audit log.

use super::Target;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// API tokens.
#[derive(ClapArgs, Debug)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// What to do with tokens.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once; from the first one on, everybody needs one
    Create(TokenCreate),
    /// List the tokens there are, without their secrets
    List(Target),
    /// Make a token worthless
    Revoke {
        /// Its number or its name
        token: String,
        #[command(flatten)]
        target: Target,
    },
    /// Write a new token for --admin-token-file into a file that only its owner may read, without asking a node
    Bootstrap {
        /// The file
        file: PathBuf,
    },
}

#[derive(ClapArgs, Debug)]
pub(crate) struct TokenCreate {
    /// What to call it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it allows: read, write or admin, everywhere or, as in read:carts, in one bucket; or monitor
    #[arg(long = "scope", value_name = "SCOPE,…", required = true, value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// Operations per second that it may be used for at each node
    #[arg(long, value_name = "COUNT")]
    pub(crate) rate: Option<u32>,
    /// Operations at once after a rest [default: the rate]
    #[arg(long, value_name = "COUNT", requires = "rate")]
    pub(crate) burst: Option<u32>,
    /// How long it is worth something, like 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// The audit log.
#[derive(ClapArgs, Debug)]
pub(crate) struct Audit {
    /// Only what is not older, like 24h [default: all that is kept]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Ask this node, by its name or id, or all [default: the node that is asked]
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Makes certificates.
#[derive(ClapArgs, Debug)]
pub(crate) struct Cert {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

/// What to make.
#[derive(Subcommand, Debug)]
pub(crate) enum CertCommand {
    /// Make an authority: ca.pem, which everybody may know, and ca.key, which signs
    Ca {
        /// Where to put them
        dir: PathBuf,
    },
    /// Make a node's certificate and key, signed by the authority in the same directory
    Node {
        /// Where the authority is, and where to put them
        dir: PathBuf,
        /// A name or an IP address that the node is reached under; repeat it to give several
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        /// What to call the files: NAME.pem and NAME.key
        #[arg(long, value_name = "NAME", default_value = "node")]
        name: String,
        /// For how many days it is valid
        #[arg(long, value_name = "COUNT", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
}
