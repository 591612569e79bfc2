//! The OpenAPI 3.1 document, from the list of functions.

use crate::access::Access;
use crate::function::{Function, HttpPart, Method};
use crate::request::{Kind, Parameter, Place};
use api::Problem;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document.
pub fn document(functions: &[Function]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for (function, part) in functions.iter().filter_map(|f| Some((f, f.http?))) {
        let method = match part.route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let item = paths.entry(part.route.path).or_insert_with(|| json!({}));
        item[method] = operation(function, &part, &mut generator);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dezky platform API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Unknown members and parameters are refused in requests, and must be ignored in answers.",
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "responses": {
                "problem": {
                    "description": "What happened, and what to do",
                    "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
        },
    })
}

fn operation(function: &Function, part: &HttpPart, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for answer in part.answers {
        let schema = (answer.schema)(generator);
        let response = responses
            .entry(answer.status.to_string())
            .or_insert_with(|| json!({"description": answer.description, "content": {}}));
        response["content"][answer.media] = json!({"schema": schema});
    }
    responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/problem"}));
    let mut operation = json!({
        "operationId": function.name,
        "summary": function.summary,
        "description": format!("For {}.", part.access.describe()),
        "responses": responses,
        "security": if part.access == Access::Public { json!([]) } else { json!([{"bearer": []}]) },
    });
    if !part.parameters.is_empty() {
        operation["parameters"] = part.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = part.body {
        let schema = (body.schema)(generator);
        operation["requestBody"] = json!({
            "required": !body.optional,
            "description": body.description,
            "content": {"application/json": {"schema": schema}},
        });
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Integer(least, greatest) => json!({"type": "integer", "minimum": least, "maximum": greatest}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        Kind::Text => json!({"type": "string"}),
    };
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.place == Place::Path,
        "description": parameter.description,
        "schema": schema,
    })
}
