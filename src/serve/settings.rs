//! How the service is set up.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What must be shown to use the service. Only its hash is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    pub fn new(token: &str) -> Token {
        Token(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether this is the token; how long that takes does not tell how much of it was right.
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        self.0.ct_eq(&given).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// What a request may ask of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a body, unpacked.
    pub body: usize,
    /// Files of a request.
    pub files: usize,
    /// Bytes of all requests together: half for their bodies, half for what is made of them.
    pub memory: usize,
    /// Requests in the house; more are told to come again.
    pub requests: usize,
    /// Connections, idle ones included.
    pub connections: usize,
    /// Until the head of a request is there.
    pub head: Duration,
    /// Until its body is there, and until there is more of it.
    pub transfer: Duration,
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body: 256 << 20,
            files: 256,
            memory: 2 << 30,
            requests: 128,
            connections: 1024,
            head: Duration::from_secs(15),
            transfer: Duration::from_secs(120),
            silence: Duration::from_secs(10),
        }
    }
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The models folder.
    pub models: PathBuf,
    /// Without one, whoever reaches the address may use the service.
    pub token: Option<Token>,
    /// Names that the service is called by, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Pages of other origins that may use it, such as `https://viewer.example`.
    pub origins: Vec<String>,
    pub limits: Limits,
    /// Rows of a batch, at most.
    pub batch: usize,
    /// How long a batch that is not full waits for more.
    pub gather: Duration,
    /// Until an answer must be there, where the request does not say.
    pub timeout: Duration,
    /// How long a service that ends waits for requests that it accepted.
    pub drain: Duration,
    /// Whether kernels may be measured in the background.
    pub tunes: bool,
}

impl Settings {
    /// The usual ones, for the models of a folder.
    pub fn of(models: PathBuf) -> Settings {
        Settings {
            models,
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
            batch: 32,
            gather: Duration::ZERO,
            timeout: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            tunes: true,
        }
    }
}
