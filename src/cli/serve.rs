//! `gyrus serve`: the service.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gyrus::model::models_folder;
use gyrus::platform::{Asked, OPEN_PAGE, Signals};
use gyrus::serve::{House, Limits, Server, Settings, Token};
use gyrus::session::MAX_BATCH;
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::device::{Stored, Wanted};
use super::{Outcome, progress};

/// Serve the models of the models folder: a web page, the Open Inference Protocol (v2) and a plain API.
///
/// For this machine alone unless another address is given. Options may also stand in the environment and in a file (--config), by
/// their names; options win over the environment, and that over the file. For research use only.
/// SIGTERM and SIGINT end it once the requests that it accepted are answered; SIGHUP loads the models anew.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// auto, cpu, software, the number of an adapter, or part of its name
    #[arg(long, env = "GYRUS_DEVICE")]
    device: Option<String>,
    /// How a GPU stores activations and weights: f16 takes half the memory; it wants cards that allow it
    #[arg(long, value_enum, env = "GYRUS_PRECISION")]
    precision: Option<Stored>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", env = "GYRUS_ADDR")]
    addr: Option<SocketAddr>,
    /// Where to listen for gRPC; without it there is none
    #[arg(long, value_name = "ADDRESS:PORT", env = "GYRUS_GRPC_ADDR")]
    grpc_addr: Option<SocketAddr>,
    /// The models folder
    #[arg(long, value_name = "DIR", env = "GYRUS_MODELS")]
    models: Option<PathBuf>,
    /// A file whose first line is the token that requests must show (`Authorization: Bearer TOKEN`)
    #[arg(long, value_name = "FILE", env = "GYRUS_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Let anyone who reaches an address that is not this machine's own use the service
    #[arg(long, env = "GYRUS_NO_AUTH", value_parser = clap::builder::FalseyValueParser::new())]
    no_auth: bool,
    /// A name that the service is called by, beside addresses and localhost
    #[arg(long, value_name = "NAME", env = "GYRUS_HOST", value_delimiter = ',')]
    host: Vec<String>,
    /// A page of another origin that may use the service, such as https://viewer.example
    #[arg(long, value_name = "URL", env = "GYRUS_ORIGIN", value_delimiter = ',')]
    origin: Vec<String>,
    /// Rows of a batch, at most: 1 to 32, which is usual; no batch takes much longer than a second
    #[arg(long, value_name = "N", env = "GYRUS_BATCH", value_parser = clap::value_parser!(u16).range(1..=32))]
    batch: Option<u16>,
    /// Let a batch that is not full wait so long for more; without it none waits while the device is idle, nor holds more rows than
    /// save time
    #[arg(long, value_name = "MS", env = "GYRUS_GATHER")]
    gather: Option<u64>,
    /// Requests in the house; more are told to come again
    #[arg(long, value_name = "N", env = "GYRUS_REQUESTS", value_parser = clap::value_parser!(u16).range(1..))]
    requests: Option<u16>,
    /// Until an answer must be there, in seconds, where the request does not say
    #[arg(long, value_name = "S", env = "GYRUS_TIMEOUT")]
    timeout: Option<f64>,
    /// How long a service that ends waits for requests that it accepted, in seconds
    #[arg(long, value_name = "S", env = "GYRUS_DRAIN")]
    drain: Option<f64>,
    /// The largest body, in MiB
    #[arg(long, value_name = "MIB", env = "GYRUS_BODY")]
    body: Option<usize>,
    /// Memory of all requests together, in MiB: half for their bodies, half for what is made of them
    #[arg(long, value_name = "MIB", env = "GYRUS_MEMORY")]
    memory: Option<usize>,
    /// Do not measure kernels in the background (see `gyrus tune`)
    #[arg(long, env = "GYRUS_NO_TUNE", value_parser = clap::builder::FalseyValueParser::new())]
    no_tune: bool,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
    /// Settings as TOML: `addr = "127.0.0.1:8000"`, one a line
    #[arg(long, value_name = "FILE", env = "GYRUS_CONFIG")]
    config: Option<PathBuf>,
}

/// What a file may set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    device: Option<String>,
    precision: Option<Stored>,
    addr: Option<SocketAddr>,
    grpc_addr: Option<SocketAddr>,
    models: Option<PathBuf>,
    token_file: Option<PathBuf>,
    no_auth: bool,
    host: Vec<String>,
    origin: Vec<String>,
    batch: Option<usize>,
    gather: Option<u64>,
    requests: Option<usize>,
    timeout: Option<f64>,
    drain: Option<f64>,
    body: Option<usize>,
    memory: Option<usize>,
    no_tune: bool,
}

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);

