"""Published clients against a running service, with ONNX Runtime as the judge of what they are answered.

    clients.py triton|kserve|stream HTTP-ADDRESS GRPC-ADDRESS MODEL.onnx [PICTURE TOKEN]

The model is the classifier of tests/fixtures/networks. TOKEN may be empty. What is wrong raises. `stream` holds a stream open that was
answered once, until its input ends.
"""

import asyncio
import queue
import sys

import numpy as np
import onnxruntime

WHICH, HTTP, GRPC, MODEL, PICTURE, TOKEN = [*sys.argv[1:], "", ""][:6]
# Both bring the protocol's messages along, and one process takes them once.
if WHICH != "kserve":
    import tritonclient.grpc as triton_grpc
    import tritonclient.http as triton_http
    from huggingface_hub import InferenceClient
else:
    from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

# gRPC knows small letters alone.
HEADERS = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
NAME, SHAPE = "classifier", (3, 1, 24, 20)
SAMPLES = np.random.default_rng(5).random(SHAPE, dtype=np.float32)
EXPECTED = dict(
    zip(
        [output.name for output in onnxruntime.InferenceSession(MODEL).get_outputs()],
        onnxruntime.InferenceSession(MODEL).run(None, {"image": SAMPLES}),
    )
)


def near(found, name):
    expected = EXPECTED[name]
    assert found.shape == expected.shape, (found.shape, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def over_http():
    client = triton_http.InferenceServerClient(HTTP, concurrency=4)
    assert client.is_server_live() and client.is_server_ready(headers=HEADERS)
    assert client.is_model_ready(NAME, headers=HEADERS) and not client.is_model_ready("none", headers=HEADERS)
    assert client.get_server_metadata(headers=HEADERS)["name"] == "gyrus"
    metadata = client.get_model_metadata(NAME, headers=HEADERS)
    assert metadata["inputs"][0] == {"name": "image", "datatype": "FP32", "shape": [-1, 1, 24, 20]}
    assert client.get_model_config(NAME, headers=HEADERS)["input"][0]["data_type"] == "TYPE_FP32"
    ready = {model["name"]: model["state"] for model in client.get_model_repository_index(headers=HEADERS)}
    assert ready[NAME] == "READY", ready
    for binary in (True, False):
        given = triton_http.InferInput("image", SHAPE, "FP32")
        given.set_data_from_numpy(SAMPLES, binary_data=binary)
        wanted = [triton_http.InferRequestedOutput("logits", binary_data=binary)]
        for packed in (None, "gzip", "deflate"):
            for outputs in (wanted, None):
                result = client.infer(
                    NAME,
                    [given],
                    outputs=outputs,
                    request_id="seven",
                    headers=dict(HEADERS),
                    request_compression_algorithm=packed,
                    response_compression_algorithm=packed,
                )
                near(result.as_numpy("logits"), "logits")
                assert result.get_response()["id"] == "seven"
                if outputs is None:
                    near(result.as_numpy("features"), "features")
    waiting = [client.async_infer(NAME, [given], headers=dict(HEADERS)) for _ in range(12)]
    for request in waiting:
        near(request.get_result().as_numpy("logits"), "logits")
    counted = client.get_inference_statistics(NAME, headers=HEADERS)["model_stats"][0]
    assert counted["inference_count"] == 3 * (12 + 12), counted
    wrong = triton_http.InferInput("image", (1, 1, 24, 21), "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 1, 24, 21), np.float32))
    refused(lambda: client.infer(NAME, [wrong], headers=dict(HEADERS)), "its shape is")
    # In microseconds.
    refused(lambda: client.infer(NAME, [given], headers=dict(HEADERS), timeout=1), "too late")
    unloaded(client, given)
    client.close()


def unloaded(client, given):
    """A model is unloaded and loaded again, where there is a token."""
    if not TOKEN:
        refused(lambda: client.unload_model(NAME), "--token-file")
        return
    refused(lambda: client.infer(NAME, [given]), "token")
    client.unload_model(NAME, headers=HEADERS)
    assert not client.is_model_ready(NAME, headers=HEADERS)
    refused(lambda: client.load_model(NAME, config="{}", headers=HEADERS), "as they lie")
    client.load_model(NAME, headers=HEADERS)
    assert client.is_model_ready(NAME, headers=HEADERS)


def over_grpc():
    client = triton_grpc.InferenceServerClient(GRPC)
    if TOKEN:
        refused(client.is_server_live, "token")
        refused(lambda: client.is_server_live(headers={"authorization": f"Bearer {TOKEN}x"}), "token")
    assert client.is_server_live(headers=HEADERS) and client.is_server_ready(headers=HEADERS)
    assert client.is_model_ready(NAME, headers=HEADERS)
    assert client.get_server_metadata(headers=HEADERS).name == "gyrus"
    metadata = client.get_model_metadata(NAME, headers=HEADERS)
    assert list(metadata.inputs[0].shape) == [-1, 1, 24, 20] and metadata.outputs[0].name == "logits"
    config = client.get_model_config(NAME, headers=HEADERS).config
    assert list(config.input[0].dims) == [1, 24, 20] and config.max_batch_size == 32
    given = triton_grpc.InferInput("image", SHAPE, "FP32")
    given.set_data_from_numpy(SAMPLES)
    for packed in (None, "gzip", "deflate"):
        result = client.infer(NAME, [given], request_id="eight", headers=HEADERS, compression_algorithm=packed)
        near(result.as_numpy("logits"), "logits")
        assert result.get_response().id == "eight"
    wanted = [triton_grpc.InferRequestedOutput("features")]
    result = client.infer(NAME, [given], outputs=wanted, headers=HEADERS)
    near(result.as_numpy("features"), "features")
    assert result.as_numpy("logits") is None
    streamed(client, given)
    assert client.get_inference_statistics(NAME, headers=HEADERS).model_stats[0].inference_count >= 3 * 4
    assert NAME in {model.name for model in client.get_model_repository_index(headers=HEADERS).models}
    wrong = triton_grpc.InferInput("picture", SHAPE, "FP32")
    wrong.set_data_from_numpy(SAMPLES)
    refused(lambda: client.infer(NAME, [wrong], headers=HEADERS), "no input 'picture'")
    refused(lambda: client.infer("none", [given], headers=HEADERS), "no model 'none'")
    refused(lambda: client.infer(NAME, [given], headers=HEADERS, timeout=1), "too late")
    narrow = triton_grpc.InferInput("image", (3, 1, 24, 21), "FP32")
    narrow.set_data_from_numpy(np.zeros((3, 1, 24, 21), np.float32))
    refused(lambda: client.infer(NAME, [narrow], headers=HEADERS), "its shape is")
    whole = triton_grpc.InferInput("image", SHAPE, "INT32")
    whole.set_data_from_numpy(SAMPLES.astype(np.int32))
    refused(lambda: client.infer(NAME, [whole], headers=HEADERS), "is INT32, where FP32 is due")
    many = triton_grpc.InferInput("image", (33, 1, 24, 20), "FP32")
    many.set_data_from_numpy(np.zeros((33, 1, 24, 20), np.float32))
    refused(lambda: client.infer(NAME, [many], headers=HEADERS), "at most 32")
    scores = [triton_grpc.InferRequestedOutput("logits", class_count=2)]
    refused(lambda: client.infer(NAME, [given], outputs=scores, headers=HEADERS), "classification is not supported")
    refused(lambda: client.infer(NAME, [given], sequence_id=7, headers=HEADERS), "sequence_id is not supported")
    unloaded(client, given)
    client.close()
    swollen()


def swollen():
    """Messages that unpack to far more than they are."""
    import grpc

    channel = grpc.insecure_channel(GRPC)

    def ask(name, message, packed):
        call = channel.unary_unary(f"/inference.GRPCInferenceService/{name}")
        try:
            call(message, metadata=list(HEADERS.items()), compression=packed, timeout=60)
        except grpc.RpcError as error:
            return error.code()
        return None

    empty_inputs = b"\x2a\x00" * (1 << 20)
    for packed in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        assert ask("ModelInfer", empty_inputs, packed) == grpc.StatusCode.INVALID_ARGUMENT
    # A call without tensors takes a few words.
    assert ask("ServerLive", b"", grpc.Compression.NoCompression) is None
    long = b"\x0a\x80\x80\x08" + bytes(1 << 17)
    assert ask("ModelReady", long, grpc.Compression.NoCompression) == grpc.StatusCode.INVALID_ARGUMENT
    channel.close()


def streamed(client, given):
    answers = []
    client.start_stream(lambda result, error: answers.append((result, error)), headers=HEADERS)
    for _ in range(3):
        client.async_stream_infer(NAME, [given])
    client.async_stream_infer("none", [given])
    client.stop_stream()
    for result, error in answers[:3]:
        assert error is None, error
        near(result.as_numpy("logits"), "logits")
    assert len(answers) == 4 and "no model 'none'" in str(answers[3][1]), answers[3:]


async def over_kserve():
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    base = f"http://{HTTP}"
    assert await client.is_server_live(base, headers=HEADERS)
    assert await client.is_server_ready(base, headers=HEADERS)
    assert await client.is_model_ready(base, NAME, headers=HEADERS)
    for binary in (True, False):
        given = InferInput("image", list(SHAPE), "FP32")
        given.set_data_from_numpy(SAMPLES, binary_data=binary)
        answer = await client.infer(base, InferRequest(NAME, [given]), model_name=NAME, headers=dict(HEADERS))
        found = {output.name: output for output in answer.outputs}
        near(found["logits"].as_numpy(), "logits")


async def over_kserve_grpc():
    client, headers = InferenceGRPCClient(GRPC), list(HEADERS.items())
    assert await client.is_server_live(headers=headers) and await client.is_server_ready(headers=headers)
    assert await client.is_model_ready(NAME, headers=headers)
    given = InferInput("image", list(SHAPE), "FP32")
    given.set_data_from_numpy(SAMPLES)
    answer = await client.infer(InferRequest(NAME, [given]), headers=headers)
    found = {output.name: output for output in answer.outputs}
    near(found["logits"].as_numpy(), "logits")
    await client.close()


def held_open():
    client, answers = triton_grpc.InferenceServerClient(GRPC), queue.Queue()
    given = triton_grpc.InferInput("image", SHAPE, "FP32")
    given.set_data_from_numpy(SAMPLES)
    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer(NAME, [given])
    result, error = answers.get(timeout=60)
    assert error is None, error
    near(result.as_numpy("logits"), "logits")
    print("answered", flush=True)
    sys.stdin.read()


def over_huggingface():
    client = InferenceClient(model=f"http://{HTTP}/", token=TOKEN or None, headers=HEADERS)
    found = client.image_classification(PICTURE)
    assert {entry.label for entry in found} == {"left", "middle", "right"}, found
    assert abs(sum(entry.score for entry in found) - 1) < 1e-4
    assert found[0].score == max(entry.score for entry in found)
    best = client.image_classification(PICTURE, top_k=1)
    assert [entry.label for entry in best] == [found[0].label], best


def refused(call, said):
    try:
        call()
    except Exception as error:
        assert said in str(error), (said, error)
        return
    raise AssertionError(f"not refused: {said}")


if WHICH == "triton":
    over_http()
    over_grpc()
    over_huggingface()
elif WHICH == "kserve":
    asyncio.run(over_kserve())
    asyncio.run(over_kserve_grpc())
else:
    held_open()
