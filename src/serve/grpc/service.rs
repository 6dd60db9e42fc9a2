//! The calls.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::Semaphore;
use tokio_stream::StreamExt;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::prost::Message;

use super::convert::{answer, inputs, only_what_is_done, timeout};
use super::wire::grpc_inference_service_server::GrpcInferenceService;
use super::wire::model_metadata_response::TensorMetadata;
use super::wire::repository_index_response::ModelIndex;
use super::wire::{
    DataType, InferStatistics, ModelConfig, ModelConfigRequest, ModelConfigResponse, ModelInferRequest,
    ModelInferResponse, ModelInput, ModelMetadataRequest, ModelMetadataResponse, ModelOutput,
    ModelReadyRequest, ModelReadyResponse, ModelStatistics, ModelStatisticsRequest, ModelStatisticsResponse,
    ModelStreamInferResponse, RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
    ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse, StatisticDuration,
};
use crate::graph::network::ValueDef;
use crate::serve::budget::Held;
use crate::serve::counts::Spent;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::Served;
use crate::serve::oip::{self, Entry, datatype, dims};
use crate::serve::wait::aside;
use crate::tensor::DType;

/// Streams that are open at a time.
const STREAMS: usize = 32;
/// A stream on which nothing was asked for so long is ended.
const SILENCE: Duration = Duration::from_secs(300);

/// The service's calls over what all requests share.
pub struct Service {
    house: Arc<House>,
    streams: Arc<Semaphore>,
}

impl Service {
    pub fn new(house: Arc<House>) -> Service {
        Service { house, streams: Arc::new(Semaphore::new(STREAMS)) }
    }
}

type Answer<T> = Result<Response<T>, Status>;

/// The model of a name, and of a version where one is given.
fn versioned(house: &House, name: &str, version: &str) -> Result<Arc<Served>, Fault> {
    oip::versioned(house, name, Some(version).filter(|version| !version.is_empty()))
}

