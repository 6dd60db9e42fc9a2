//! Bodies and clients that nobody asked for, and a device that is lost.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use gyrus::Device;
use gyrus::serve::{Limits, Server, Settings};

use crate::common::command::{arg, network};
use crate::common::images::{Encoding, encode};
use crate::common::server::{Service, multipart, reply};
use crate::common::volumes::{nifti, put};

#[test]
fn ten_thousand_tiny_chunks_are_one_body() {
    let service = Service::start("cpu", &[]);
    let picture = encode(Encoding::Bmp8);
    let mut request = format!(
        "POST /v1/classify HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        service.address
    );
    let mut request_bytes = std::mem::take(&mut request).into_bytes();
    // Pictures end where their headers say: what follows is left out by their readers.
    let padded = [picture, vec![0; 10_000]].concat();
    for byte in &padded {
        request_bytes.extend_from_slice(&[b"1\r\n".as_slice(), &[*byte], b"\r\n"].concat());
    }
    request_bytes.extend_from_slice(b"0\r\n\r\n");
    let start = Instant::now();
    let answer = service.send(&request_bytes);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn bodies_are_refused_by_what_they_say_and_by_what_they_are() {
    let service = Service::start("cpu", &["--body", "4"]);
    let before = service.memory();
    // Told before any of it comes.
    let head = format!(
        "POST /v1/classify HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 1073741824\r\n\r\n",
        service.address
    );
    let answer = service.send(head.as_bytes());
    assert!(answer.status == 413 && answer.error().contains("larger than 4 MiB"), "{answer:?}");
    // Whoever sends it all the same comes to read why.
    for _ in 0..3 {
        assert_eq!(service.post("/v1/classify", &vec![7; 12 << 20]).status, 413);
    }
    // Found out while it comes.
    let mut stream = service.connect();
    let head = format!(
        "POST /v1/classify HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        service.address
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let chunk = [b"100000\r\n".as_slice(), &vec![7; 1 << 20], b"\r\n"].concat();
    let sent = (0..1024).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 1024, "a body of 1 GiB was taken");
    assert!(service.memory() < before + 64, "{before} {}", service.memory());
    assert_eq!(service.get("/v2/health/ready").status, 200);
}

#[test]
fn bodies_take_no_more_memory_together_than_they_may() {
    // Half of it for bodies: two of these, not three.
    let service = Service::start("cpu", &["--memory", "8", "--body", "2"]);
    let body = [encode(Encoding::Bmp8), vec![0; 1_900 << 10]].concat();
    let head = format!(
        "POST /v1/classify?model=classifier HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        service.address,
        body.len()
    );
    let begun = [0, 1].map(|_| {
        let mut stream = service.connect();
        stream.write_all(&[head.as_bytes(), &body[..body.len() - 1]].concat()).expect("sent");
        stream
    });
    let until = Instant::now() + Duration::from_secs(20);
    while service.metric("gyrus_body_bytes") < 2.0 * (1_900 << 10) as f64 {
        assert!(Instant::now() < until, "both are read");
    }
    let refused = service.post("/v1/classify?model=classifier", &body);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "1");
    // Both are answered, and leave room for others.
    for mut stream in begun {
        stream.write_all(&body[body.len() - 1..]).expect("sent");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an answer");
        assert_eq!(reply(&all).status, 200);
    }
    assert_eq!(service.post("/v1/classify?model=classifier", &body).status, 200);
}

