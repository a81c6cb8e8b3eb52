//! Node to node: connections, and what stands on them.
//!
//! Every node dials every other and keeps that connection up. By the connection that A dialled
//! goes all that A sends to B, and nothing comes back on it after the handshake; what B sends
//! goes by the connection that B dialled. So each side alone decides when to dial, and a broken
//! connection loses messages in one direction only.
//!
//! ```text
//!            Links::send                                Inbox::messages
//!                |                                             ^
//!  node A     [outbox] -> Writer ----- frames -----> BatchReader     node B
//!                         link.rs                    incoming.rs
//! ```
//!
//! - [`Links`] is the door: whom to dial, what to send, and a stream that was accepted.
//! - [`Inbox`] is what the running node does with what it hears.
//! - `wire` holds what the bytes mean, and touches no socket.
//!
//! What is sent may be lost: when a connection ends, when an outbox is full, when no connection
//! stands. The protocol sends again. It is never sent to another process than it was meant for,
//! never altered, and what one connection delivers comes in the order in which it was sent,
//! membership messages apart, which overtake.
//!
//! Nothing here waits without a deadline, and nothing gathers without a bound: see
//! [`PeerSettings`]. A peer that hangs, lies or talks nonsense harms its own connection alone.
//!
//! # The wire, version 1
//!
//! Integers are big-endian and of fixed width. *Bytes* are a four-byte length and as many bytes;
//! *text* and a *name* are a two-byte length and as many bytes. *Maybe x* is one byte, 0 or 1,
//! and after a 1 the x.
//!
//! ## Handshake
//!
//! The node that dialled sends its greeting, the other one answers with its own. If both have a
//! challenge, the node that dialled then sends its proof; the other one answers with 0 and its own
//! proof, or with why it refuses, as a greeting has it. All this within one deadline. Then frames
//! follow, from the dialling node alone.
//!
//! A proof is 32 bytes: the HMAC-SHA-256, under the SHA-256 of the password, of three parts: who
//! proves it (`shmpeer dialling` or `shmpeer answering`), the greeting of the node that dialled,
//! and the other's, all as they stood on the wire, each after its length in eight bytes. It shows
//! that whoever speaks knows the password, and whom it says it is. It does not keep what follows
//! from those who can read or change what passes on the network.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic: `00` and `shmpeer`. Neither HTTP nor TLS nor Redis begins with a zero byte |
//! | 2 | length of the rest, at most 1024. Later versions append fields; what a reader does not know it passes over |
//! | 1 | 0, or why the other node is refused: 1 no common version, 2 another cluster, 3 it is this very process, 4 another process has this identity, 5 one of the two has a password, 6 they have different ones, 7 the other one comes with a former state of its disk |
//! | 2 + 2 | the least and the greatest version of the wire that is spoken. The greatest common one holds for the connection |
//! | 8 + 4 | who it is: node, boot |
//! | 8 | a random number of the process |
//! | 1 (+ 8) | maybe its cluster. A node without one is let in by all |
//! | 1 (+ 8) | maybe the cluster that its own was recovered from. Nodes of either are let in |
//! | 1 (+ 16) | maybe a challenge: a random number of the connection, of a node that has a password |
//! | 1 (+ 8) | maybe the number of the last batch that its disk held when it started, of a node that has a disk |
//!
//! ## Frames
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | kind: 1 control, 2 piece, 3 last piece |
//! | 4 | length of the payload, from 1 to 262,144 |
//! | length | payload |
//!
//! There are two streams of batches. The payload of a control frame is a batch of membership
//! messages. The payloads of any number of piece frames and of the last piece after them are
//! together a batch of messages between lanes, of at most 32 MiB. Control frames may stand
//! between pieces, so that a pong never waits for more than one piece of a large value.
//!
//! ## Batches
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | length of the rest of the header: 12, or 20. A later version may append to the header; what a reader does not know it passes over |
//! | 8 | the node that the batch is for. Any other closes the connection |
//! | 4 | how many messages follow: at most 4096, of membership messages at most 64, and of all with a configuration at most 7 |
//! | 8 | of membership messages from a node that has a disk: the number of the last batch that it synced |
//!
//! After the last message nothing may follow.
//!
//! ## Messages between lanes
//!
//! Who a message is from is not said: the handshake proved it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | kind |
//! | 8 | cluster, or 0 without one |
//! | 8 | epoch, below 2^32 |
//! | 8 | low-water mark |
//!
//! | kind | and then |
//! | --- | --- |
//! | 1 query | counter 8, any name, want: 1 for the tag, or 2 and a tag for a record above it |
//! | 2 query reply | request, answer: 1, tag and settled 1; or 2 and a record |
//! | 3 update | counter 8, any name, record |
//! | 4 update reply | request, tag |
//! | 5 settled | any name, tag |
//! | 6 stale epoch | request, configuration |
//! | 7 configuration request | request |
//! | 8 configuration | configuration |
//! | 9 forward | counter 8, operation, time left in microseconds 8 |
//! | 10 forward reply | request, outcome |
//! | 11 entered | request |
//! | 12 prepare | counter 8, any name, ballot |
//! | 13 prepare reply | request, promise: 1, record and maybe a step; or 2 and the greater ballot |
//! | 14 accept | counter 8, any name, step |
//! | 15 accept reply | request, ballot, tag, maybe the greater ballot |
//! | 16 pull | counter 8, group 2, ask |
//! | 17 pull reply | request, group 2, count of entries 4 (at most 4096), the entries, more 1 |
//! | 18 list | counter 8, group 2, list |
//! | 19 list reply | request, group 2, listing |
//!
//! | part | bytes |
//! | --- | --- |
//! | request | boot 4, counter 8. Its node is the one that the batch is for |
//! | any name | a name; or, for the reserved register, the length 65,535 and nothing. Where a name alone is said, the reserved register's is malformed |
//! | tag | seq 8 (below 2^63), node 8, boot 4, step 4 |
//! | ballot | round 8 (below 2^63), node 8, boot 4 |
//! | operation id | node 8, boot 4, counter 8 |
//! | record | tag, maybe bytes (the content), maybe 8 (the expiry, in milliseconds since 1970), maybe operation id, settled 1. One of the zero tag holds nothing; one that names an operation id has a tag with a step |
//! | step | ballot, tag, maybe bytes (the content), maybe 8 (the expiry), operation id. Its tag has a step |
//! | configuration | bytes, as `Configuration::encode` writes them |
//! | operation | 1 and name: read; 2, name, maybe bytes, maybe expiry 8: write; 3, name, change: read-modify-write |
//! | change | 1, expected, maybe bytes, maybe expiry 8: compare and set; 2 and a signed amount 8: add |
//! | expected | 1 and a tag; 2 and maybe bytes; 3: something |
//! | outcome | 1, record, rounds 1: read; 2, tag, rounds 1: written; 3, refusal 1: refused; 4: unknown; 5, record, rounds 1: modified; 6, record, rounds 1: unchanged |
//! | refusal | 1 no cluster, 2 busy, 3 no quorum, 4 no member, 5 exhausted, 6 contended, 7 full, 8 disk |
//! | ask | 1, sixteen digests of 16 each, maybe a name: differences after it; 2, count of names 2 (at most 1024), the names: cells |
//! | entry | 1, name, tag, ballot, maybe ballot and tag: listed; 2, name, cell: whole |
//! | list | 1, maybe a position, count 2: the names after it, about so many; 2 and the wall clock 8, in milliseconds since 1970: their count |
//! | listing | 1, count of entries 2 (at most 4096), the entries, maybe a position, their end: names; 2, digest 16, values 8, any expired 1: their count |
//! | entry of a listing | name, tag, settled 1, value 1, maybe expiry 8 |
//! | position | 8: a slot, then 48 bits of XXH3-64 of a name |
//! | cell | record, ballot, maybe a step, of no greater ballot |
//!
//! ## Membership messages
//!
//! | kind (1) | and then |
//! | --- | --- |
//! | 1 ping | number 8 |
//! | 2 pong | number 8, epoch 8 |
//! | 3 ask | maybe round 8 |
//! | 4 fresh | maybe: round 8, number 8 |
//! | 5 stands | configuration |
//! | 6 propose | proposer 8, round 8, cluster 8, replication factor 1, count of founders 1, and for each: address as text, id 8, number 8 |
//! | 7 yes | proposer 8, round 8 |
//! | 8 commit | proposer 8, round 8 |
//! | 9 join | address as text, maybe weight 4 |
//! | 10 consider | number 8, configuration, only if down 1 |
//! | 11 consent | number 8 |
//! | 12 dissent | number 8, reason 1: 1 alive, 2 elsewhere, 3 outdated |
//! | 13 progress | epoch 8, the lacking groups 128 (one bit a group: sixteen words of 8, group 0 in the lowest bit of the first), registers 8, bytes 8 |

mod backoff;
mod figures;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod greet;
mod histories;
mod inbox;
mod incoming;
mod link;
mod links;
mod outbox;
mod overhear;
mod reader;
mod settings;
mod shared;
mod stop;
mod synced;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

pub(crate) use figures::LinkFigures;
pub(crate) use inbox::Inbox;
pub(crate) use links::Links;
pub(crate) use overhear::overhear;
pub(crate) use settings::PeerSettings;
pub(crate) use wire::{MAGIC, VALUE_BYTES_MAX, decode_cell, encode_cell};
