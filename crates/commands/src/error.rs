//! Why a request asks nothing: [`CommandError`].

use alloc::format;
use alloc::vec::Vec;
use resp::{ReplyWriter, Request};

/// The most bytes of a client's own words that an error repeats.
const REPEATED_BYTES_MAX: usize = 128;

/// The request is no command, or not one with these arguments. Nothing was done.
///
/// Its text is redis-server 7.0's, since clients read it, except that it repeats no more than 128
/// bytes of what a client said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// There is no such command. The text repeats how the request begins.
    UnknownCommand(Vec<u8>),
    /// The command, by its name in small letters, has no such subcommand.
    UnknownSubcommand(&'static str, Vec<u8>),
    /// The command, or the subcommand as in `client|list`, has not as many arguments, or more.
    WrongArity(&'static str),
    /// An option that there is not, or not with the others.
    Syntax,
    /// A number is none, or too large.
    NotAnInteger,
    /// A number is none.
    NotAFloat,
    /// A number of which no negative can be had.
    DecrementOverflow,
    /// The command, by its name, has an expiry that is not in time.
    InvalidExpiry(&'static str),
    /// `NX` of the `EXPIRE` family with any other condition.
    AbsentWithOthers,
    /// `GT` with `LT`.
    LaterWithEarlier,
    /// An option that the `EXPIRE` family has not.
    UnsupportedOption(Vec<u8>),
    /// An offset before the first byte.
    OffsetOutOfRange,
    /// A string would be longer than Redis allows.
    StringTooLong,
    /// No cursor of `SCAN`.
    InvalidCursor,
    /// A version of the protocol that is no number.
    VersionNotAnInteger,
    /// A version of the protocol other than 2 and 3.
    UnsupportedVersion,
    /// An option of `HELLO` that there is not, or that lacks its arguments.
    HelloOption(Vec<u8>),
    /// A name with a space, a control character, or anything that is not ASCII. What is named.
    InvalidName(&'static str),
    /// An attribute of a client that there is not.
    UnrecognizedOption(Vec<u8>),
    /// A kind of clients that there is not.
    UnknownClientType(Vec<u8>),
    /// No number of a client.
    InvalidClientId,
    /// A database other than the first.
    DatabaseOutOfRange,
    /// A number that is none, or out of its range.
    OutOfRange(i64, i64),
    /// A timeout that is no number.
    TimeoutNotAnInteger,
    /// A timeout below zero.
    TimeoutNegative,
    /// A script is said to have more keys than there are arguments.
    TooManyKeys,
    /// A script is said to have less than no keys.
    NegativeKeys,
    /// A way to flush scripts that there is not.
    ScriptFlushMode,
}

impl CommandError {
    /// Writes the reply.
    pub fn write(&self, writer: &mut ReplyWriter<'_>) {
        match self {
            CommandError::UnknownCommand(text) => writer.error(text),
            CommandError::UnknownSubcommand(command, subcommand) => writer.error(repeated(
                "ERR unknown subcommand '",
                subcommand,
                &format!("'. Try {} HELP.", command.to_ascii_uppercase()),
            )),
            // Whatever is wrong with `EXEC`, what was gathered is gone.
            CommandError::WrongArity(name @ "exec") => writer.error(format!(
                "EXECABORT Transaction discarded because of: \
                 wrong number of arguments for '{name}' command"
            )),
            CommandError::WrongArity(name) => {
                writer.error(format!(
                    "ERR wrong number of arguments for '{name}' command"
                ));
            }
            CommandError::InvalidExpiry(name) => {
                writer.error(format!("ERR invalid expire time in '{name}' command"));
            }
            CommandError::UnsupportedOption(option) => {
                writer.error(repeated("ERR Unsupported option ", option, ""));
            }
            CommandError::HelloOption(option) => {
                writer.error(repeated("ERR Syntax error in HELLO option '", option, "'"));
            }
            CommandError::InvalidName(what) => writer.error(format!(
                "ERR {what} cannot contain spaces, newlines or special characters."
            )),
            CommandError::UnrecognizedOption(option) => {
                writer.error(repeated("ERR Unrecognized option '", option, "'"));
            }
            CommandError::UnknownClientType(name) => {
                writer.error(repeated("ERR Unknown client type '", name, "'"));
            }
            CommandError::OutOfRange(min, max) => writer.error(format!(
                "ERR value is out of range, value must between {min} and {max}"
            )),
            error => writer.error(error.fixed_text()),
        }
    }

    /// The text of what repeats nothing.
    fn fixed_text(&self) -> &'static str {
        match self {
            CommandError::Syntax => "ERR syntax error",
            CommandError::NotAnInteger => "ERR value is not an integer or out of range",
            CommandError::NotAFloat => "ERR value is not a valid float",
            CommandError::DecrementOverflow => "ERR decrement would overflow",
            CommandError::AbsentWithOthers => {
                "ERR NX and XX, GT or LT options at the same time are not compatible"
            }
            CommandError::LaterWithEarlier => {
                "ERR GT and LT options at the same time are not compatible"
            }
            CommandError::OffsetOutOfRange => "ERR offset is out of range",
            CommandError::StringTooLong => {
                "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
            }
            CommandError::InvalidCursor => "ERR invalid cursor",
            CommandError::VersionNotAnInteger => {
                "ERR Protocol version is not an integer or out of range"
            }
            CommandError::UnsupportedVersion => "NOPROTO unsupported protocol version",
            CommandError::InvalidClientId => "ERR Invalid client ID",
            CommandError::DatabaseOutOfRange => "ERR DB index is out of range",
            CommandError::TimeoutNotAnInteger => "ERR timeout is not an integer or out of range",
            CommandError::TimeoutNegative => "ERR timeout is negative",
            CommandError::TooManyKeys => "ERR Number of keys can't be greater than number of args",
            CommandError::NegativeKeys => "ERR Number of keys can't be negative",
            CommandError::ScriptFlushMode => "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
            _ => unreachable!("it repeats something, so it was written above"),
        }
    }

    pub(crate) fn unknown_command(request: &Request<'_>) -> Self {
        let mut text = b"ERR unknown command '".to_vec();
        text.extend_from_slice(start(request.name(), REPEATED_BYTES_MAX));
        text.extend_from_slice(b"', with args beginning with: ");
        let words = text.len();
        for argument in request.iter().skip(1) {
            let said = text.len() - words;
            if said >= REPEATED_BYTES_MAX {
                break;
            }
            text.push(b'\'');
            text.extend_from_slice(start(argument, REPEATED_BYTES_MAX - said));
            text.extend_from_slice(b"' ");
        }
        CommandError::UnknownCommand(text)
    }
}

/// What an error keeps of a client's words.
pub(crate) fn kept(words: &[u8]) -> Vec<u8> {
    start(words, REPEATED_BYTES_MAX).to_vec()
}

/// As C sees it: up to the first zero byte.
fn start(text: &[u8], bytes_max: usize) -> &[u8] {
    let text = &text[..text.len().min(bytes_max)];
    text.split(|byte| *byte == 0).next().unwrap_or(text)
}

fn repeated(before: &str, words: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), words, after.as_bytes()].concat()
}
