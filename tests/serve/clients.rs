//! Clients that are not ours, in Python: `tritonclient` over HTTP and gRPC, `kserve`, `huggingface_hub`.

use std::fs;
use std::process::Command;

use crate::common::command::{DEVICES, arg, network};
use crate::common::images::{Encoding, encode};
use crate::common::server::Service;

#[test]
fn published_clients_accept_the_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let (picture, token) = (folder.path().join("a.png"), folder.path().join("token"));
    fs::write(&picture, encode(Encoding::Png8)).expect("a file");
    fs::write(&token, "a-token-that-is-long-enough").expect("a file");
    for (device, more) in [(DEVICES[0], vec![]), (DEVICES[1], vec!["--token-file".to_string(), arg(&token)])]
    {
        let more: Vec<&str> =
            ["--grpc-addr", "127.0.0.1:0"].into_iter().chain(more.iter().map(String::as_str)).collect();
        let service = Service::start(device, &more);
        let grpc = service.grpc.clone().expect("an address for gRPC");
        let token = if more.len() > 2 { "a-token-that-is-long-enough" } else { "" };
        for which in ["triton", "kserve"] {
            let done = clients(which, &service.address, &grpc)
                .args([&arg(&picture), token])
                .output()
                .expect("Python runs");
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{which} on {device}: {said}");
        }
    }
}

/// Some of the published clients against a service; a picture and a token may follow.
pub fn clients(which: &str, address: &str, grpc: &str) -> Command {
    let python = std::env::var("GYRUS_CLIENTS_PYTHON").expect(
        "GYRUS_CLIENTS_PYTHON must name a Python with tritonclient, kserve, huggingface_hub and onnxruntime; scripts/test sets it up",
    );
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/clients.py"));
    command.args([which, address, grpc, &arg(&network("classifier").join("model.onnx"))]);
    command
}
