//! A reply as a value: [`Reply`].

use super::writer::ReplyWriter;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a server answers, or sends unasked.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// A word such as `OK`.
    Simple(Bytes),
    /// An error, whose first word tells of what kind it is.
    Error(Bytes),
    /// An integer.
    Integer(i64),
    /// Bytes.
    Bulk(Bytes),
    /// Nothing; in RESP2 the missing bulk string or the missing array.
    Nil,
    /// A list.
    Array(Vec<Reply>),
    /// Keys with their values, in the order in which they were sent.
    Map(Vec<(Reply, Reply)>),
    /// A list without duplicates.
    Set(Vec<Reply>),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// Text in a format of three letters, such as `txt` or `mkd`.
    Verbatim {
        /// The three letters.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// An integer of any size, in decimal.
    BigNumber(Bytes),
    /// What was sent unasked: a message, an invalidation.
    Push(Vec<Reply>),
}

impl Reply {
    /// Writes the reply in the dialect of the writer.
    pub fn write(&self, writer: &mut ReplyWriter<'_>) {
        match self {
            Reply::Simple(text) => writer.simple(text),
            Reply::Error(text) => writer.error(text),
            Reply::Integer(value) => writer.integer(*value),
            Reply::Bulk(bytes) => writer.bulk(bytes),
            Reply::Nil => writer.nil(),
            Reply::Array(items) => {
                writer.array(items.len());
                items.iter().for_each(|item| item.write(writer));
            }
            Reply::Map(entries) => {
                writer.map(entries.len());
                for (key, value) in entries {
                    key.write(writer);
                    value.write(writer);
                }
            }
            Reply::Set(items) => {
                writer.set(items.len());
                items.iter().for_each(|item| item.write(writer));
            }
            Reply::Double(value) => writer.double(*value),
            Reply::Boolean(value) => writer.boolean(*value),
            Reply::Verbatim { format, text } => writer.verbatim(*format, text),
            Reply::BigNumber(digits) => writer.big_number(digits),
            Reply::Push(items) => {
                writer.push(items.len());
                items.iter().for_each(|item| item.write(writer));
            }
        }
    }
}
