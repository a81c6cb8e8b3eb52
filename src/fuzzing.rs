//! Doors for fuzzing: what strangers can send, given to the code that meets it, without a socket.
//!
//! Each function takes any bytes. It panics if the code that it calls does, if that waits for a
//! stranger who is gone, or if something is not as it is said beside the function.

mod stranger;

pub use crate::backup::fuzzing::backup_file;
pub use crate::cli::fuzzing::{client_answer, recovery_plan, settings_file, status_picture};
pub use crate::http::fuzzing::{http_connection, http_requests};
pub use crate::peer::fuzzing::{
    DataBatch, MembershipBatch, membership_message, peer_connection, peer_greeting,
};
pub(crate) use stranger::{answering_stranger, run, stranger};
