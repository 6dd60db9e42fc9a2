//! What the service says of itself is what it does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::images::{Encoding, encode};
use crate::common::server::Service;

/// Methods and addresses of the document.
fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods: Vec<String> = item.as_object().expect("methods").keys().cloned().collect();
        methods.into_iter().map(move |method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| of((path, item))).collect()
}

/// An address with what there is in place of its parameters.
fn filled(path: &str) -> String {
    path.replace("{model}", "classifier").replace("{version}", "1").replace("{file}", "icbm152_z10.png")
}

#[test]
fn described_routes_are_the_routers() {
    let service = Service::start("cpu", &[]);
    let document = service.get("/openapi.json").json();
    let described = described(&document);
    for (method, path) in &described {
        let filled = filled(path);
        let reply = service.ask(method, &filled, &[], b"");
        assert!(![404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
        // No other method is there that the document does not know.
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if described.contains(&(other.to_string(), path.clone())) {
                continue;
            }
            let reply = service.ask(other, &filled, &[], b"");
            assert_eq!(reply.status, 405, "{other} {path} is answered, and not described");
        }
    }
    // What the protocol's clients call, and what the page does.
    for known in
        ["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer", "/v1/segment", "/metrics"]
    {
        assert!(described.iter().any(|(_, path)| path == known), "{known}");
    }
}

#[test]
fn answers_are_as_described() {
    let service = Service::start("cpu", &[]);
    let document = service.get("/openapi.json").json();
    let cases = [
        ("/v1/classify?picture=true", "Classified", encode(Encoding::Png8)),
        ("/v1/classify", "Classified", encode(Encoding::Tiff16)),
        ("/v1/segment?overlay=true&picture=true", "Segmented", encode(Encoding::PngRgb8)),
    ];
    for (path, name, body) in cases {
        let schema =
            json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let reply = service.post(path, &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let problems: Vec<String> = validator.iter_errors(&reply.json()).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{path}: {}", problems.join("\n"));
    }
    let answered = |schema: Value, found: Value| {
        let whole = json!({ "allOf": [&schema], "components": document["components"] });
        let validator = jsonschema::validator_for(&whole).expect("a schema");
        let problems: Vec<String> = validator.iter_errors(&found).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{schema}: {}", problems.join("\n"));
    };
    // Whatever is read as JSON is as its schema says, and has one.
    let mut read = 0;
    for (_, path) in described(&document).iter().filter(|(method, _)| method == "GET") {
        let found = service.get(&filled(path));
        if found.headers["content-type"] == "application/json" {
            let said = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
            assert!(said["schema"].is_object(), "{path} has no schema");
            answered(said["schema"].clone(), found.json());
            read += 1;
        }
    }
    assert!(read >= 15, "{read} answers");
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let entries = service.post("/v2/repository/index", b"").json();
    entries
        .as_array()
        .expect("a list")
        .iter()
        .for_each(|entry| answered(of("RepositoryEntry"), entry.clone()));
    let tensor =
        json!({ "name": "image", "datatype": "FP32", "shape": [1, 1, 24, 20], "data": vec![0.5; 480] });
    let asked = json!({ "id": "a", "inputs": [tensor], "parameters": { "timeout": 0 } });
    answered(of("InferenceRequest"), asked.clone());
    let found = service.post("/v2/models/classifier/infer", asked.to_string().as_bytes());
    answered(of("InferenceResponse"), found.json());
    let problem = json!({ "$ref": "#/components/schemas/Problem", "components": document["components"] });
    let validator = jsonschema::validator_for(&problem).expect("a schema");
    assert!(validator.is_valid(&service.post("/v1/classify", b"").json()));
}

#[test]
fn the_documentation_asks_nobody_else() {
    let service = Service::start("cpu", &[]);
    let page = String::from_utf8(service.get("/docs/").body).expect("UTF-8");
    assert!(
        page.contains("swagger-ui") && !page.contains("src=\"http") && !page.contains("href=\"http"),
        "{page}"
    );
    let headers = service.get("/docs/").headers;
    assert!(headers["content-security-policy"].contains("script-src 'self';"), "{headers:?}");
}