#[test]
fn headers_that_promise_too_much_are_not_believed() {
    let service = Service::start("cpu", &[]);
    // The header of a PNG of 30,000 x 30,000 pixels, and no pixels.
    let mut huge = encode(Encoding::Png8);
    huge[16..20].copy_from_slice(&30_000u32.to_be_bytes());
    huge[20..24].copy_from_slice(&30_000u32.to_be_bytes());
    let crc = crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    let before = service.memory();
    let answer = service.post("/v1/classify", &huge);
    assert!(answer.status == 400 && answer.error().contains("too large"), "{answer:?}");
    assert!(service.memory() < before + 64);
    // What is a picture and an archive, and a page too, is what it begins as.
    let picture = encode(Encoding::Png8);
    let polyglots = [
        [picture.as_slice(), b"PK\x03\x04<script>alert(1)</script>"].concat(),
        [b"<html>".as_slice(), &picture].concat(),
        [b"PK\x03\x04".as_slice(), &picture].concat(),
        [b"GIF89a".as_slice(), &picture].concat(),
    ];
    let found = polyglots.map(|bytes| service.post("/v1/classify", &bytes));
    assert_eq!(found.each_ref().map(|answer| answer.status), [200, 400, 400, 400], "{found:?}");
    assert!(found.iter().all(|answer| answer.headers["content-type"].starts_with("application/json")));
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn broken_multiparts_are_refused() {
    let service = Service::start("cpu", &[]);
    let picture = encode(Encoding::Png8);
    let (kind, body) = multipart(&[("file", "a.png", &picture)]);
    let many: Vec<(&str, &str, &[u8])> = vec![("file", "a.png", b"x"); 300];
    let cases = [
        (kind.clone(), body[..body.len() / 2].to_vec(), 400),
        ("multipart/form-data".into(), body.clone(), 400),
        ("multipart/form-data; boundary=other".into(), body, 400),
        (kind, multipart(&many).1, 413),
    ];
    for (kind, body, status) in cases {
        let answer = service.ask("POST", "/v1/classify", &[("Content-Type", &kind)], &body);
        assert_eq!(answer.status, status, "{kind} {answer:?}");
    }
}

#[test]
fn silent_clients_keep_nobody_out() {
    let service = Service::start("cpu", &[]);
    let idle: Vec<TcpStream> = (0..500)
        .map(|n| {
            let mut stream = service.connect();
            // Some have begun to say something.
            if n % 2 == 0 {
                stream.write_all(b"POST /v1/classify HTTP/1.1\r\nHost: ").expect("sent");
            }
            stream
        })
        .collect();
    assert_eq!(service.post("/v1/classify", &encode(Encoding::Png8)).status, 200);
    drop(idle);
}

#[test]
fn refusals_reach_clients_that_are_still_sending() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "0123456789abcdef").expect("a file");
    let open = Service::start("cpu", &[]);
    let closed = Service::start("cpu", &["--token-file", &arg(&folder.path().join("token"))]);
    // More than any socket holds.
    let body = vec![0; 12 << 20];
    let cases = [
        (&open, "/v2/models/none/infer", 404),
        (&open, "/v1/classify?colour=red", 400),
        (&open, "/v1/segment?colour=red", 400),
        (&open, "/nothing", 404),
        (&open, "/v2/models/classifier", 405),
        (&closed, "/v1/classify", 401),
    ];
    for (service, path, status) in cases {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            service.address,
            body.len()
        );
        let mut stream = service.connect();
        // As most clients do: all of it, and only then the answer.
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(reply(&all).status, status, "{path}");
    }
}

#[test]
fn what_is_worked_on_is_counted_also_where_the_client_is_gone() {
    // Two such requests fit at a time.
    let service = Service::start("cpu", &["--requests", "2"]);
    let numbers = "1,".repeat(15 << 20);
    let body = format!(
        r#"{{"inputs":[{{"name":"image","shape":[1,1,24,20],"datatype":"FP32","data":[{numbers}1]}}]}}"#
    );
    let head = format!(
        "POST /v2/models/classifier/infer HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        service.address,
        body.len()
    );
    let begun = [(); 2].map(|()| {
        let mut stream = service.connect();
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("sent");
        stream
    });
    let until = Instant::now() + Duration::from_secs(30);
    while service.metric("gyrus_requests_admitted") < 2.0 {
        assert!(Instant::now() < until, "both are read");
    }
    drop(begun);
    // Until it has seen that they are gone.
    std::thread::sleep(Duration::from_millis(30));
    // Their numbers are still being read, so nobody else is let in.
    let refused = service.post("/v1/classify", &encode(Encoding::Png8));
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "1");
    while service.metric("gyrus_requests_admitted") > 0.0 {
        assert!(Instant::now() < until, "their places are given back");
    }
    assert_eq!(service.post("/v1/classify", &encode(Encoding::Png8)).status, 200);
}

