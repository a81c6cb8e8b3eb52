//! Answers that several requests have.

use super::parameters::bytes;
use crate::http::original_json::RegisterJson;
use std::collections::BTreeMap;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Content, Ref, RefOr, Schema};
use utoipa::{IntoResponses, ToSchema};

pub(in crate::http) use crate::http::problem::described::{
    OfAddresses, OfAnyone, OfBatches, OfChanges, OfReads, OfRecoveries, OfWrites,
};

type Responses = BTreeMap<String, RefOr<Response>>;

fn one(status: u16, response: ResponseBuilder) -> (String, RefOr<Response>) {
    (status.to_string(), RefOr::T(response.build()))
}

/// Some JSON.
pub(in crate::http) struct Json;

impl IntoResponses for Json {
    fn responses() -> Responses {
        let object = ObjectBuilder::new().build();
        let content = Content::new(Some(RefOr::T(Schema::Object(object))));
        let response = ResponseBuilder::new()
            .description("An OpenAPI 3.1 document.")
            .content("application/json", content);
        Responses::from([one(200, response)])
    }
}

/// The value of a register.
pub(in crate::http) struct Value;

impl IntoResponses for Value {
    fn responses() -> Responses {
        let value = Content::new(Some(RefOr::T(Schema::Object(bytes()))));
        let there = about_register(ResponseBuilder::new())
            .description("The value, as it is.")
            .content("application/octet-stream", value);
        let known = about_register(ResponseBuilder::new())
            .description("The register has a tag that If-None-Match names.");
        Responses::from([one(200, there), one(304, known)])
    }
}

/// A write that took effect.
pub(in crate::http) struct Written;

impl IntoResponses for Written {
    fn responses() -> Responses {
        let written = about_register(ResponseBuilder::new())
            .description("It is done: a quorum of the register's replicas holds it.");
        Responses::from([one(204, written)])
    }
}

/// A register in the JSON of the original's interface.
pub(in crate::http) struct Register;

impl IntoResponses for Register {
    fn responses() -> Responses {
        let content = Content::new(Some(Ref::from_schema_name(RegisterJson::name())));
        let register = about_register(ResponseBuilder::new())
            .description(
                "The register: its address, its value, null where nothing is, and its tag.",
            )
            .content("application/json", content);
        Responses::from([one(200, register)])
    }
}

/// With the headers that tell of a register.
pub(in crate::http) fn about_register(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header(
            "ETag",
            header(
                Type::String,
                "The register's tag, in quotes; a delete has one, too. Not there if nobody ever \
                 wrote the register.",
            ),
        )
        .header(
            "shardedmemory-expires-ms",
            header(
                Type::Integer,
                "When the value expires, in milliseconds since 1970. Not there if it does not.",
            ),
        )
        .header(
            "shardedmemory-rounds",
            header(Type::Integer, "How many rounds of messages it took."),
        )
}

/// A header.
pub(in crate::http) fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    HeaderBuilder::new()
        .schema(Some(RefOr::T(Schema::Object(schema.build()))))
        .description(Some(description))
        .build()
}
