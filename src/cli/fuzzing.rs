//! For fuzzing: what strangers can give to the commands.

pub use super::client::fuzzing::client_answer;
pub use super::recover::fuzzing::recovery_plan;
pub use super::serve::fuzzing::settings_file;
pub use super::status::fuzzing::status_picture;
