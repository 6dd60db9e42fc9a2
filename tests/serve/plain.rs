//! The plain API answers what the command prints.

use std::fs;
use std::path::Path;

use gyrus::imaging::{Affine, Grid, read_volume, write_probability_volume};
use serde_json::Value;

use crate::common::command::{DEVICES, arg, gyrus, lines, network};
use crate::common::images::{Encoding, encode};
use crate::common::server::{Reply, Service, bytes, multipart};

/// The entries of an answer.
fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()["results"].as_array().expect("a list").clone()
}

/// Without what differs from run to run, and what only one of both says.
fn lasting(mut value: Value, names: &[&str]) -> Value {
    let object = value.as_object_mut().expect("an object");
    ["milliseconds", "picture", "file"].iter().chain(names).for_each(|name| {
        object.remove(*name);
    });
    value
}

/// What a `data:` address holds.
fn held(value: &Value, kind: &str) -> Vec<u8> {
    use base64::Engine;
    let text = value.as_str().and_then(|text| text.strip_prefix(&format!("data:{kind};base64,")));
    base64::prelude::BASE64_STANDARD.decode(text.unwrap_or_else(|| panic!("{value}"))).expect("base64")
}

#[test]
fn classes_are_those_of_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("a.png", encode(Encoding::Png8)),
        ("b.tif", encode(Encoding::Tiff16)),
        ("c.jpg", encode(Encoding::JpegRgb)),
    ];
    for (name, content) in &files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    for device in DEVICES {
        let model = arg(&network("classifier"));
        let printed = lines(&gyrus(
            folder.path(),
            &["classify", "--model", &model, "--device", device, "--format", "json", "."],
        ));
        assert_eq!(printed.len(), 3, "{printed:?}");
        let service = Service::start(device, &[]);
        let parts: Vec<(&str, &str, &[u8])> =
            files.iter().map(|(name, content)| ("file", *name, content.as_slice())).collect();
        let (kind, body) = multipart(&parts);
        let found =
            results(&service.ask("POST", "/v1/classify?picture=true", &[("Content-Type", &kind)], &body));
        for (found, printed) in found.iter().zip(&printed) {
            assert_eq!(lasting(found.clone(), &[]), lasting(printed.clone(), &[]));
            assert!(!held(&found["picture"], "image/png").is_empty());
        }
        // The same one by one, and as lines.
        for ((name, content), printed) in files.iter().zip(&printed) {
            let headers = [("X-File-Name", *name), ("Accept", "application/x-ndjson")];
            let reply = service.ask("POST", "/v1/classify", &headers, content);
            assert_eq!(reply.headers["content-type"], "application/x-ndjson");
            let line: Value = serde_json::from_slice(&reply.body).expect("one line");
            assert_eq!(line["file"], *name);
            assert_eq!(lasting(line, &[]), lasting(printed.clone(), &[]));
        }
    }
}

#[test]
fn masks_are_those_of_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = encode(Encoding::PngRgb8);
    fs::write(folder.path().join("a.png"), &picture).expect("a file");
    for device in DEVICES {
        let out = folder.path().join(device);
        let (model, out) = (arg(&network("segmenter")), arg(&out));
        let arguments = [
            "segment",
            "--model",
            &model,
            "--device",
            device,
            "--format",
            "json",
            "--out",
            &out,
            "--overlay",
            "--probabilities",
            "a.png",
        ];
        let printed = lines(&gyrus(folder.path(), &arguments)).remove(0);
        let service = Service::start(device, &[]);
        let found =
            results(&service.post("/v1/segment?model=segmenter&overlay=true&probabilities=true", &picture))
                .remove(0);
        let written = ["mask", "overlay", "probabilities"];
        assert_eq!(lasting(found.clone(), &written), lasting(printed.clone(), &written));
        for name in written {
            let file = fs::read(printed[name].as_str().expect("a path")).expect("a file");
            assert!(held(&found[name], "image/png") == file, "{name} on {device}");
        }
        let png = service.ask("POST", "/v1/segment?model=segmenter", &[("Accept", "image/png")], &picture);
        assert_eq!(png.headers["content-type"], "image/png");
        assert!(png.body == held(&found["mask"], "image/png"));
    }
}