#[test]
fn a_client_that_hangs_up_gives_its_memory_back() {
    let service = Service::start("cpu", &[]);
    let picture = encode(Encoding::Png8);
    let head = format!(
        "POST /v1/classify HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        service.address,
        picture.len()
    );
    let begun = [(); 20].map(|()| {
        let mut stream = service.connect();
        stream.write_all(&[head.as_bytes(), &picture[..picture.len() / 2]].concat()).expect("sent");
        stream
    });
    let wait = |until: &dyn Fn(f64) -> bool| {
        let end = Instant::now() + Duration::from_secs(20);
        while !until(service.metric("gyrus_body_bytes")) {
            assert!(Instant::now() < end, "{}", service.metric("gyrus_body_bytes"));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait(&|held| held >= 20.0 * picture.len() as f64 / 2.0);
    drop(begun);
    wait(&|held| held == 0.0);
    assert_eq!(service.post("/v1/classify", &picture).status, 200);
}

#[test]
fn a_volume_that_nobody_waits_for_is_not_gone_on_with() {
    const SLICES: u16 = 2000;
    let service = Service::start("cpu", &["--batch", "1"]);
    let volume = nifti(|bytes| {
        put(bytes, 42, &[32u16, 32, SLICES].map(u16::to_le_bytes).concat());
        bytes.truncate(352);
        bytes.extend((0..32 * 32 * u32::from(SLICES)).flat_map(|n| (n as i16 % 700).to_le_bytes()));
    });
    let path = "/v1/segment?model=segmenter&axis=axial&slices=all&allow_missing_sequences=true";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        service.address,
        volume.len()
    );
    let count = || service.metric("nv_inference_count{model=\"segmenter\"");
    let wait = |until: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(30);
        while !until() {
            assert!(Instant::now() < end, "{} slices of {SLICES}", count());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // One that would be late is not gone on with either.
    let late = service.post(&format!("{path}&timeout=150"), &volume);
    assert_eq!(late.status, 504, "{late:?}");
    wait(&|| service.metric("gyrus_requests_admitted") == 0.0);
    let done = count();
    assert!(done < f64::from(SLICES), "all was done for nobody");
    let mut stream = service.connect();
    stream.write_all(&[head.as_bytes(), &volume].concat()).expect("sent");
    wait(&|| count() > done);
    drop(stream);
    wait(&|| service.metric("gyrus_requests_admitted") == 0.0);
    assert!(count() < done + f64::from(SLICES), "all was done for nobody");
}

#[test]
fn an_answer_that_would_be_late_is_not_begun() {
    let service = Service::start("cpu", &[]);
    let answer = service.post("/v1/classify?timeout=0", &encode(Encoding::Png8));
    assert!(answer.status == 504 && answer.error().contains("too late"), "{answer:?}");
}

/// The service in this process, so that its device can be taken away and its patience tried.
struct Inside {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    server: tokio::task::JoinHandle<bool>,
}

impl Inside {
    fn start(settings: Settings, device: Device) -> Inside {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (address, server) = runtime.block_on(async {
            let address = "127.0.0.1:0".parse().expect("an address");
            let server = Server::open(settings, device, address, None).await.expect("a server");
            let (house, address) = (server.house(), server.addresses().expect("an address").0);
            let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
            tokio::task::spawn_blocking(move || house.load()).await.expect("no panic").expect("models");
            (address, running)
        });
        Inside { runtime, address, stop, server }
    }

    /// Sends bytes, and reads until the connection ends.
    fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).expect("a connection");
        // A test that waits for ever does not fail.
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream.write_all(bytes).expect("sent");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an answer");
        all
    }

    /// Ends it; whether all were answered.
    fn end(self) -> bool {
        self.stop.send(()).expect("it runs");
        self.runtime.block_on(self.server).expect("no panic")
    }
}

fn request(picture: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/classify?model=classifier HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    [head.as_bytes(), picture].concat()
}

#[test]
fn a_lost_device_is_opened_again_and_nobody_notices() {
    let device = Device::open("software").expect("llvmpipe");
    let gpu = device.as_gpu().expect("an adapter").clone();
    let inside = Inside::start(Settings::of(network("")), device);
    let (asked, address) = (request(&encode(Encoding::Png8)), inside.address);
    let ask = || reply(&Inside::send(address, &asked));
    let before = ask().json()["results"][0]["probabilities"].clone();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (ask, gpu) = (&ask, &gpu);
                scope.spawn(move || {
                    if n == 4 {
                        gpu.destroy();
                    }
                    ask()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["results"][0]["probabilities"], before);
    }
    let metrics = reply(&Inside::send(
        address,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ));
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let resets =
        text.lines().find_map(|line| line.strip_prefix("gyrus_device_resets_total ")).expect("a count");
    assert!(resets != "0", "{text}");
    assert!(inside.end(), "all were answered");
}

#[test]
fn answers_that_are_not_read_are_given_up() {
    let mut settings = Settings::of(network(""));
    settings.limits = Limits { connections: 1, transfer: Duration::from_millis(500), ..settings.limits };
    let inside = Inside::start(settings, Device::open("cpu").expect("the CPU engine"));
    let mut deaf = TcpStream::connect(inside.address).expect("a connection");
    // Far more than the system keeps for a client.
    let question = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(40);
    deaf.write_all(&question).expect("sent");
    // It has the only place there is.
    let asked = request(&encode(Encoding::Png8));
    assert_eq!(reply(&Inside::send(inside.address, &asked)).status, 200);
    drop(deaf);
    assert!(inside.end());
}

#[test]
fn slow_clients_are_not_waited_for() {
    let mut settings = Settings::of(network(""));
    settings.limits =
        Limits { head: Duration::from_millis(500), silence: Duration::from_millis(500), ..settings.limits };
    settings.limits.connections = 8;
    let inside = Inside::start(settings, Device::open("cpu").expect("the CPU engine"));
    let asked = request(&encode(Encoding::Png8));
    let start = Instant::now();
    // More that say nothing than there are places.
    let silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(inside.address).expect("a connection")).collect();
    assert_eq!(reply(&Inside::send(inside.address, &asked)).status, 200);
    drop(silent);
    // The head never ends; the body never ends.
    assert_eq!(Inside::send(inside.address, &asked[..20]), b"", "a head that never ends has no answer");
    let late = reply(&Inside::send(inside.address, &asked[..asked.len() - 1]));
    assert!(late.status == 408 && late.error().contains("did not come in time"), "{late:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(reply(&Inside::send(inside.address, &asked)).status, 200);
    assert!(inside.end());
}
