//! The Open Inference Protocol as it stands: what it answers, and what it refuses.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::common::images::{Encoding, encode};
use crate::common::server::{Reply, Service};

const PATH: &str = "/v2/models/classifier/infer";
const SAMPLE: usize = 24 * 20;

fn values(rows: usize) -> Vec<f32> {
    (0..rows * SAMPLE).map(|n| (n % 17) as f32 / 17.0).collect()
}

fn request(rows: usize) -> Value {
    json!({ "id": "one", "inputs": [{ "name": "image", "shape": [rows, 1, 24, 20], "datatype": "FP32", "data": values(rows) }] })
}

fn logits(reply: &Reply) -> Vec<f64> {
    let json = reply.json();
    let outputs = json["outputs"].as_array().unwrap_or_else(|| panic!("{json}"));
    let logits = outputs.iter().find(|output| output["name"] == "logits").expect("logits");
    logits["data"].as_array().expect("data").iter().filter_map(Value::as_f64).collect()
}

/// JSON, and the bytes after it.
fn binary(json: &Value, tensors: &[u8]) -> (String, Vec<u8>) {
    let json = json.to_string();
    (json.len().to_string(), [json.as_bytes(), tensors].concat())
}

#[test]
fn json_bytes_and_packed_bodies_give_the_same() {
    let service = Service::start("cpu", &[]);
    let plain = request(3).to_string();
    let reply = service.post(PATH, plain.as_bytes());
    let json = reply.json();
    assert_eq!(
        (&json["id"], &json["model_name"], &json["model_version"]),
        (&"one".into(), &"classifier".into(), &"1".into())
    );
    let expected = logits(&reply);
    assert_eq!(expected.len(), 9);
    // Nested data.
    let nested: Vec<Vec<f32>> = values(3).chunks(SAMPLE).map(<[f32]>::to_vec).collect();
    let mut other = request(3);
    other["inputs"][0]["data"] = json!(nested);
    assert_eq!(logits(&service.post(PATH, other.to_string().as_bytes())), expected);
    // Packed in both ways.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(plain.as_bytes()).expect("gzip");
    let gzip = gzip.finish().expect("gzip");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(plain.as_bytes()).expect("zlib");
    let zlib = zlib.finish().expect("zlib");
    for (coding, body) in [("gzip", gzip), ("deflate", zlib)] {
        assert_eq!(logits(&service.ask("POST", PATH, &[("Content-Encoding", coding)], &body)), expected);
    }
    // As bytes, one output alone as bytes.
    let tensors: Vec<u8> = values(3).iter().flat_map(|value| value.to_le_bytes()).collect();
    let asked = json!({
        "inputs": [{ "name": "image", "shape": [3, 1, 24, 20], "datatype": "FP32", "parameters": { "binary_data_size": tensors.len() } }],
        "outputs": [{ "name": "logits", "parameters": { "binary_data": true } }],
    });
    let (length, body) = binary(&asked, &tensors);
    let reply = service.ask("POST", PATH, &[("Inference-Header-Content-Length", &length)], &body);
    let length: usize = reply.headers["inference-header-content-length"].parse().expect("a number");
    let described: Value = serde_json::from_slice(&reply.body[..length]).expect("JSON");
    assert_eq!(described["outputs"].as_array().map(Vec::len), Some(1), "{described}");
    let found: Vec<f64> = reply.body[length..]
        .chunks_exact(4)
        .map(|four| f64::from(f32::from_le_bytes(four.try_into().expect("four bytes"))))
        .collect();
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6) && found.len() == 9);
}

#[test]
fn answers_are_packed_where_that_is_asked() {
    let service = Service::start("cpu", &[]);
    let mut asked = request(3);
    let plain = service.post(PATH, asked.to_string().as_bytes());
    assert!(!plain.headers.contains_key("content-encoding"), "{plain:?}");
    asked["parameters"] = json!({ "binary_data_output": true });
    let bytes = service.post(PATH, asked.to_string().as_bytes());
    for (coding, unpack) in [("gzip", unzipped as fn(&[u8]) -> Vec<u8>), ("deflate", inflated)] {
        for (body, expected) in [(request(3), &plain), (asked.clone(), &bytes)] {
            let body = body.to_string();
            let reply = service.ask("POST", PATH, &[("Accept-Encoding", coding)], body.as_bytes());
            assert_eq!(reply.headers.get("content-encoding").map(String::as_str), Some(coding), "{reply:?}");
            let own = |reply: &Reply| reply.headers.get("inference-header-content-length").cloned();
            // The length of the JSON is that before packing.
            assert_eq!(own(&reply), own(expected));
            assert!(unpack(&reply.body) == expected.body && reply.body != expected.body, "{coding}");
        }
    }
}

fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    GzDecoder::new(body).read_to_end(&mut whole).expect("gzip");
    whole
}

fn inflated(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    ZlibDecoder::new(body).read_to_end(&mut whole).expect("zlib");
    whole
}

