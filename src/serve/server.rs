//! Sockets: accepting connections, and ending without losing what was accepted.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use super::accept::{GRACE, accept};
use super::app::app;
use super::house::House;
use super::settings::Settings;
use super::watch;
use crate::device::Device;
use crate::error::{Error, Result};

/// Of the head of a request.
const HEAD_BYTES: usize = 64 << 10;
const HEADERS: usize = 64;
/// How often what was counted is put together.
const UPKEEP: Duration = Duration::from_secs(5);
/// As many connections are taken as the system may hold ready when the service ends, until none comes for so long.
const BACKLOG: usize = 1024;
const PAUSE: Duration = Duration::from_millis(5);

/// A service with its socket, ready to run.
pub struct Server {
    house: Arc<House>,
    listener: TcpListener,
    grpc: Option<TcpListener>,
    device_thread: JoinHandle<()>,
}

impl Server {
    /// Opens the socket and starts the device thread. Models are loaded by [`House::load`], on a thread that may wait.
    ///
    /// # Errors
    /// An address that cannot be had; a system that gives no thread.
    pub async fn open(
        settings: Settings,
        device: Device,
        address: SocketAddr,
        grpc: Option<SocketAddr>,
    ) -> Result<Server> {
        let listener = bind(address).await?;
        let grpc = match grpc {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (house, device_thread) = House::open(settings, device)?;
        Ok(Server { house, listener, grpc, device_thread })
    }

    /// What the service's requests share.
    pub fn house(&self) -> Arc<House> {
        self.house.clone()
    }

    /// Where it listens: for HTTP, and for gRPC if it does.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn addresses(&self) -> Result<(SocketAddr, Option<SocketAddr>)> {
        let address = |listener: &TcpListener| {
            let told = listener.local_addr();
            told.map_err(|e| Error::Network { what: "the address".into(), reason: e.to_string() })
        };
        Ok((address(&self.listener)?, self.grpc.as_ref().map(address).transpose()?))
    }

    /// Answers requests until `stop` is done, then those that were accepted. Whether they all were, in the time that is set.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let Server { house, listener, grpc, device_thread } = self;
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let calls = grpc.map(|listener| {
            let stop = async { closed.await.unwrap_or_default() };
            let served = super::grpc::serve(house.clone(), listener, stop);
            tokio::spawn(async {
                if let Err(error) = served.await {
                    tracing::error!(%error, "gRPC has ended");
                }
            })
        });
        let mut door = Door::new(&house, listener);
        let kept = house.clone();
        let upkeep = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                watch::upkeep();
                kept.models.recover();
            }
        });
        tokio::select! {
            () = door.accept() => {}
            () = stop => {}
        }
        house.begin_closing();
        tracing::info!(requests = house.queue.admitted(), "closing");
        drop(close);
        door.accept_waiting().await;
        let connections = door.closed();
        // What was written on a connection just before is still read, and answered as the last on it.
        tokio::time::sleep(GRACE).await;
        let drained = async {
            connections.shutdown().await;
            if let Some(calls) = calls {
                // What ended it is of no matter any more.
                let _ = calls.await;
            }
        };
        let is_done = tokio::time::timeout(house.settings.drain, drained).await.is_ok();
        house.queue.close();
        if is_done {
            // It has nothing left to do.
            let join = tokio::task::spawn_blocking(move || device_thread.join());
            let _ = tokio::time::timeout(house.settings.drain, join).await;
        }
        upkeep.abort();
        // Of requests that did not come to their end.
        house.kept.clear();
        is_done
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| Error::Network {
        what: format!("the address {address}"),
        reason: format!("it cannot be had ({e}); give another --addr or --grpc-addr"),
    })
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    builder: auto::Builder<TokioExecutor>,
    service: TowerToHyperService<axum::Router>,
    connections: GracefulShutdown,
    /// Places for connections.
    room: Arc<Semaphore>,
    /// How long an answer may lie unread.
    patience: Duration,
}

impl Door {
    fn new(house: &Arc<House>, listener: TcpListener) -> Door {
        let limits = house.settings.limits;
        // Before it knows the version of a protocol the builder would wait for ever.
        let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS);
        Door {
            listener,
            builder,
            service: TowerToHyperService::new(app(house.clone())),
            connections: GracefulShutdown::new(),
            room: Arc::new(Semaphore::new(limits.connections)),
            patience: limits.transfer,
        }
    }

    /// Accepts for ever.
    async fn accept(&mut self) {
        while let Some((stream, place)) = accept(&self.listener, &self.room).await {
            self.serve(stream, place);
        }
    }

    /// Accepts those that the system has taken already, as far as there are places.
    async fn accept_waiting(&mut self) {
        for _ in 0..BACKLOG {
            match tokio::time::timeout(PAUSE, accept(&self.listener, &self.room)).await {
                Ok(Some((stream, place))) => self.serve(stream, place),
                _ => return,
            }
        }
    }

    /// From here on nobody can connect.
    fn closed(self) -> GracefulShutdown {
        self.connections
    }

    fn serve(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.builder.serve_connection(stream, self.service.clone()).into_owned();
        let connection = self.connections.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended");
            }
        });
    }
}
