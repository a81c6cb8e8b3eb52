//! Requests whose bodies are JSON objects.

use super::body::{BodyBudget, Received};
use super::problem::Problem;
use axum::extract::Request;
use serde::{Deserialize, Deserializer};

impl BodyBudget {
    /// The body of a request that is no value: no more than `bytes_max` bytes.
    pub(super) async fn receive_request(
        &self,
        request: Request,
        bytes_max: usize,
    ) -> Result<Received, Problem> {
        let too_large =
            || Problem::too_large(format_args!("the request has at most {bytes_max} bytes"));
        let (_, body) = self.receive(request, bytes_max, too_large).await?;
        Ok(body)
    }
}

/// The object that a body is. If it is none, or not this one, the problem tells its `shape`.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8], shape: &str) -> Result<T, Problem> {
    // An array with the fields' values would be taken for the object otherwise.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::malformed(shape));
    }
    serde_json::from_slice(body).map_err(|error| {
        // It quotes what it did not expect, at any length.
        let error: String = error.to_string().chars().take(200).collect();
        Problem::malformed(format_args!("{error}; {shape}"))
    })
}

/// A field that may be left out, but not be null.
pub(super) fn given<'a, T: Deserialize<'a>, D: Deserializer<'a>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}
