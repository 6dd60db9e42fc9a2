//! From gRPC's messages to Gyrus's tensors, and back.

use std::time::Duration;

use tonic::{Code, Status};

use super::wire::infer_parameter::ParameterChoice;
use super::wire::model_infer_response::InferOutputTensor;
use super::wire::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use crate::serve::fault::Fault;
use crate::serve::models::Served;
use crate::serve::oip::{Named, Stated, datatype, from_bytes, from_contents, not_done, stated, to_bytes};
use crate::tensor::{DType, Data, Tensor};

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        let code = match fault.status.as_u16() {
            400 | 406 | 413 | 422 => Code::InvalidArgument,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::NotFound,
            429 => Code::ResourceExhausted,
            501 => Code::Unimplemented,
            503 => Code::Unavailable,
            504 => Code::DeadlineExceeded,
            _ => Code::Internal,
        };
        Status::new(code, fault.text)
    }
}

/// The tensors of a call, held to what the model takes; they are taken out of the message.
///
/// # Errors
/// As of REST; elements both in the messages and as bytes.
pub fn inputs(served: &Served, request: &mut ModelInferRequest) -> Result<Named, Fault> {
    let given = request
        .inputs
        .iter()
        .map(|input| (input.name.as_str(), input.datatype.as_str(), input.shape.as_slice()));
    let stated = stated(served.model.network(), given)?;
    let raw = &request.raw_input_contents;
    if !raw.is_empty() && raw.len() != request.inputs.len() {
        let text = format!("{} raw tensors for {} inputs", raw.len(), request.inputs.len());
        return Err(Fault::bad(text));
    }
    let mut inputs = Named::new();
    for (n, (stated, input)) in stated.iter().zip(&mut request.inputs).enumerate() {
        let tensor = match (raw.get(n), input.contents.take()) {
            (Some(_), Some(_)) => {
                return Err(Fault::bad(format!(
                    "the input '{}' is given both as contents and as bytes",
                    input.name
                )));
            }
            (Some(bytes), None) => from_bytes(stated, bytes)?,
            (None, contents) => from_message(stated, contents.unwrap_or_default())?,
        };
        inputs.insert(input.name.clone(), tensor);
    }
    Ok(inputs)
}

fn from_message(stated: &Stated, contents: InferTensorContents) -> Result<Tensor, Fault> {
    let data = match stated.value.dtype {
        DType::F32 => Data::F32(contents.fp32_contents),
        DType::I64 => Data::I64(contents.int64_contents),
        DType::I32 => Data::I32(contents.int_contents),
        DType::Bool => Data::Bool(contents.bool_contents),
    };
    from_contents(stated, data)
}

/// # Errors
/// When a call asks for what is not done here, as of REST.
pub fn only_what_is_done(request: &ModelInferRequest) -> Result<(), Fault> {
    let inputs = request.inputs.iter().map(|input| &input.parameters);
    let outputs = request.outputs.iter().map(|wanted| &wanted.parameters);
    let asked = [&request.parameters].into_iter().chain(inputs).chain(outputs);
    not_done(asked.flat_map(|parameters| parameters.keys()))
}

/// Until when an answer must be there: in microseconds, as Triton's clients say it.
pub fn timeout(request: &ModelInferRequest) -> Result<Option<Duration>, Fault> {
    let Some(InferParameter { parameter_choice }) = request.parameters.get("timeout") else {
        return Ok(None);
    };
    let micros = match parameter_choice {
        Some(ParameterChoice::Int64Param(micros)) => u64::try_from(*micros).ok(),
        Some(ParameterChoice::Uint64Param(micros)) => Some(*micros),
        _ => None,
    };
    let micros = micros.ok_or_else(|| Fault::bad("timeout: a number of microseconds is due"))?;
    Ok((micros > 0).then(|| Duration::from_micros(micros)))
}

/// The answer: elements as bytes where the call sent bytes, else within the messages.
///
/// # Errors
/// An output that the model does not give.
pub fn answer(
    served: &Served,
    request: ModelInferRequest,
    outputs: Vec<Tensor>,
) -> Result<ModelInferResponse, Fault> {
    let is_raw = !request.raw_input_contents.is_empty();
    let mut answer = ModelInferResponse {
        model_name: served.name.clone(),
        model_version: served.version(),
        id: request.id,
        ..ModelInferResponse::default()
    };
    let is_wanted =
        |name: &str| request.outputs.is_empty() || request.outputs.iter().any(|wanted| wanted.name == name);
    for (value, tensor) in served.model.network().outputs.iter().zip(outputs) {
        if !is_wanted(&value.name) {
            continue;
        }
        if is_raw {
            answer.raw_output_contents.push(to_bytes(&tensor));
        }
        answer.outputs.push(InferOutputTensor {
            name: value.name.clone(),
            datatype: datatype(tensor.dtype()).into(),
            shape: tensor.shape().iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect(),
            contents: (!is_raw).then(|| contents(&tensor)),
            ..InferOutputTensor::default()
        });
    }
    Ok(answer)
}

fn contents(tensor: &Tensor) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    match tensor.data().clone() {
        Data::F32(values) => contents.fp32_contents = values,
        Data::I64(values) => contents.int64_contents = values,
        Data::I32(values) => contents.int_contents = values,
        Data::Bool(values) => contents.bool_contents = values,
    }
    contents
}
