//! `gyrus serve` as a user runs it, and a client that can be as rude as it likes.

// Each test uses its own part.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{arg, network, no_cache};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that runs until it is dropped.
pub struct Service {
    child: Child,
    /// Where it listens, such as `127.0.0.1:40123`.
    pub address: String,
    /// Where it listens for gRPC.
    pub grpc: Option<String>,
    log: Mutex<Receiver<String>>,
    /// What it has said so far.
    pub said: Vec<String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// The line that says why there is no answer.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_string()
    }
}

impl Service {
    /// Starts a service over the networks of the fixtures, on a port that is free.
    pub fn start(device: &str, more: &[&str]) -> Service {
        Service::of(&arg(&network("")), device, more)
    }

    /// Starts a service over the models of a folder.
    pub fn of(models: &str, device: &str, more: &[&str]) -> Service {
        let mut service = Service::spawn(models, device, more);
        service.wait_for("note: ready");
        service
    }

    /// Starts a service that is not ready yet.
    pub fn spawn(models: &str, device: &str, more: &[&str]) -> Service {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gyrus"))
            .args(["serve", "--addr", "127.0.0.1:0", "--models", models, "--device", device])
            .args(more)
            .env("GYRUS_CACHE_DIR", no_cache())
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("gyrus runs");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, log) = channel();
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut service =
            Service { child, address: String::new(), grpc: None, log: Mutex::new(log), said: Vec::new() };
        let line = service.wait_for("note: listening on ");
        let after = |start: &str| Some(line.split_once(start)?.1.split([',', '/', ' ']).next()?.to_string());
        service.address = after("http://").expect("an address");
        service.grpc = after("gRPC on ");
        service
    }

    /// Waits until it says something that begins so, and hands that back.
    pub fn wait_for(&mut self, start: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let left = || until.saturating_duration_since(Instant::now());
        let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Ok(line) = log.recv_timeout(left()) {
            self.said.push(line.clone());
            if line.starts_with(start) {
                return line;
            }
        }
        panic!("it never said '{start}': {:?}", self.said);
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Reply {
        self.ask("POST", path, &[], body)
    }

    /// Sends a request by the rules, with more headers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.send(&[head.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends bytes as they are, and reads whatever is answered until the connection ends.
    pub fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // It may answer, and hang up, before all of it was sent.
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        reply(&all)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits until it ends.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("a status") {
                let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner);
                self.said.extend(log.iter());
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end: {:?}", self.said);
    }

    /// A number of `/metrics`, by how its line begins.
    pub fn metric(&self, start: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).expect("UTF-8");
        let line = text
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("no {start} in {text}"));
        line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Its memory in MiB.
    pub fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes an answer apart.
pub fn reply(all: &[u8]) -> Reply {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(all));
    });
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_string()))
        .collect();
    let mut body = all[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = joined(&body);
    }
    Reply { status, headers, body }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&chunks[..end]), 16).expect("a length");
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 4 + length..];
    }
    whole
}

/// Files as the parts of a multipart body, each with the name of its part; the header that belongs to it comes first.
pub fn multipart(files: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, name, bytes) in files {
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(&[head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".into(), body)
}

/// The bytes of a file.
pub fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