async fn infer(house: &House, request: ModelInferRequest) -> Result<ModelInferResponse, Fault> {
    let mut held = Held::default();
    if !house.budget.grow(&mut held, request.encoded_len() as u64) {
        return Err(Fault::busy());
    }
    let place = house.admit(held)?;
    let served = versioned(house, &request.model_name, &request.model_version)?;
    let timeout = timeout(&request)?.unwrap_or(house.settings.timeout);
    only_what_is_done(&request)?;
    let model = served.clone();
    // Also where the client is gone: what is worked on keeps its place and its memory.
    let (request, inputs, place) = aside(move || {
        let mut request = request;
        oip::known_outputs(&model.model, request.outputs.iter().map(|wanted| wanted.name.as_str()))?;
        let inputs = inputs(&model, &mut request)?;
        Ok((request, inputs, place))
    })
    .await?;
    let outputs = oip::run(house, &served, place, inputs, timeout).await?;
    aside(move || answer(&served, request, outputs)).await
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        Ok(Response::new(ServerReadyResponse { ready: self.house.is_ready() }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        let ModelReadyRequest { name, version } = request.into_inner();
        // Clients ask again and again until it is.
        let ready = versioned(&self.house, &name, &version).is_ok_and(|served| !served.is_lost());
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(&self, _: Request<ServerMetadataRequest>) -> Answer<ServerMetadataResponse> {
        Ok(Response::new(ServerMetadataResponse {
            name: "gyrus".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            extensions: oip::EXTENSIONS.map(String::from).into(),
        }))
    }

    async fn model_metadata(&self, request: Request<ModelMetadataRequest>) -> Answer<ModelMetadataResponse> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let served = versioned(&self.house, &name, &version)?;
        let tensor = |value: &ValueDef| TensorMetadata {
            name: value.name.clone(),
            datatype: datatype(value.dtype).into(),
            shape: dims(value),
        };
        let network = served.model.network();
        Ok(Response::new(ModelMetadataResponse {
            name: served.name.clone(),
            versions: vec![served.version()],
            platform: oip::PLATFORM.into(),
            inputs: network.inputs.iter().map(tensor).collect(),
            outputs: network.outputs.iter().map(tensor).collect(),
        }))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answer<ModelInferResponse> {
        Ok(Response::new(infer(&self.house, request.into_inner()).await?))
    }

    type ModelStreamInferStream =
        Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

    /// One call after the other; one that fails is answered by its error, and the stream goes on.
    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Answer<Self::ModelStreamInferStream> {
        let place = self.streams.clone().try_acquire_owned().map_err(|_| Fault::busy())?;
        let house = self.house.clone();
        // Whoever holds a stream open does not keep the service from ending.
        let requests = futures_util::StreamExt::take_until(request.into_inner(), house.closed());
        let requests = requests.timeout(SILENCE).map_while(Result::ok);
        let own = house.clone();
        let answers = requests.then(move |request| {
            let house = own.clone();
            let _place = &place;
            async move {
                let request = request?;
                let id = request.id.clone();
                Ok(match infer(&house, request).await {
                    Ok(answer) => ModelStreamInferResponse {
                        infer_response: Some(answer),
                        ..ModelStreamInferResponse::default()
                    },
                    Err(fault) => ModelStreamInferResponse {
                        error_message: fault.text,
                        infer_response: Some(ModelInferResponse { id, ..ModelInferResponse::default() }),
                    },
                })
            }
        });
        // Whoever sends more is told why there is no answer.
        let ending =
            async move { house.is_closing().then(|| Err(Status::unavailable("the service is ending"))) };
        let ending = futures_util::stream::once(ending).filter_map(|ending| ending);
        Ok(Response::new(Box::pin(answers.chain(ending))))
    }

    async fn model_config(&self, request: Request<ModelConfigRequest>) -> Answer<ModelConfigResponse> {
        let ModelConfigRequest { name, version } = request.into_inner();
        let served = versioned(&self.house, &name, &version)?;
        let config = oip::configuration(&self.house, &served);
        let most = i32::try_from(config.most).unwrap_or(i32::MAX);
        let input = |(value, dims): &(&ValueDef, Vec<i64>)| ModelInput {
            name: value.name.clone(),
            data_type: data_type(value.dtype).into(),
            dims: dims.clone(),
        };
        let output = |(value, dims): &(&ValueDef, Vec<i64>)| ModelOutput {
            name: value.name.clone(),
            data_type: data_type(value.dtype).into(),
            dims: dims.clone(),
        };
        Ok(Response::new(ModelConfigResponse {
            config: Some(ModelConfig {
                name: served.name.clone(),
                platform: oip::PLATFORM.into(),
                backend: oip::BACKEND.into(),
                max_batch_size: most,
                input: config.inputs.iter().map(input).collect(),
                output: config.outputs.iter().map(output).collect(),
            }),
        }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let ModelStatisticsRequest { name, version } = request.into_inner();
        let served = match name.as_str() {
            "" => self.house.models.ready(),
            name => vec![versioned(&self.house, name, &version)?],
        };
        let model_stats = served.iter().map(|served| statistics(served)).collect();
        Ok(Response::new(ModelStatisticsResponse { model_stats }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        let ready_alone = request.into_inner().ready;
        let entries =
            oip::index(&self.house).into_iter().filter(|entry| !ready_alone || entry.state == oip::READY);
        let models = entries.map(|Entry { name, version, state, reason }| ModelIndex {
            name,
            version,
            state: state.into(),
            reason,
        });
        Ok(Response::new(RepositoryIndexResponse { models: models.collect() }))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let RepositoryModelLoadRequest { model_name, parameters, .. } = request.into_inner();
        oip::loads_as_it_is(parameters.keys())?;
        oip::changed(self.house.clone(), move |models| models.load(&model_name)).await?;
        Ok(Response::new(RepositoryModelLoadResponse {}))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        let name = request.into_inner().model_name;
        oip::changed(self.house.clone(), move |models| models.unload(&name)).await?;
        Ok(Response::new(RepositoryModelUnloadResponse {}))
    }
}

fn data_type(dtype: DType) -> DataType {
    match dtype {
        DType::F32 => DataType::TypeFp32,
        DType::I64 => DataType::TypeInt64,
        DType::I32 => DataType::TypeInt32,
        DType::Bool => DataType::TypeBool,
    }
}

fn statistics(served: &Served) -> ModelStatistics {
    let figures = served.counts.figures();
    let times = |times: Spent| {
        let ns = u64::try_from(times.spent.as_nanos()).unwrap_or(u64::MAX);
        Some(StatisticDuration { count: times.count, ns })
    };
    ModelStatistics {
        name: served.name.clone(),
        version: served.version(),
        last_inference: figures.last,
        inference_count: figures.samples,
        execution_count: figures.runs.round() as u64,
        inference_stats: Some(InferStatistics {
            success: times(figures.succeeded),
            fail: times(figures.failed),
            queue: times(figures.waited),
            compute_input: times(figures.joined),
            compute_infer: times(figures.computed),
            compute_output: times(figures.parted),
        }),
    }
}
