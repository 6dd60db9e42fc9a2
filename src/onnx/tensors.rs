//! `TensorProto` to [`Tensor`]: raw or typed data, inside the file or beside it.

use super::external::ExternalFiles;
use super::proto::{TensorProto, tensor_proto::DataLocation, tensor_proto::DataType};
use crate::tensor::{DType, Data, Shape, Tensor};

/// The element type behind an ONNX type number.
pub(super) fn dtype(number: i32) -> Result<DType, String> {
    match DataType::try_from(number) {
        Ok(DataType::Float) => Ok(DType::F32),
        Ok(DataType::Int64) => Ok(DType::I64),
        Ok(DataType::Int32) => Ok(DType::I32),
        Ok(DataType::Bool) => Ok(DType::Bool),
        Ok(other) => Err(format!("element type {} is not supported", other.as_str_name())),
        Err(_) => Err(format!("unknown element type {number}")),
    }
}

/// A tensor of the file. Sizes are checked against the bytes that are really there before anything is allocated.
pub(super) fn tensor(proto: &TensorProto, external: &mut ExternalFiles) -> Result<Tensor, String> {
    let dtype = dtype(proto.data_type())?;
    let dims: Option<Vec<usize>> = proto.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.ok_or_else(|| format!("negative size in {:?}", proto.dims))?;
    let shape = Shape::new(dims).map_err(|e| e.to_string())?;
    let data = if proto.data_location() == DataLocation::External {
        from_raw(dtype, external.slice(&proto.external_data)?, &shape)?
    } else if let Some(raw) = &proto.raw_data {
        from_raw(dtype, raw, &shape)?
    } else {
        from_fields(dtype, proto)?
    };
    Tensor::new(shape.to_vec(), data).map_err(|e| e.to_string())
}

fn from_raw(dtype: DType, raw: &[u8], shape: &Shape) -> Result<Data, String> {
    let size = match dtype {
        DType::F32 | DType::I32 => 4,
        DType::I64 => 8,
        DType::Bool => 1,
    };
    if raw.len() != shape.elements() * size {
        let expected = shape.elements() * size;
        return Err(format!("shape {shape} needs {expected} bytes of data, the file has {}", raw.len()));
    }
    Ok(match dtype {
        DType::F32 => Data::F32(raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        DType::I32 => Data::I32(raw.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect()),
        DType::I64 => Data::I64(raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        DType::Bool => Data::Bool(raw.iter().map(|&b| b != 0).collect()),
    })
}

fn from_fields(dtype: DType, proto: &TensorProto) -> Result<Data, String> {
    Ok(match dtype {
        DType::F32 => Data::F32(proto.float_data.clone()),
        DType::I64 => Data::I64(proto.int64_data.clone()),
        DType::I32 => Data::I32(proto.int32_data.clone()),
        DType::Bool => Data::Bool(proto.int32_data.iter().map(|&v| v != 0).collect()),
    })
}
