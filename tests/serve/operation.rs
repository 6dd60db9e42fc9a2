//! Starting, ending, and what is said of requests.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::command::{arg, network, no_cache};
use crate::common::server::Service;

/// Far below how long a request is waited for.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_request_is_found_in_the_log_by_its_number() {
    let mut service = Service::start("cpu", &[]);
    let own = [("X-Request-Id", "that of a client")];
    let [first, second] = ["/v1/models", "/v2"].map(|path| service.ask("GET", path, &own, b""));
    let [first, second] = [first, second].map(|reply| reply.headers["x-request-id"].clone());
    assert_ne!(first, second);
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
    for (id, route) in [(first, "/v1/models"), (second, "/v2")] {
        let lines =
            service.said.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let found: Vec<_> = lines.filter(|line| line["id"] == id.as_str()).collect();
        assert!(matches!(&found[..], [line] if line["route"] == route && line["status"] == 200), "{found:?}");
    }
}

#[test]
fn what_does_not_end_in_time_is_given_up_and_told() {
    let mut service = Service::start("cpu", &["--drain", "1"]);
    let mut stream = service.connect();
    let head =
        format!("POST /v1/classify HTTP/1.1\r\nHost: {}\r\nContent-Length: 9000\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&[7; 100]).expect("sent");
    // It has come as far as to read the body.
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(1), "{:?}", service.said);
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(
        service.said.iter().any(|line| line.contains("not answered within 1 s (--drain)")),
        "{:?}",
        service.said
    );
}

#[test]
fn it_can_be_ended_before_its_models_are_ready() {
    // Held against the twins first, which takes seconds.
    let mut service = Service::spawn("weights", "software", &[]);
    assert_eq!(service.get("/v1/models").json()["loading"], true);
    let start = Instant::now();
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
    assert!(!service.said.iter().any(|line| line.starts_with("note: ready")), "{:?}", service.said);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn it_listens_on_this_machine_alone_unless_it_is_told_otherwise() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gyrus"))
        .args(["serve", "--device", "cpu", "--models", &arg(&network(""))])
        .env_remove("GYRUS_ADDR")
        .env("GYRUS_CACHE_DIR", no_cache())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gyrus runs");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    // Somebody else may have the port.
    let line = said.find(|line| {
        line.contains("listening on http://127.0.0.1:8000/") || line.contains("the address 127.0.0.1:8000:")
    });
    child.kill().expect("it ends");
    child.wait().expect("it ends");
    assert!(line.is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn the_page_is_opened_where_a_browser_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (program, opened) = (folder.path().join("xdg-open"), folder.path().join("opened"));
    // What Gyrus tells its own drivers is not for a browser's.
    let told = "${NODEVICE_SELECT-}${LP_NATIVE_VECTOR_WIDTH-}${MESA_SHADER_CACHE_DIR-}";
    let script =
        format!("#!/bin/sh\necho \"$1{told}\" > '{}.part'\n/bin/mv '{0}.part' '{0}'\n", opened.display());
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    let started = |path: &std::path::Path| {
        Command::new(env!("CARGO_BIN_EXE_gyrus"))
            .args([
                "serve",
                "--addr",
                "127.0.0.1:0",
                "--device",
                "cpu",
                "--open",
                "--models",
                &arg(&network("")),
            ])
            .env("PATH", path)
            .env("GYRUS_CACHE_DIR", no_cache())
            .env_remove("NODEVICE_SELECT")
            .env_remove("LP_NATIVE_VECTOR_WIDTH")
            .env_remove("MESA_SHADER_CACHE_DIR")
            .stderr(Stdio::piped())
            .spawn()
            .expect("gyrus runs")
    };
    let mut child = started(folder.path());
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let line =
        said.find_map(|line| Some(line.strip_prefix("note: listening on ")?.split(',').next()?.to_string()));
    let until = Instant::now() + SOON;
    while !opened.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it ends");
    child.wait().expect("it ends");
    assert_eq!(fs::read_to_string(&opened).ok().as_deref().map(str::trim), line.as_deref());

    fs::remove_file(&program).expect("removed");
    let mut child = started(folder.path());
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(said.any(|line| line == "note: no browser could be started"));
    child.kill().expect("it ends");
    child.wait().expect("it ends");
}