#[test]
fn pictures_are_segmented_together_or_drawn_by_themselves() {
    let service = Service::start("cpu", &[]);
    let picture = encode(Encoding::PngRgb8);
    let parts: [(&str, &str, &[u8]); 3] =
        [("file", "a.png", &picture), ("file", "bad.png", &picture[..60]), ("file", "b.png", &picture)];
    let (kind, body) = multipart(&parts);
    let path = "/v1/segment?model=segmenter&overlay=true";
    let found = results(&service.ask("POST", path, &[("Content-Type", &kind)], &body));
    let names: Vec<_> = found.iter().map(|entry| entry["file"].as_str().expect("a name")).collect();
    assert_eq!(names, ["a.png", "bad.png", "b.png"]);
    assert!(
        found[1]["error"].as_str().is_some_and(|error| error.starts_with("bad.png: damaged")),
        "{found:?}"
    );
    let alone = results(&service.post(path, &picture)).remove(0);
    for entry in [&found[0], &found[2]] {
        assert_eq!((&entry["mask"], &entry["pixels"]), (&alone["mask"], &alone["pixels"]));
    }
    // The overlay itself, of one picture alone.
    let png = service.ask("POST", path, &[("Accept", "image/png")], &picture);
    assert_eq!(png.headers["content-type"], "image/png");
    assert!(png.body == held(&alone["overlay"], "image/png"));
    let reply = service.ask("POST", path, &[("Accept", "image/png"), ("Content-Type", &kind)], &body);
    assert!(reply.status == 406 && reply.error().contains("for one picture"), "{reply:?}");
}

#[test]
fn volumes_are_those_of_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [[-1.5, 0.0, 0.0, 20.0], [0.0, 1.5, 0.0, -30.0], [0.0, 0.0, 4.0, 7.0]];
    let grid = Grid { size: [28, 32, 9], affine: Affine::new(rows).expect("an affine") };
    let inside = |n: usize| {
        let [x, y] = [n % 28, n / 28 % 32].map(|side| side as f64);
        (x - 13.5).powi(2) + (y - 15.5).powi(2) < 130.0
    };
    let value = |n: usize| if inside(n) { 20_000 + (n * 37 % 30_000) as u16 } else { (n % 300) as u16 };
    let values: Vec<u16> = (0..grid.voxels()).map(value).collect();
    write_probability_volume(&folder.path().join("scan.nii.gz"), &grid, &values).expect("a file");
    let volume = bytes(&folder.path().join("scan.nii.gz"));
    let (model, out) = (arg(&network("segmenter")), arg(&folder.path().join("out")));
    let arguments = [
        "segment",
        "--model",
        &model,
        "--device",
        "cpu",
        "--format",
        "json",
        "--out",
        &out,
        "--allow-missing-sequences",
        "--axis",
        "axial",
        "scan.nii.gz",
    ];
    let printed = lines(&gyrus(folder.path(), &arguments));
    let service = Service::start("cpu", &[]);
    let query = "/v1/segment?model=segmenter&allow_missing_sequences=true&axis=axial&picture=true";
    let reply = service.ask("POST", query, &[("X-File-Name", "scan.nii.gz")], &volume);
    let found = results(&reply);
    assert_eq!(found.len(), printed.len());
    for (found, printed) in found.iter().zip(&printed) {
        assert_eq!(
            lasting(found.clone(), &["mask", "montage"]),
            lasting(printed.clone(), &["mask", "montage"])
        );
    }
    let whole = found.last().expect("the whole");
    assert!(whole["pixels"].as_u64().is_some_and(|pixels| pixels > 0), "{whole}");
    let written = printed.last().and_then(|line| line["mask"].as_str()).expect("a path");
    assert!(held(&whole["mask"], "application/gzip") == fs::read(written).expect("a file"));
    // One request, of several runs.
    let counted = |what: &str| service.metric(&format!("{what}{{model=\"segmenter\""));
    assert_eq!(counted("nv_inference_request_success"), 1.0);
    assert_eq!(counted("nv_inference_count"), 9.0);
    let spent = ["queue", "compute_input", "compute_infer", "compute_output"]
        .map(|part| counted(&format!("nv_inference_{part}_duration_us")));
    assert!(spent.iter().sum::<f64>() < counted("nv_inference_request_duration_us"), "{spent:?}");
    // Asked for by itself, it is that file, and lies where the scan does.
    let file = service.ask("POST", query, &[("Accept", "application/gzip")], &volume);
    assert!(file.body == fs::read(written).expect("a file"), "{file:?}");
    let back = folder.path().join("back.nii.gz");
    fs::write(&back, &file.body).expect("a file");
    let (mask, scan) = (read_volume(&back, None), read_volume(&folder.path().join("scan.nii.gz"), None));
    assert!(mask.expect("a volume").volume.grid().is_same(scan.expect("a volume").volume.grid()));
}

