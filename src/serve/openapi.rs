//! What the routes say of themselves, as OpenAPI: written beside each handler, with the frozen schemas of the command's JSON.

use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};

/// Any error: one line that says why there is no answer.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Problem {
    error: String,
}

/// What any route may answer instead.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Refused {
    /// What was asked cannot be done.
    #[response(status = "4XX")]
    Asked(#[to_schema] Problem),
    /// The service cannot do it.
    #[response(status = "5XX")]
    Service(#[to_schema] Problem),
}

/// Answers for classified files, in their order; a volume's slices before the whole.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Classified {
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
}

/// Answers for segmented files, in their order; a volume's slices before the whole.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Segmented {
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
}

/// Files as the parts of a form.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Files {
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<String>,
}

/// A version of a model's path that names the card's version too.
const VERSIONED: &str = "/versions/{version}";
const MODEL: &str = "/v2/models/{model}";

/// The address of a model's version, for the address of the model; none for other addresses.
pub fn versioned(path: &str) -> Option<String> {
    path.strip_prefix(MODEL).map(|rest| format!("{MODEL}{VERSIONED}{rest}"))
}

/// The whole document.
pub fn document(routes: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    document["info"] = json!({
        "title": "Gyrus",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Brain-MRI networks on this machine's GPU. For research use only: not a medical device.",
        "license": { "name": env!("CARGO_PKG_LICENSE") },
    });
    document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
    // Where a token was set it is asked for everywhere but where the service says that it lives.
    document["security"] = json!([{}, { "token": [] }]);
    let frozen = [
        ("Classified", include_str!("../../docs/schema/classify.schema.json")),
        ("Segmented", include_str!("../../docs/schema/segment.schema.json")),
    ];
    let schemas = &mut document["components"]["schemas"];
    for (name, schema) in frozen {
        schemas[name]["properties"]["results"]["items"] = pictured(bare(schema));
    }
    schemas["Devices"]["properties"]["devices"]["items"] =
        bare(include_str!("../../docs/schema/devices.schema.json"));
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    for (path, mut item) in paths {
        let Some(versioned) = versioned(&path) else { continue };
        let version =
            json!({ "name": "version", "in": "path", "required": true, "schema": { "type": "string" } });
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            let id = format!("{}_version", operation["operationId"].as_str().unwrap_or_default());
            operation["operationId"] = json!(id);
            if let Some(parameters) = operation["parameters"].as_array_mut() {
                parameters.push(version.clone());
            }
        }
        document["paths"][versioned] = item;
    }
    document
}

/// The schema of a command's line, as a part of a document that says itself by what rules it goes.
fn bare(schema: &str) -> Value {
    let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

/// The schema of a command's line, with what the service may add to it.
fn pictured(mut schema: Value) -> Value {
    for variant in schema["oneOf"].as_array_mut().into_iter().flatten() {
        let is_answer = variant["properties"].get("device").is_some();
        if let Some(properties) = variant["properties"].as_object_mut().filter(|_| is_answer) {
            let description = "The scan as browsers show it, at most 1024 pixels a side, as a `data:` address, where it was asked for.";
            properties.insert("picture".into(), json!({ "type": "string", "description": description }));
            let description =
                "The height of the picture's pixels over their width in mm, where that is known and not 1.";
            properties.insert("stretch".into(), json!({ "type": "number", "description": description }));
        }
    }
    schema
}