#[test]
fn a_request_says_itself_until_when_it_wants_an_answer() {
    let service = Service::start("cpu", &[]);
    let mut asked = request(1);
    asked["parameters"] = json!({ "timeout": 1 });
    let late = service.post(PATH, asked.to_string().as_bytes());
    assert!(late.status == 504 && late.error().contains("too late"), "{late:?}");
    assert_eq!(service.metric("nv_inference_count{model=\"classifier\""), 0.0);
    // Zero says that it has no limit of its own.
    asked["parameters"] = json!({ "timeout": 0 });
    assert_eq!(service.post(PATH, asked.to_string().as_bytes()).status, 200);
    let hasty = Service::start("cpu", &["--timeout", "0"]);
    assert_eq!(hasty.post(PATH, request(1).to_string().as_bytes()).status, 504);
}

#[test]
fn it_is_ready_once_its_models_are() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/weights");
    let mut service = Service::spawn(models, "cpu", &[]);
    // Their networks take seconds to be opened.
    assert_eq!(service.get("/v2/health/ready").status, 503);
    assert_eq!(service.get("/v2/health/live").status, 200);
    // Which there are nobody knows yet.
    for (path, body) in [(PATH, &b"{}"[..]), ("/v1/classify", &encode(Encoding::Png8)), ("/", b"x")] {
        let early = service.post(path, body);
        assert!(early.status == 503 && early.error().contains("still being loaded"), "{path}: {early:?}");
        assert_eq!(early.headers["retry-after"], "1");
    }
    service.wait_for("note: ready");
    assert_eq!(service.get("/v2/health/ready").status, 200);
    let none = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(none.path().join("broken")).expect("a folder");
    std::fs::write(none.path().join("broken/card.toml"), "no card").expect("a file");
    let mut service = Service::spawn(&none.path().display().to_string(), "cpu", &[]);
    service.wait_for("note: not ready: no model can be served");
    assert_eq!(service.get("/v2/health/ready").status, 503);
    assert_eq!(service.get("/v2/health/live").status, 200);
}

#[test]
fn what_does_not_fit_is_refused_before_any_work() {
    let service = Service::start("cpu", &[]);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut request = request(1);
        change(&mut request);
        request
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(&str, Change); 12] = [
        ("no input 'picture'; the model takes: image", &|r| r["inputs"][0]["name"] = json!("picture")),
        ("the input 'image' is FP16, where FP32 is due", &|r| r["inputs"][0]["datatype"] = json!("FP16")),
        ("its shape is [1, 1, 24, 21]", &|r| r["inputs"][0]["shape"] = json!([1, 1, 24, 21])),
        ("its sizes must be above zero", &|r| r["inputs"][0]["shape"] = json!([-1, 1, 24, 20])),
        ("its sizes must be above zero", &|r| r["inputs"][0]["shape"] = json!([0, 1, 24, 20])),
        ("too many elements", &|r| r["inputs"][0]["shape"] = json!([i64::MAX, 1, 24, 20])),
        ("has 480 elements, where 960 are due", &|r| r["inputs"][0]["shape"] = json!([2, 1, 24, 20])),
        ("the input 'image' is missing", &|r| r["inputs"] = json!([])),
        ("is given twice", &|r| r["inputs"] = json!([r["inputs"][0], r["inputs"][0]])),
        ("no output 'mask'; the model gives: logits", &|r| r["outputs"] = json!([{ "name": "mask" }])),
        ("33 rows, where at most 32 are taken at a time", &|r| *r = request(33)),
        ("timeout: a number of microseconds is due", &|r| r["parameters"] = json!({ "timeout": -5 })),
    ];
    for (said, change) in cases {
        let reply = service.post(PATH, changed(change).to_string().as_bytes());
        assert_eq!(reply.status, 400, "{said}: {reply:?}");
        assert!(reply.error().contains(said), "{said}: {}", reply.error());
    }
    let ragged = json!([[1, 2], [3]]);
    let reply =
        service.post(PATH, changed(&|r| r["inputs"][0]["data"] = ragged.clone()).to_string().as_bytes());
    assert!(reply.status == 400 && reply.error().contains("must be of one length"), "{reply:?}");
    let reply = service.ask("POST", PATH, &[("Content-Encoding", "br")], b"packed otherwise");
    assert!(reply.status == 415 && reply.error().contains("gzip or deflate"), "{reply:?}");
    assert!(service.get("/v2/models/%ff").error().contains("UTF-8"), "{:?}", service.get("/v2/models/%ff"));
    for body in [&b""[..], b"{", b"[]", b"{\"inputs\": 7}", b"\xff\xfe"] {
        assert_eq!(service.post(PATH, body).status, 400, "{body:?}");
    }
    assert_eq!(service.post("/v2/models/none/infer", b"{}").status, 404);
    let long = service.post(PATH, &vec![b' '; (32 << 20) + 1]);
    assert!(long.status == 413 && long.error().contains("larger than 32 MiB"), "{long:?}");
    let question = service.post("/v2/repository/index", &[b' '; 70_000]);
    assert!(question.status == 413 && question.error().contains("larger than 64 KiB"), "{question:?}");
    assert_eq!(service.post("/v2/models/classifier/versions/7/infer", b"{}").status, 404);
    assert_eq!(service.get(PATH).status, 405);
    // Nothing of all that has reached the device.
    assert_eq!(service.metric("nv_inference_count{model=\"classifier\""), 0.0);
}

