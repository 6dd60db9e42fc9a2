//! The Open Inference Protocol over gRPC, on a port of its own.

mod calls;
mod codec;
mod coming;
mod convert;
mod guests;
mod service;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Status};

use self::calls::Places;
use self::guests::guests;
use self::wire::grpc_inference_service_server::GrpcInferenceServiceServer;
use super::guard::is_allowed;
use super::house::House;
use crate::error::{Error, Result};

/// Of a message, in bytes: what it unpacks to in memory may be far larger.
const MOST_MESSAGE: usize = 32 << 20;
/// Of the messages of calls that bring no tensors.
const MOST_WORDS: usize = 64 << 10;
/// What stands before a message.
const HEAD: usize = 5;

/// Calls at a time on one connection.
const CALLS: u32 = 128;
/// How often a silent connection is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The messages of `inference.proto`.
#[allow(clippy::all, missing_docs)]
mod wire {
    tonic::include_proto!("inference");
}

/// Answers calls until `stop` is done, then those that were accepted.
///
/// # Errors
/// When the transport fails.
pub async fn serve(house: Arc<House>, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    let limits = house.settings.limits;
    let service = GrpcInferenceServiceServer::new(service::Service::new(house.clone()))
        .max_decoding_message_size(limits.body.min(MOST_MESSAGE))
        .max_encoding_message_size(limits.body)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .send_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Deflate);
    let longest = limits.transfer.saturating_add(house.settings.timeout);
    let guests_of = house.clone();
    let guard = move |request: Request<()>| check(&house, request);
    let served = Server::builder()
        .max_concurrent_streams(CALLS)
        .layer(Places::new(guests_of.clone()))
        .timeout(longest)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(InterceptedService::new(service, guard))
        .serve_with_incoming_shutdown(guests(listener, guests_of), stop);
    served.await.map_err(|e| Error::Network { what: "gRPC".into(), reason: e.to_string() })
}

/// Holds a call to the rule of the token.
fn check(house: &House, request: Request<()>) -> std::result::Result<Request<()>, Status> {
    let shown = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    if is_allowed(house, shown) {
        return Ok(request);
    }
    Err(Status::unauthenticated("the service wants its token: metadata `authorization: Bearer TOKEN`"))
}
