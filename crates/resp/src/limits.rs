//! How much a stranger may ask us to hold.

/// The bounds of one request. All but the ones on what is not authenticated are Redis' own
/// settings or constants.
///
/// What is announced is never reserved: memory grows with the bytes that have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most arguments, the command's name among them.
    pub arguments_max: u32,
    /// The longest argument, which Redis calls `proto-max-bulk-len`.
    pub bulk_bytes_max: u32,
    /// The longest line, be it an inline command or a header, without its end.
    pub line_bytes_max: u32,
    /// The longest request, with its headers; 1 GiB if it is more.
    pub request_bytes_max: u32,
    /// The most arguments before the client has authenticated.
    pub unauthenticated_arguments_max: u32,
    /// The longest argument before the client has authenticated.
    pub unauthenticated_bulk_bytes_max: u32,
}

impl Limits {
    /// What redis-server 7.0 allows as it comes, except that a whole request has at most 1 GiB,
    /// which there is the bound of what one client may have waiting.
    pub const REDIS: Limits = Limits {
        arguments_max: i32::MAX as u32,
        bulk_bytes_max: 512 << 20,
        line_bytes_max: 64 << 10,
        request_bytes_max: 1 << 30,
        unauthenticated_arguments_max: 10,
        unauthenticated_bulk_bytes_max: 16 << 10,
    };
}

impl Default for Limits {
    /// 1 Mi arguments of at most 16 MiB, and 64 MiB a request.
    fn default() -> Self {
        Limits {
            arguments_max: 1 << 20,
            bulk_bytes_max: 16 << 20,
            request_bytes_max: 64 << 20,
            ..Limits::REDIS
        }
    }
}