#[test]
fn sizes_that_lie_are_found_out() {
    let service = Service::start("cpu", &[]);
    let tensors = vec![0u8; 4 * SAMPLE];
    let asked = |size: Value| json!({ "inputs": [{ "name": "image", "shape": [1, 1, 24, 20], "datatype": "FP32", "parameters": { "binary_data_size": size } }] });
    let full = json!(tensors.len());
    let cases = [
        (asked(json!(u64::MAX)), &tensors[..], None, "ends within the bytes of 'image'"),
        (asked(json!(-1)), &tensors[..], None, "binary_data_size is no number of bytes"),
        (asked(json!(8)), &tensors[..], None, "has 8 bytes, where 1920 are due"),
        (asked(full.clone()), &tensors[..100], None, "ends within the bytes of 'image'"),
        (asked(full.clone()), &tensors[..], Some("99999999999999999999"), "a number of bytes is due"),
        (asked(full.clone()), &tensors[..], Some("999999"), "a number of bytes is due"),
        (asked(full.clone()), &tensors[..], Some("5"), "JSON"),
    ];
    for (json, bytes, length, said) in cases {
        let (own, body) = binary(&json, bytes);
        let headers = [("Inference-Header-Content-Length", length.unwrap_or(&own))];
        let reply = service.ask("POST", PATH, &headers, &body);
        assert!(reply.status == 400 && reply.error().contains(said), "{said}: {reply:?}");
    }
    // More than is stated.
    let (length, body) = binary(&asked(full), &[&tensors[..], b"more"].concat());
    let reply = service.ask("POST", PATH, &[("Inference-Header-Content-Length", &length)], &body);
    assert!(reply.error().contains("4 bytes follow the last tensor"), "{reply:?}");
    let not_finite: Vec<u8> = std::iter::repeat_n(f32::NAN.to_le_bytes(), SAMPLE).flatten().collect();
    let (length, body) = binary(&asked(json!(not_finite.len())), &not_finite);
    let reply = service.ask("POST", PATH, &[("Inference-Header-Content-Length", &length)], &body);
    assert!(reply.status == 400 && reply.error().contains("not finite"), "{reply:?}");
}

#[test]
fn every_model_of_the_folder_is_served() {
    let service = Service::start("cpu", &[]);
    // One takes any number of samples, the other two alone.
    for (name, shape) in [("segmenter", [1, 3, 32, 32]), ("segmenter-logits", [2, 3, 24, 40])] {
        let data = vec![0.5; shape.iter().product::<usize>()];
        let described = service.get(&format!("/v2/models/{name}")).json();
        let (input, output) = (&described["inputs"][0]["name"], &described["outputs"][0]);
        let given = json!({ "name": input, "shape": shape, "datatype": "FP32", "data": data });
        let asked = json!({ "inputs": [given] }).to_string();
        let reply = service.post(&format!("/v2/models/{name}/infer"), asked.as_bytes());
        assert_eq!(reply.status, 200, "{name}: {}", reply.error());
        let found = &reply.json()["outputs"][0];
        assert_eq!((&found["name"], &found["datatype"]), (&output["name"], &output["datatype"]));
        let expected = json!([shape[0], 1, shape[2], shape[3]]);
        assert_eq!(found["shape"], expected, "{name}");
        let elements = found["data"].as_array().map_or(0, Vec::len);
        assert_eq!(elements, shape[0] * shape[2] * shape[3]);
    }
}

#[test]
fn models_are_described() {
    let service = Service::start("cpu", &[]);
    assert_eq!(service.get("/v2/health/live").json(), json!({ "live": true }));
    assert_eq!(service.get("/v2/health/ready").json(), json!({ "ready": true }));
    assert_eq!(service.get("/v2").json()["name"], "gyrus");
    let model = service.get("/v2/models/classifier/versions/1").json();
    assert_eq!(model["inputs"], json!([{ "name": "image", "datatype": "FP32", "shape": [-1, 1, 24, 20] }]));
    assert_eq!(service.get("/v2/models/classifier/config").json()["input"][0]["dims"], json!([1, 24, 20]));
    let states = service.post("/v2/repository/index", b"").json();
    let state = |name: &str| {
        states.as_array().expect("a list").iter().find(|m| m["name"] == name).map(|m| m["state"].clone())
    };
    assert_eq!(state("classifier"), Some("READY".into()), "{states}");
    service.post(PATH, request(2).to_string().as_bytes());
    let stats = service.get("/v2/models/classifier/stats").json();
    assert_eq!(stats["model_stats"][0]["inference_count"], 2, "{stats}");
    let gauges = [
        ("gyrus_queue_depth", 0.0),
        ("gyrus_device_info{device=\"cpu\"", 1.0),
        ("nv_inference_pending_request_count{model=\"classifier\",version=\"1\"}", 0.0),
    ];
    for (name, value) in gauges {
        assert_eq!(service.metric(name), value, "{name}");
    }
}
