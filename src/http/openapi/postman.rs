//! The same requests as a Postman collection (format 2.1).

use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// What a collection is written in.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// A collection with a folder for each tag and a request for each operation. The node and the
/// password are variables of it.
pub(super) fn collection(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).expect("a description is JSON");
    let folders: Vec<Value> = items(&document["tags"])
        .map(|tag| {
            json!({
                "name": tag["name"],
                "description": tag["description"],
                "item": requests(&document, &tag["name"]),
            })
        })
        .collect();
    let collection = json!({
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "auth": {
            "type": "bearer",
            "bearer": [{ "key": "token", "value": "{{password}}", "type": "string" }],
        },
        "variable": [
            { "key": "node", "value": "http://127.0.0.1:3030" },
            { "key": "password", "value": "" },
        ],
        "item": folders,
    });
    serde_json::to_string_pretty(&collection).expect("a collection is JSON")
}

/// The requests of one folder.
fn requests(document: &Value, tag: &Value) -> Vec<Value> {
    let mut requests = Vec::new();
    for (path, methods) in fields(&document["paths"]) {
        for (method, operation) in fields(methods) {
            if items(&operation["tags"]).any(|its| its == tag) {
                requests.push(request(path, method, operation));
            }
        }
    }
    requests
}

fn request(path: &str, method: &str, operation: &Value) -> Value {
    let parameters = |place: &'static str| {
        let parameters = items(&operation["parameters"]);
        parameters.filter(move |parameter| parameter["in"] == place)
    };
    let variables: Vec<Value> = parameters("path").map(variable).collect();
    let query: Vec<Value> = parameters("query").map(unless_asked_for).collect();
    let headers: Vec<Value> = parameters("header").map(unless_asked_for).collect();
    // Postman writes a variable of a path with a colon.
    let path = path.trim_start_matches('/');
    let segments: Vec<String> = (path.split('/'))
        .map(|segment| match segment.strip_prefix('{') {
            Some(name) => format!(":{}", name.trim_end_matches('}')),
            None => segment.to_owned(),
        })
        .collect();
    let mut request = json!({
        "method": method.to_uppercase(),
        "description": operation["description"],
        "header": headers,
        "url": {
            "raw": format!("{{{{node}}}}/{}", segments.join("/")),
            "host": ["{{node}}"],
            "path": segments,
            "query": query,
            "variable": variables,
        },
    });
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        let example = content.values().find_map(|content| content.get("example"));
        let raw = match example {
            Some(Value::String(text)) => text.clone(),
            Some(example) => example.to_string(),
            None => String::new(),
        };
        request["body"] = json!({ "mode": "raw", "raw": raw });
    }
    json!({ "name": operation["summary"], "request": request })
}

fn variable(parameter: &Value) -> Value {
    let example = match &parameter["example"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    json!({
        "key": parameter["name"],
        "value": example,
        "description": parameter["description"],
    })
}

/// A parameter that is there to be switched on.
fn unless_asked_for(parameter: &Value) -> Value {
    json!({
        "key": parameter["name"],
        "value": "",
        "description": parameter["description"],
        "disabled": true,
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use crate::http::double::Double;
    use crate::http::openapi::postman_collection;
    use crate::http::routes;
    use serde_json::Value;

    #[test]
    fn every_path_has_its_request_and_every_variable_a_value() {
        let collection: Value = serde_json::from_str(&postman_collection()).unwrap();
        let mut raw = Vec::new();
        for folder in collection["item"].as_array().unwrap() {
            for item in folder["item"].as_array().unwrap() {
                let url = &item["request"]["url"];
                raw.push(url["raw"].as_str().unwrap());
                for variable in url["variable"].as_array().unwrap() {
                    let value = variable["value"].as_str().unwrap();
                    assert!(!value.is_empty() && value != "null", "{variable}");
                }
                let wants_body = matches!(item["request"]["method"].as_str(), Some("PUT" | "POST"));
                let body = item["request"]["body"]["raw"].as_str().unwrap_or_default();
                assert_eq!(!body.is_empty(), wants_body, "{item}");
            }
        }
        let routes = routes::<Double>();
        let paths = routes.iter().map(|(path, _)| path);
        for path in paths.filter(|path| !path.ends_with('/')) {
            let raw_path = format!("{{{{node}}}}{}", path.replace('{', ":").replace('}', ""));
            assert!(raw.contains(&&*raw_path), "{path} in {raw:?}");
        }
    }
}
