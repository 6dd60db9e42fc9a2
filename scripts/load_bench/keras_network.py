"""The shipped classifier as a Keras model, layer by layer out of its ONNX file."""

import keras
import onnx
from onnx import helper, numpy_helper


def model(path):
    """The model in Keras's own layout (NHWC), of which `predict` gives what the ONNX file's first output is."""
    graph = onnx.load(path).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    channels, height, width = (dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim[1:])
    image = keras.Input((height, width, channels))
    values = {graph.input[0].name: image}
    for node in graph.node:
        values[node.output[0]] = layer(node, weights, values[node.input[0]])
    return keras.Model(image, values[graph.output[0].name])


def layer(node, weights, value):
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    own = [weights[name] for name in node.input[1:]]
    match node.op_type:
        case "Conv":
            kernel = own[0].transpose(2, 3, 1, 0)
            same = "same" if any(given["pads"]) else "valid"
            return loaded(keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], padding=same), value, [kernel, own[1]])
        case "BatchNormalization":
            return loaded(keras.layers.BatchNormalization(epsilon=given["epsilon"]), value, own)
        case "Gemm":
            return loaded(keras.layers.Dense(len(own[1])), value, [own[0].T, own[1]])
        case "MaxPool":
            return keras.layers.MaxPooling2D(given["kernel_shape"], given["strides"])(value)
        case "GlobalAveragePool":
            return keras.layers.GlobalAveragePooling2D()(value)
        case "Relu":
            return keras.layers.ReLU()(value)
        case "Flatten":
            return keras.layers.Flatten()(value)
    raise ValueError(f"{node.op_type}: not among the classifier's operators")


def loaded(made, value, weights):
    result = made(value)
    made.set_weights(weights)
    return result
