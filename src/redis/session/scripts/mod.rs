//! `EVAL` and the like, for the lock scripts that everybody has: compare and delete, compare and
//! extend.
//!
//! There is no Lua here. A script is known by what it says ([`lua::fingerprint`]), and what it
//! means is a [`Meaning`], which is carried out by itself: one read-modify-write on its one key.

mod deed;
mod known;
mod lua;

pub(super) use deed::Deed;
#[cfg(test)]
pub(super) use known::tests::SCRIPTS;

use bytes::Bytes;
use commands::{ScriptCommand, ScriptName, UnixMillis};
use deed::Meaning;
use known::{meaning_of, meaning_of_name};
use parking_lot::Mutex;
use resp::ReplyWriter;
use sha1::{Digest, Sha1};
use std::collections::HashMap;

/// The scripts that clients have sent since the node started and that are known. Those of another
/// node are not among them, nor those before a restart: clients send them again when they are told
/// `NOSCRIPT`. A few are always known.
#[derive(Debug, Default)]
pub(super) struct Scripts(Mutex<HashMap<[u8; 20], &'static Meaning>>);

/// How many are kept. There are far fewer ways to write the known ones that anybody uses; if there
/// are more, clients send theirs again.
const KEPT_MAX: usize = 1024;

/// Why a script is not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScriptError {
    /// No script with this name was sent to this node.
    NoScript,
    /// It is none of the known ones.
    Unknown,
    /// Each works on one key.
    Keys,
    /// An argument is missing.
    Arguments,
    /// An argument is no integer.
    NotAnInteger,
    /// A lock that ends before it begins.
    InvalidExpiry,
    /// No register has so long a name.
    NameTooLong,
}

impl ScriptError {
    pub(super) fn write(self, to: &mut ReplyWriter<'_>) {
        to.error(match self {
            ScriptError::NoScript => "NOSCRIPT No matching script. Please use EVAL.",
            ScriptError::Unknown => {
                "ERR this script is not known here: there is no Lua, only the usual lock scripts \
                 (compare and delete, compare and extend) on one key; nothing was done, use SET \
                 with IFEQ, DELEX with IFEQ, or MULTI with WATCH"
            }
            ScriptError::Keys => {
                "ERR this script is known here for one key only; nothing was done, run it for each \
                 key by itself"
            }
            ScriptError::Arguments => "ERR this script takes more arguments; nothing was done",
            ScriptError::NotAnInteger => "ERR value is not an integer or out of range",
            ScriptError::InvalidExpiry => "ERR invalid expire time in 'set' command",
            ScriptError::NameTooLong => {
                "ERR a key has at most 1024 bytes; nothing was done, use a shorter one"
            }
        });
    }
}

impl Scripts {
    /// What a script is to do, when the wall clock shows `now`.
    pub(super) fn deed(
        &self,
        script: &ScriptName,
        keys: &[Bytes],
        arguments: &[Bytes],
        now: UnixMillis,
    ) -> Result<Deed, ScriptError> {
        let meaning = match script {
            ScriptName::Text(text) => self.learn(text)?.1,
            ScriptName::Sha1(name) => {
                let name = parse_sha1(name).ok_or(ScriptError::NoScript)?;
                self.meaning_of(&name).ok_or(ScriptError::NoScript)?
            }
        };
        Deed::new(meaning, keys, arguments, now)
    }

    /// Answers the commands that run nothing.
    pub(super) fn answer(&self, command: ScriptCommand, to: &mut ReplyWriter<'_>) {
        match command {
            ScriptCommand::Load(text) => match self.learn(&text) {
                Ok((name, _)) => to.bulk(spell(&name)),
                Err(error) => error.write(to),
            },
            ScriptCommand::Exists(names) => {
                to.array(names.len());
                for name in names {
                    let known = parse_sha1(&name).and_then(|name| self.meaning_of(&name));
                    to.integer(known.is_some().into());
                }
            }
            ScriptCommand::Flush => {
                self.0.lock().clear();
                to.simple("OK");
            }
            ScriptCommand::Run { .. } => unreachable!("it is about a register"),
        }
    }

    fn meaning_of(&self, name: &[u8; 20]) -> Option<&'static Meaning> {
        let kept = self.0.lock().get(name).copied();
        kept.or_else(|| meaning_of_name(name))
    }

    /// Keeps a script, if it is one of those that are known. Its name, and what it means.
    fn learn(&self, text: &[u8]) -> Result<([u8; 20], &'static Meaning), ScriptError> {
        let fingerprint = lua::fingerprint(text).ok_or(ScriptError::Unknown)?;
        let meaning = meaning_of(&fingerprint).ok_or(ScriptError::Unknown)?;
        let name: [u8; 20] = Sha1::digest(text).into();
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&name) {
            kept.clear();
        }
        kept.insert(name, meaning);
        Ok((name, meaning))
    }
}

/// Reads 40 hexadecimal digits.
fn parse_sha1(text: &[u8]) -> Option<[u8; 20]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut sha1 = [0; 20];
    if text.len() != 2 * sha1.len() {
        return None;
    }
    for (byte, digits) in sha1.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(sha1)
}

fn spell(sha1: &[u8; 20]) -> String {
    sha1.iter().map(|byte| format!("{byte:02x}")).collect()
}
