//! Who may use the service, and what it tells nobody.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::common::command::{arg, gyrus, network};
use crate::common::images::{Encoding, encode};
use crate::common::server::Service;

const TOKEN: &str = "a-token-that-is-long-enough";

#[test]
fn names_and_pages_of_others_are_refused() {
    let service = Service::start("cpu", &["--host", "gyrus.lab", "--origin", "https://viewer.example"]);
    let own = format!("http://{}", service.address);
    let cases = [
        (vec![("Host", "evil.example")], 421),
        (vec![("Host", "127.0.0.1.evil.example")], 421),
        (vec![("Host", "localhost:8000")], 200),
        (vec![("Host", "[::1]:8000")], 200),
        (vec![("Host", "gyrus.lab")], 200),
        (vec![("Host", "")], 400),
        (vec![("Origin", "https://evil.example")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Origin", "http://127.0.0.1:1")], 403),
        (vec![("Origin", own.as_str())], 200),
        (vec![("Origin", "https://viewer.example")], 200),
    ];
    for (headers, status) in cases {
        let reply = service.ask("GET", "/v1/models", &headers, b"");
        assert_eq!(reply.status, status, "{headers:?} {reply:?}");
        let allowed = reply.headers.get("access-control-allow-origin").map(String::as_str);
        let listed = headers[0].1 == "https://viewer.example";
        assert_eq!(allowed, listed.then_some("https://viewer.example"), "{headers:?}");
        let shown = reply.headers.get("access-control-expose-headers");
        assert!(shown.is_some_and(|shown| shown.contains("retry-after")) == listed, "{headers:?}");
    }
    // What a browser asks first.
    let headers = [("Origin", "https://viewer.example"), ("Access-Control-Request-Method", "POST")];
    let reply = service.ask("OPTIONS", "/v1/classify", &headers, b"");
    assert!(
        reply.status == 204 && reply.headers["access-control-allow-headers"].contains("x-file-name"),
        "{reply:?}"
    );
}

#[test]
fn every_answer_tells_browsers_what_they_may_do() {
    let service = Service::start("cpu", &[]);
    for path in ["/", "/v1/models", "/nothing", "/v2/health/live"] {
        let headers = service.get(path).headers;
        assert!(headers["content-security-policy"].starts_with("default-src 'none'"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
    assert_eq!(service.get("/v1/models").headers["cache-control"], "no-store");
}

#[test]
fn the_token_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).expect("a file");
    let service = Service::start("cpu", &["--token-file", &arg(&file)]);
    let picture = encode(Encoding::Png8);
    let asked =
        |path: &str, value: &str| service.ask("POST", path, &[("Authorization", value)], &picture).status;
    let right = format!("Bearer {TOKEN}");
    for path in ["/v1/classify", "/"] {
        assert_eq!(asked(path, &right), 200);
        for wrong in ["", "Bearer", "Bearer x", &format!("Bearer {TOKEN}x"), &format!("Basic {TOKEN}"), TOKEN]
        {
            assert_eq!(asked(path, wrong), 401, "{path} {wrong}");
        }
    }
    for path in ["/v1/models", "/metrics", "/v2", "/v2/models/classifier", "/v1/samples"] {
        assert_eq!(service.get(path).status, 401, "{path}");
    }
    for path in ["/v2/health/live", "/v2/health/ready", "/", "/docs/", "/openapi.json"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    // With it models can be taken out of service, and loaded again.
    let change = |what: &str| {
        service
            .ask(
                "POST",
                &format!("/v2/repository/models/classifier/{what}"),
                &[("Authorization", &right)],
                b"{}",
            )
            .status
    };
    assert_eq!((change("unload"), asked("/v1/classify?model=classifier", &right)), (200, 404));
    assert_eq!((change("load"), asked("/v1/classify?model=classifier", &right)), (200, 200));
    // Not with what the request brings along, which would be forgotten at the next start.
    for parameters in [r#"{"config": "{}"}"#, r#"{"file:1/model.onnx": "AA=="}"#] {
        let body = format!(r#"{{"parameters": {parameters}}}"#);
        let path = "/v2/repository/models/classifier/load";
        let reply = service.ask("POST", path, &[("Authorization", &right)], body.as_bytes());
        assert!(reply.status == 501 && reply.error().contains("as they lie"), "{reply:?}");
    }
    let text = service.ask("GET", "/v1/models", &[("Authorization", &right)], b"").body;
    assert!(!String::from_utf8_lossy(&text).contains(TOKEN));
}

#[test]
fn without_a_token_models_stay_and_others_cannot_reach_it() {
    let service = Service::start("cpu", &[]);
    for what in ["load", "unload"] {
        let reply = service.post(&format!("/v2/repository/models/classifier/{what}"), b"{}");
        assert!(reply.status == 403 && reply.error().contains("--token-file"), "{reply:?}");
    }
    let models = arg(&network(""));
    assert!(service.grpc.is_none(), "gRPC is there where it is asked for");
    for option in ["--addr", "--grpc-addr"] {
        let output = gyrus(
            std::env::temp_dir().as_path(),
            &["serve", option, "0.0.0.0:0", "--models", &models, "--device", "cpu"],
        );
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{option}: {text}");
        assert!(text.contains("others can reach this address; give --token-file"), "{option}: {text}");
    }
    let mut open = Service::start("cpu", &["--grpc-addr", "0.0.0.0:0", "--no-auth"]);
    assert!(open.grpc.is_some());
    open.signal("TERM");
    assert_eq!(open.ended().code(), Some(0));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "short\n").expect("a file");
    let output =
        gyrus(folder.path(), &["serve", "--token-file", "token", "--models", &models, "--device", "cpu"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("at least 16 characters"), "{text}");
}

#[test]
fn packed_bombs_and_long_heads_are_refused() {
    let service = Service::start("cpu", &["--body", "8"]);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..256 {
        bomb.write_all(&vec![0; 1 << 20]).expect("gzip");
    }
    let bomb = bomb.finish().expect("gzip");
    assert!(bomb.len() < 1 << 20);
    let before = service.memory();
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut GzDecoder::new(&bomb[..]), &mut deflated).expect("zlib");
    let deflated = deflated.finish().expect("zlib");
    for path in ["/v1/classify", "/v1/segment", "/v2/models/classifier/infer", "/v2/repository/index", "/"] {
        for (coding, bomb) in [("gzip", &bomb), ("deflate", &deflated)] {
            let reply = service.ask("POST", path, &[("Content-Encoding", coding)], bomb);
            assert_eq!(reply.status, 413, "{coding} {path} {reply:?}");
        }
    }
    assert!(service.memory() < before + 100, "{before} {}", service.memory());
    let reply = service.ask("POST", "/v1/classify", &[("Content-Encoding", "gzip")], b"no gzip at all");
    assert_eq!(reply.status, 400, "{reply:?}");
    // One that ends within what is packed.
    let mut cut = GzEncoder::new(Vec::new(), Compression::fast());
    cut.write_all(&encode(Encoding::Png8)).expect("gzip");
    let cut = cut.finish().expect("gzip");
    let reply = service.ask("POST", "/v1/classify", &[("Content-Encoding", "gzip")], &cut[..cut.len() / 2]);
    assert_eq!(reply.status, 400, "{reply:?}");
    let reply = service.ask("GET", "/v1/models", &[("X-Long", &"x".repeat(1_000_000))], b"");
    assert_eq!(reply.status, 431);
    // More than are taken here, and fewer than hyper takes by itself.
    let many: Vec<String> = (0..80).map(|n| format!("X-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(service.ask("GET", "/v1/models", &many, b"").status, 431);
}

#[test]
fn nothing_tells_where_files_lie_or_what_they_are_called() {
    let mut service = Service::start("cpu", &["--verbose"]);
    let volume = crate::common::volumes::nifti(|bytes| bytes.truncate(300));
    let headers = [("X-File-Name", "Jane%20Doe.nii")];
    let reply = service.ask("POST", "/v1/classify", &headers, &volume);
    assert!(reply.status == 400 && reply.error().starts_with("Jane Doe.nii: damaged NIfTI"), "{reply:?}");
    assert!(!reply.error().contains("/tmp"), "{reply:?}");
    service.get("/v1/Jane%20Doe");
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
    let said = service.said.join("\n");
    assert!(said.contains("\"route\":\"/v1/classify\"") && !said.contains("Jane"), "{said}");
}

#[test]
fn settings_stand_in_a_file_or_the_environment_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("gyrus.toml");
    fs::write(&config, "device = \"cpu\"\nbatch = 2\nhost = [\"gyrus.lab\"]\nbody = 1\n").expect("a file");
    let service = Service::start("cpu", &["--config", &arg(&config), "--body", "2"]);
    assert_eq!(service.ask("GET", "/v1/models", &[("Host", "gyrus.lab")], b"").status, 200);
    assert_eq!(service.get("/v2/models/classifier/config").json()["max_batch_size"], 2);
    // The option wins over the file.
    assert!(service.post("/v1/classify", &vec![7; 3 << 20]).error().contains("larger than 2 MiB"));
    for (text, said) in
        [("batch = 64", "batch: 64, where 1 to 32"), ("colour = 1", "unknown field"), ("addr = 7", "addr")]
    {
        fs::write(&config, text).expect("a file");
        let done = gyrus(folder.path(), &["serve", "--device", "cpu", "--config", "gyrus.toml"]);
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(2) && told.contains(said) && told.lines().count() == 1, "{told}");
    }
    // The environment wins over the file, and names everything.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gyrus"));
    command
        .args(["serve", "--config", &arg(&config)])
        .env("GYRUS_ADDR", "0.0.0.0:0")
        .env("GYRUS_DEVICE", "cpu");
    fs::write(&config, "addr = \"127.0.0.1:0\"\n").expect("a file");
    let told = String::from_utf8_lossy(&command.output().expect("gyrus runs").stderr).into_owned();
    assert!(told.contains("give --token-file"), "{told}");
}
