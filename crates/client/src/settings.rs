//! How a client behaves, and the way to make one.

use crate::address::Address;
use crate::client::Client;
use crate::error::Error;
use crate::health::BreakerSettings;
use crate::policy::{Policy, TokenAware, TwoChoices};
use crate::retry::RetrySettings;
use crate::transport::Access;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// What can be set.
pub struct Builder {
    pub(crate) seeds: Vec<String>,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) policy: Box<dyn Policy>,
}

/// What holds for every operation.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// An operation with all its attempts is over after this.
    pub(crate) patience: Duration,
    /// An attempt is.
    pub(crate) attempt: Duration,
    pub(crate) retry: RetrySettings,
    pub(crate) breaker: BreakerSettings,
    /// Whether the ring is learnt; else only the given nodes are asked.
    pub(crate) learns: bool,
    /// Largest answer, in bytes.
    pub(crate) answer_bytes_max: usize,
}

impl Builder {
    pub(crate) fn new(seeds: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder {
            seeds: seeds.into_iter().map(Into::into).collect(),
            access: Access { connect: Duration::from_secs(1), ..Access::default() },
            settings: Settings {
                patience: Duration::from_secs(10),
                attempt: Duration::from_secs(3),
                retry: RetrySettings::default(),
                breaker: BreakerSettings::default(),
                learns: true,
                answer_bytes_max: 256 << 20,
            },
            policy: Box::new(TokenAware::over(TwoChoices)),
        }
    }

    /// Which of several nodes is asked. Token-aware over two choices if not given.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy + 'static) -> Builder {
        self.policy = Box::new(policy);
        self
    }

    /// How long an operation may take with all its attempts; 10 s if not given.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Builder {
        self.settings.patience = patience;
        self
    }

    /// How long one attempt may take before another node is asked; 3 s if not given.
    #[must_use]
    pub fn attempt(mut self, attempt: Duration) -> Builder {
        self.settings.attempt = attempt;
        self
    }

    /// How long a connection may take to come about; 1 s if not given.
    #[must_use]
    pub fn connect(mut self, connect: Duration) -> Builder {
        self.access.connect = connect;
        self
    }

    /// The bounds of trying again.
    #[must_use]
    pub fn retries(mut self, retry: RetrySettings) -> Builder {
        self.settings.retry = retry;
        self
    }

    /// The bounds of leaving a node alone that keeps failing.
    #[must_use]
    pub fn breaker(mut self, breaker: BreakerSettings) -> Builder {
        self.settings.breaker = breaker;
        self
    }

    /// Asks only the nodes that were named, and not the others of their cluster: where those cannot be reached from here.
    #[must_use]
    pub fn only_these(mut self) -> Builder {
        self.settings.learns = false;
        self
    }

    /// Who asks: an API token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Builder {
        self.access.token = Some(token.into());
        self
    }

    /// The certificate, in PEM, of whoever signs the nodes' certificates; for addresses that begin with `https://`.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Builder {
        self.access.ca = Some(pem.into());
        self
    }

    /// Takes the token from a file.
    pub fn token_file(self, path: impl AsRef<Path>) -> Result<Builder, Error> {
        let token = read(path.as_ref(), "token")?;
        let token =
            String::from_utf8(token).map_err(|_| Error::Usage("the token file is not text; give another".into()))?;
        Ok(self.token(token.trim()))
    }

    /// Takes the certificate from a file.
    pub fn ca_file(self, path: impl AsRef<Path>) -> Result<Builder, Error> {
        let pem = read(path.as_ref(), "CA")?;
        Ok(self.ca_pem(pem))
    }

    /// The client. It connects to nobody before it is asked for something.
    pub fn build(self) -> Result<Client, Error> {
        let seeds = self.seeds.iter().map(|seed| Address::parse(seed)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = seeds.first() else {
            return Err(Error::Usage("no node is named; give the address of one, like http://127.0.0.1:8080".into()));
        };
        if seeds.iter().any(|seed| seed.is_tls() != first.is_tls()) {
            return Err(Error::Usage("some addresses begin with http:// and some with https://; give one kind".into()));
        }
        Client::new(self, seeds)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("seeds", &self.seeds).field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| Error::Usage(format!("cannot read the {what} file {}: {error}; give another", path.display())))
}