#[cfg(feature = "dicom")]
#[test]
fn dicom_is_answered_as_by_the_command() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let slice = bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dicom/implicit.dcm"));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("study/1", zip::write::SimpleFileOptions::default()).expect("an entry");
    archive.write_all(&slice).expect("written");
    let archive = archive.finish().expect("an archive").into_inner();
    let service = Service::start("cpu", &[]);
    for (name, content) in [("slice.dcm", &slice), ("series.zip", &archive)] {
        fs::write(folder.path().join(name), content).expect("a file");
        let ask = |path: &str| results(&service.ask("POST", path, &[("X-File-Name", name)], content));
        let run = |command: &[&str]| {
            lines(&gyrus(folder.path(), &[command, &["--device", "cpu", "--format", "json", name]].concat()))
        };
        let (classifier, segmenter) = (arg(&network("classifier")), arg(&network("segmenter")));
        let out = arg(&folder.path().join("out"));
        let labels = (ask("/v1/classify?model=classifier"), run(&["classify", "--model", &classifier]));
        let segment = ["segment", "--model", &segmenter, "--allow-missing-sequences", "--out", &out];
        let masks = (ask("/v1/segment?model=segmenter&allow_missing_sequences=true"), run(&segment));
        for (found, printed) in [labels, masks] {
            assert_eq!(found.len(), printed.len());
            assert!(!found.is_empty() && found.iter().all(|entry| entry.get("error").is_none()), "{found:?}");
            for (found, printed) in found.iter().zip(&printed) {
                let not_compared = ["mask", "montage"];
                assert_eq!(lasting(found.clone(), &not_compared), lasting(printed.clone(), &not_compared));
            }
        }
    }
}

#[test]
fn one_bad_file_costs_the_others_nothing() {
    let service = Service::start("cpu", &[]);
    let good = encode(Encoding::Png8);
    let mut parts: Vec<(&str, &str, &[u8])> = vec![("file", "good.png", good.as_slice()); 8];
    parts[3] = ("file", "../bad.png", &good[..60]);
    let (kind, body) = multipart(&parts);
    let found = results(&service.ask("POST", "/v1/classify", &[("Content-Type", &kind)], &body));
    let failed: Vec<usize> = (0..8).filter(|&n| found[n].get("error").is_some()).collect();
    assert_eq!(failed, [3], "{found:?}");
    assert_eq!(found[3]["file"], "bad.png");
    let bad: Vec<(&str, &str, &[u8])> = vec![("file", "bad.png", &good[..60]); 3];
    let (kind, body) = multipart(&bad);
    let reply = service.ask("POST", "/v1/classify", &[("Content-Type", &kind)], &body);
    assert!(
        reply.status == 400 && reply.error().ends_with("nor is there an answer for 2 more files"),
        "{reply:?}"
    );
    // By itself it is the request's error.
    let reply = service.post("/v1/classify", &good[..60]);
    assert_eq!(reply.status, 400);
    assert!(reply.error().starts_with("upload: damaged Png image"), "{}", reply.error());
}

#[test]
fn what_is_asked_wrongly_is_refused_in_words() {
    let service = Service::start("cpu", &[]);
    let good = encode(Encoding::Png8);
    let cases: [(&str, &[u8], u16, &str); 8] = [
        ("/v1/classify?model=none", &good, 404, "no model 'none'; ready are: classifier, "),
        ("/v1/classify?model=segmenter", &good, 400, "the card's task is segmentation"),
        ("/v1/classify?slices=7-9", &good, 400, "slices: give all, middle, or A..B"),
        ("/v1/classify?colour=red", &good, 400, "unknown field"),
        ("/v1/classify", b"", 400, "no file was sent"),
        ("/v1/classify", b"hello", 400, "upload: not a volume that can be read"),
        ("/v1/segment?model=segmenter", &good, 400, "one channel, where the model takes 3"),
        ("/nothing", b"", 404, "nothing is here"),
    ];
    for (path, body, status, said) in cases {
        let reply = service.post(path, body);
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(reply.status == status && text.contains(said), "{path}: {} {text}", reply.status);
        assert_eq!(reply.headers["content-type"], "application/json", "{path}");
    }
    assert_eq!(service.get("/nothing").error(), "nothing is here");
    let (kind, body) = multipart(&[("post", "a.png", &good)]);
    let reply = service.ask("POST", "/v1/segment", &[("Content-Type", &kind)], &body);
    assert!(reply.error().starts_with("the part flair is missing"), "{reply:?}");
}

#[test]
fn it_says_what_there_is() {
    let service = Service::start("cpu", &[]);
    let models = service.get("/v1/models").json();
    assert_eq!(models["loading"], false);
    let names: Vec<&str> =
        models["models"].as_array().expect("a list").iter().filter_map(|m| m["name"].as_str()).collect();
    assert!(names.contains(&"classifier") && names.contains(&"segmenter"), "{models}");
    assert_eq!(models["device"], "cpu");
    let printed = lines(&gyrus(std::env::temp_dir().as_path(), &["devices", "--format", "json"]));
    assert_eq!(service.get("/v1/devices").json()["devices"], Value::Array(printed));
    let samples = service.get("/v1/samples").json();
    for sample in samples["samples"].as_array().expect("a list") {
        let url = format!("/{}", sample["url"].as_str().expect("an address"));
        assert_eq!(service.get(&url).headers["content-type"], "image/png", "{sample}");
    }
    assert_eq!(service.get("/v1/samples/..%2f..%2fCargo.toml").status, 404);
}
