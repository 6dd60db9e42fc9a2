//! Many clients at once: every request that is accepted is answered, and the rest are told to come again.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clients::clients;
use crate::common::command::{arg, network};
use crate::common::images::{Encoding, encode};
use crate::common::server::Service;

/// Asks so often, on so many threads at once; how many answers there were by status.
fn statuses(service: &Service, threads: usize, each: usize) -> std::collections::BTreeMap<u16, usize> {
    let picture = encode(Encoding::Png8);
    let all: Vec<u16> = std::thread::scope(|scope| {
        let ask = || {
            (0..each)
                .map(|_| service.post("/v1/classify?model=classifier", &picture).status)
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut counts = std::collections::BTreeMap::new();
    all.into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
    counts
}

#[test]
fn requests_of_many_clients_are_run_together() {
    let service = Service::start("cpu", &["--gather", "20"]);
    let counts = statuses(&service, 16, 6);
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(200, 96)]);
    let (samples, runs) =
        (service.metric("nv_inference_count{model=\"classifier\""), service.metric("gyrus_batch_size_count"));
    assert_eq!(samples, 96.0);
    assert!(runs < 72.0, "{runs} runs for {samples} samples");
}

#[test]
fn a_full_house_says_so_and_forgets_nothing() {
    let service = Service::start("cpu", &["--requests", "2", "--gather", "30"]);
    let counts = statuses(&service, 12, 10);
    let (answered, turned_away) = (counts.get(&200).copied(), counts.get(&429).copied());
    assert_eq!(counts.values().sum::<usize>(), 120);
    assert!(answered.is_some_and(|n| n > 0) && turned_away.is_some_and(|n| n > 0), "{counts:?}");
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert_eq!(
        service.metric("nv_inference_request_success{model=\"classifier\""),
        answered.unwrap_or(0) as f64
    );
}

#[test]
fn what_was_accepted_before_the_end_is_answered() {
    let mut service = Service::start("cpu", &["--gather", "30"]);
    let picture = encode(Encoding::Png8);
    let [answered, broken, lost] = [0; 3].map(AtomicUsize::new);
    let address = service.address.clone();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(answer) = ask(&address, &picture) {
                    let place = match answer.get(..12) {
                        Some(b"HTTP/1.1 200") => &answered,
                        Some(_) => &broken,
                        None => &lost,
                    };
                    place.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(700));
        // As a terminal ends it, and like SIGTERM.
        service.signal("INT");
        assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
    });
    let [answered, broken, lost] = [answered, broken, lost].map(AtomicUsize::into_inner);
    // The system takes connections for the service, and may take one in the moment in which it stops to listen.
    assert!(answered > 12 && broken == 0 && lost <= 1, "{answered} answered, {broken} broken, {lost} lost");
}

#[test]
fn requests_on_connections_that_are_kept_are_answered_before_the_end() {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut service = Service::start("cpu", &["--gather", "30"]);
    let picture = encode(Encoding::Png8);
    let head = format!(
        "POST /v1/classify?model=classifier HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        service.address,
        picture.len()
    );
    let asked = [head.as_bytes(), &picture].concat();
    let mut connections: Vec<_> = (0..8).map(|_| BufReader::new(service.connect())).collect();
    // The head of an answer; its body is read too.
    let answer = |connection: &mut BufReader<std::net::TcpStream>| {
        let head: Vec<String> =
            connection.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let length =
            head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        connection.read_exact(&mut vec![0; length.unwrap_or(0)]).expect("a body");
        head
    };
    for connection in &mut connections {
        connection.get_mut().write_all(&asked).expect("sent");
        assert!(answer(connection)[0].starts_with("HTTP/1.1 200"));
    }
    // Written in the moment in which it is told to end.
    for connection in &mut connections {
        connection.get_mut().write_all(&asked).expect("sent");
    }
    service.signal("TERM");
    for connection in &mut connections {
        assert!(answer(connection)[0].starts_with("HTTP/1.1 200"));
    }
    assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
}

#[test]
fn a_stream_that_is_held_open_does_not_keep_the_service_from_ending() {
    use std::io::{BufRead, BufReader};
    let mut service = Service::start("cpu", &["--grpc-addr", "127.0.0.1:0", "--drain", "30"]);
    let grpc = service.grpc.clone().expect("an address for gRPC");
    let mut client = clients("stream", &service.address, &grpc)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut said = BufReader::new(client.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert_eq!(said.next().as_deref(), Some("answered"));
    // And one that connects and says nothing.
    let silent = std::net::TcpStream::connect(&grpc).expect("a connection");
    let start = std::time::Instant::now();
    service.signal("TERM");
    assert_eq!(service.ended().code(), Some(0), "{:?}", service.said);
    drop(silent);
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    drop(client.stdin.take());
    client.wait().expect("it ends");
}

/// What is answered, nothing where the connection was taken and then lost; none when nobody can connect any more.
fn ask(address: &str, picture: &[u8]) -> Option<Vec<u8>> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let head = format!(
        "POST /v1/classify?model=classifier HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    let mut all = Vec::new();
    let done =
        stream.write_all(&[head.as_bytes(), picture].concat()).and_then(|()| stream.read_to_end(&mut all));
    Some(done.map_or_else(|_| Vec::new(), |_| all))
}

#[test]
fn models_are_loaded_anew_without_losing_a_request() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&network("classifier"), &folder.path().join("classifier"));
    let mut service = Service::of(&arg(folder.path()), "cpu", &[]);
    assert_eq!(service.post("/v1/segment", &encode(Encoding::PngRgb8)).status, 404);
    let picture = encode(Encoding::Png8);
    let broken = AtomicUsize::new(0);
    let address = service.address.clone();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let is_good =
                        ask(&address, &picture).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200"));
                    broken.fetch_add(usize::from(!is_good), Ordering::Relaxed);
                }
            });
        }
        // One more, and one that is broken now: the one before stays.
        copy(&network("segmenter"), &folder.path().join("segmenter"));
        service.signal("HUP");
        service.wait_for("note: the models were loaded anew");
        std::fs::write(folder.path().join("classifier/card.toml"), "name = 1").expect("a file");
        service.signal("HUP");
        service.wait_for("note: the models were loaded anew");
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(broken.into_inner(), 0);
    assert_eq!(service.post("/v1/segment", &encode(Encoding::PngRgb8)).status, 200);
    assert_eq!(service.post("/v1/classify", &picture).status, 200);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}
