//! `/openapi.json`: this interface, described for programs (OpenAPI 3.1).
//!
//! It is put together from what stands beside the handlers. Tests see that every route is in it,
//! and that whatever they are answered is what it says.

pub(super) mod answers;
#[cfg(test)]
pub(super) mod conformance;
pub(super) mod parameters;
mod postman;

use super::original_json::RegisterJson;
use super::problem::ProblemJson;
use super::{batch, cluster, health, listing, members, original, recover, registers};
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use std::sync::LazyLock;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The description, as JSON.
pub(crate) fn document() -> String {
    Document::openapi()
        .to_pretty_json()
        .expect("a description has nothing that JSON has not")
}

/// A Postman collection of the same requests, as JSON.
pub(crate) fn postman_collection() -> String {
    postman::collection(&Document::openapi())
}

/// `GET`: 200 with the description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "node",
    operation_id = "describe",
    summary = "This description",
    responses(answers::Json, answers::OfAnyone)
)]
pub(super) async fn get() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(document);
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "shardedmemory",
        description = "A fault-tolerant, linearizable shared memory with no leader. Every node \
            serves every register, and every answer holds for the whole cluster.\n\n\
            Whatever goes wrong is a problem (RFC 9457). Its `outcome` says what became of the \
            data: `refused`, nothing happened and nothing will; `unknown`, the write may have \
            taken effect, or may yet, or may never; `done`, a read found nothing.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "registers", description = "Read and write registers"),
        (name = "cluster", description = "Look at the cluster, and change its members"),
        (name = "node", description = "Look at one node"),
    ),
    paths(
        registers::get,
        registers::put,
        registers::delete,
        listing::list,
        batch::run,
        original::read,
        original::write,
        original::status,
        cluster::get,
        members::list,
        members::add,
        members::remove,
        members::give_up,
        recover::view,
        recover::recover,
        health::live,
        health::ready,
        super::figures,
        get,
    ),
    // Those that are not found by way of the handlers.
    components(schemas(ProblemJson, RegisterJson)),
    // With a password or, at nodes that want none, without.
    security((), ("password" = [])),
    modifiers(&Password),
)]
struct Document;

struct Password;

impl Modify for Password {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The node's password, if it wants one."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("password", SecurityScheme::Http(bearer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::double::{Double, Server};
    use crate::http::routes;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn described() -> Value {
        serde_json::from_str(&document()).unwrap()
    }

    #[tokio::test]
    async fn every_route_is_described_and_nothing_else_is() {
        let described = described();
        let paths = described["paths"].as_object().unwrap();
        let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
        let routes: Vec<&str> = routes::<Double>().iter().map(|(path, _)| *path).collect();
        let routes = routes.into_iter().filter(|path| !path.ends_with('/'));
        assert_eq!(described, routes.collect());
        let server = Server::start().await;
        for (path, methods) in paths {
            // No path has this method, and the answer says which ones it has.
            let path = path.replace(['{', '}'], "");
            let answer = server.request("PATCH", &path, b"").await;
            answer.assert_problem(405, "refused");
            let allowed: BTreeSet<String> = (answer.header("allow").unwrap().split(','))
                .filter(|method| *method != "HEAD")
                .map(str::to_lowercase)
                .collect();
            let methods: BTreeSet<String> = methods.as_object().unwrap().keys().cloned().collect();
            assert_eq!(methods, allowed, "{path}");
        }
    }

    #[test]
    fn it_is_openapi_3_1_whose_references_lead_somewhere_and_whose_names_differ() {
        let described = described();
        assert_eq!(described["openapi"], "3.1.0");
        let mut references = Vec::new();
        collect(&described, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(described.pointer(pointer).is_some(), "{reference}");
        }
        let mut names = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name), "{name} is two");
                let summary = operation["summary"].as_str();
                assert!(summary.is_some_and(|it| !it.is_empty()), "{method} {path}");
                let given: BTreeSet<&str> = (operation["parameters"].as_array().into_iter())
                    .flatten()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                let named = path
                    .split('{')
                    .skip(1)
                    .map(|rest| rest.split('}').next().unwrap());
                assert_eq!(given, named.collect(), "{method} {path}");
            }
        }
    }

    fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                references.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| collect(field, references));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
            _ => {}
        }
    }

    #[tokio::test]
    async fn a_node_serves_its_description() {
        let server = Server::start().await;
        let answer = server.get("/openapi.json").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), described());
    }

    /// To write it anew: `cargo run -- openapi --postman > docs/postman_collection.json`.
    #[test]
    fn the_postman_collection_in_the_documentation_is_this_one() {
        let kept = include_str!("../../docs/postman_collection.json");
        assert_eq!(
            kept.trim_end(),
            postman_collection(),
            "see above how it is written anew"
        );
    }
}