/// Runs the command: exit 0 when all requests that were accepted were answered, 1 when some were not in time.
pub fn run(args: &Args) -> Result<Outcome> {
    let file = args.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
    let address = args.addr.or(file.addr).unwrap_or(ADDRESS);
    let grpc = args.grpc_addr.or(file.grpc_addr);
    let device = Wanted {
        device: args.device.clone().or_else(|| file.device.clone()).unwrap_or_else(|| "auto".into()),
        precision: args.precision.or(file.precision).unwrap_or(Stored::F32),
    };
    let settings = settings(args, file, &[Some(address), grpc])?;
    let drain = settings.drain;
    let device = device.open()?;
    if let Some(notice) = device.notice() {
        progress::notice(&notice);
    }
    let name = device.name();
    let runtime = tokio::runtime::Runtime::new().context("the service cannot be started")?;
    let is_done = runtime.block_on(async {
        // Heard before anybody knows of the service, so that none of them ends the process by itself.
        let signals = Signals::listen().context("the system's signals cannot be heard")?;
        let server = Server::open(settings, device, address, grpc).await?;
        let house = server.house();
        let (address, grpc) = server.addresses()?;
        let place = format!("http://{address}/");
        let calls = grpc.map(|address| format!(", gRPC on {address}")).unwrap_or_default();
        progress::notice(&format_args!("listening on {place}{calls}, device {name}; for research use only"));
        if args.open {
            open_page(&place);
        }
        let stop = ended(signals, house);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let is_done = server
            .run(async {
                let _ = sender.send(stop.await);
            })
            .await;
        match receiver.await.ok().flatten() {
            Some(error) => Err(error),
            None => Ok(is_done),
        }
    })?;
    if !is_done {
        progress::notice(&format_args!(
            "some requests were not answered within {} s (--drain)",
            drain.as_secs_f64()
        ));
    }
    // Requests that are still worked on are not waited for any more.
    runtime.shutdown_background();
    Ok(if is_done { Outcome::AllGood } else { Outcome::SomeFailed })
}

fn read_file(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    toml::from_str(&text).map_err(|e| {
        let reason = e.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        anyhow::anyhow!("{}: {reason}; correct the line", path.display())
    })
}

fn settings(args: &Args, file: File, addresses: &[Option<SocketAddr>]) -> Result<Settings> {
    let models = args.models.clone().or(file.models).unwrap_or_else(models_folder);
    let usual = Settings::of(models.clone());
    let token = args.token_file.clone().or(file.token_file).map(|path| read_token(&path)).transpose()?;
    let open = addresses.iter().flatten().find(|address| !address.ip().is_loopback());
    if let Some(address) = open.filter(|_| token.is_none() && !(args.no_auth || file.no_auth)) {
        bail!(
            "{address}: others can reach this address; give --token-file, or --no-auth where everyone may use the service"
        );
    }
    let seconds = |given: Option<f64>, usual: Duration| match given {
        Some(s) => Duration::try_from_secs_f64(s).map_err(|e| anyhow::anyhow!("{s} seconds: {e}")),
        None => Ok(usual),
    };
    let mib = |given: Option<usize>, usual| given.map_or(usual, |mib| mib.saturating_mul(1 << 20));
    let limits = Limits {
        body: mib(args.body.or(file.body), usual.limits.body),
        memory: mib(args.memory.or(file.memory), usual.limits.memory),
        requests: args.requests.map(usize::from).or(file.requests).unwrap_or(usual.limits.requests).max(1),
        ..usual.limits
    };
    let batch = args.batch.map(usize::from).or(file.batch).unwrap_or(usual.batch);
    if !(1..=MAX_BATCH).contains(&batch) {
        bail!("batch: {batch}, where 1 to {MAX_BATCH} rows are possible");
    }
    let either = |given: &[String], file: Vec<String>| if given.is_empty() { file } else { given.to_vec() };
    Ok(Settings {
        token,
        hosts: either(&args.host, file.host),
        origins: either(&args.origin, file.origin),
        limits,
        batch,
        gather: args.gather.or(file.gather).map_or(usual.gather, Duration::from_millis),
        timeout: seconds(args.timeout.or(file.timeout), usual.timeout)?,
        drain: seconds(args.drain.or(file.drain), usual.drain)?,
        tunes: !(args.no_tune || file.no_tune),
        models,
    })
}

fn read_token(path: &Path) -> Result<Token> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{}: the token cannot be read", path.display()))?;
    match text.lines().next().map(str::trim) {
        Some(token) if token.len() >= 16 => Ok(Token::new(token)),
        _ => {
            bail!("{}: a token has at least 16 characters; `openssl rand -hex 32` makes one", path.display())
        }
    }
}

fn load(house: &Arc<House>) -> JoinHandle<gyrus::Result<()>> {
    let house = house.clone();
    tokio::task::spawn_blocking(move || house.load())
}

/// Loads the models, anew whenever that is asked for, until the service should end; why, where they cannot be loaded at
/// all.
async fn ended(mut signals: Signals, house: Arc<House>) -> Option<anyhow::Error> {
    let mut loading = load(&house);
    let (mut is_first, mut is_loading, mut is_asked) = (true, true, false);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::End => return None,
                Asked::Load => is_asked = true,
            },
            done = &mut loading, if is_loading => {
                is_loading = false;
                match (done.map_err(anyhow::Error::from).and_then(|done| Ok(done?)), is_first) {
                    (Ok(()), true) if house.is_ready() => progress::notice(&"ready"),
                    (Ok(()), true) => progress::notice(&"not ready: no model can be served"),
                    (Ok(()), false) => progress::notice(&"the models were loaded anew"),
                    (Err(error), true) => return Some(error),
                    (Err(error), false) => progress::error_line(&format_args!("{error:#}")),
                }
                is_first = false;
            }
        }
        if is_asked && !is_loading {
            (loading, is_loading, is_asked) = (load(&house), true, false);
        }
    }
}

/// Opens the page with the system's own browser; where there is none, its address was said.
fn open_page(address: &str) {
    let [program, arguments @ ..] = OPEN_PAGE else { return };
    let mut browser = std::process::Command::new(program);
    browser.args(arguments).arg(address);
    // A browser may draw with the same drivers.
    for name in gyrus::gpu::told() {
        browser.env_remove(name);
    }
    if browser.spawn().is_err() {
        progress::notice(&"no browser could be started");
    }
}
