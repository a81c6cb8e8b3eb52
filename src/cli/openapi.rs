//! `shardedmemory openapi`.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::http;
use clap::Args;

/// Print a description of the HTTP interface
///
/// It is OpenAPI 3.1, and the same that every node serves at /openapi.json.
#[derive(Args, Debug)]
pub(crate) struct OpenapiArgs {
    /// Print a Postman collection of the same requests instead
    #[arg(long)]
    postman: bool,
}

/// Prints the description.
pub(crate) fn run(arguments: &OpenapiArgs) -> Result<(), Failure> {
    output::line(&match arguments.postman {
        true => http::postman_collection(),
        false => http::openapi_document(),
    });
    Ok(())
}
