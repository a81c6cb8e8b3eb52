//! A node's membership, told anything by anybody, at any time.

use arbitrary::{Result, Unstructured};
use protocol::*;
use shardedmemory::fuzzing::membership_message;
use std::time::Duration;

/// The most events of one run.
const EVENTS_MAX: usize = 200;

/// The most that a node may want done at once. It tells everyone of C and D, and whoever was told of,
/// a few things.
const OUTPUTS_MAX: usize = 1024;

/// The most addresses that a node may dial: those of C, of D, of former members, of its list, and of
/// those that want to be let in.
const DIALLED_MAX: usize = 2 * Configuration::MEMBERS_MAX + Configuration::FORMER_MAX + 64;

/// The bytes are messages, as they stand on the wire, from any of a few nodes, and what else
/// befalls a membership between them. Whatever comes, the node does not panic, wants a bounded
/// number of things done at once, and never wants to be called again at the same instant for ever.
pub fn member(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let manner = bytes.arbitrary().unwrap_or_default();
    let mut now = Time::from_micros(1_000_000);
    let options = options(manner);
    let mut membership = Membership::new(now, options).expect("the options are sound");
    check(&mut membership, now);
    for _ in 0..EVENTS_MAX {
        if bytes.is_empty() {
            break;
        }
        if befall(&mut membership, &mut now, &mut bytes).is_err() {
            break;
        }
        check(&mut membership, now);
    }
}

/// Node 1 of three; by its manner a fresh one, or one that joins.
fn options(manner: u8) -> MembershipOptions {
    let addresses = (1..=3).map(address).collect();
    let cluster = ClusterId(7);
    let options = MembershipOptions::new(incarnation(1), address(1), addresses, cluster);
    match manner % 4 {
        0 => MembershipOptions {
            join: Some(Join {
                seeds: vec![address(2), address(3)],
                weight: 100,
            }),
            addresses: Vec::new(),
            ..options
        },
        1 => MembershipOptions {
            replace_after: Some(Duration::from_secs(3)),
            ..options
        },
        _ => options,
    }
}

fn incarnation(number: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(number),
        boot: Boot::FIRST,
    }
}

fn address(number: u64) -> Address {
    let address = format!("n{number}:1");
    address.parse().expect("an address")
}

fn befall(membership: &mut Membership, now: &mut Time, bytes: &mut Unstructured<'_>) -> Result<()> {
    let kind: u8 = bytes.arbitrary()?;
    let who = 1 + u64::from(kind / 16 % 6);
    match kind % 16 {
        0..6 => {
            let length: u16 = bytes.arbitrary()?;
            let message = bytes.bytes(usize::from(length).min(bytes.len()))?;
            if let Some(message) = membership_message(message) {
                membership.handle_message(*now, NodeId::new(who), message);
            }
        }
        6 | 7 => membership.handle_link_up(*now, &address(who), incarnation(who)),
        8 => {
            let process = incarnation(bytes.arbitrary::<u8>()?.into());
            if process.node != NodeId::default() {
                membership.handle_link_up(*now, &address(who), process);
            }
        }
        9 => membership.handle_link_down(*now, &address(who)),
        10..13 => {
            let span_ms: u16 = bytes.arbitrary()?;
            *now = *now + Duration::from_millis(u64::from(span_ms) % 4_000);
            membership.handle_timeout(*now);
            let next = membership.next_timeout();
            assert!(
                next.is_some_and(|(due, _)| due > *now),
                "at {now:?} the next timeout is {next:?}"
            );
        }
        13 => membership.handle_change_request(*now, Ticket(1), request(who, bytes)?),
        14 => {
            let decision = match who {
                1 | 2 => Decision::Decided,
                3 | 4 => Decision::Refused,
                _ => Decision::Unknown,
            };
            let epoch = membership.configuration().map(|entered| entered.epoch());
            membership.handle_decision(*now, epoch.unwrap_or_default(), decision);
        }
        _ => {
            let number = u64::from(bytes.arbitrary::<u16>()?);
            let group = Group::all().nth(number as usize % 1024);
            let epoch = membership.configuration().map(|entered| entered.epoch());
            let group = group.expect("there are so many groups");
            membership.handle_copied(*now, epoch.unwrap_or_default(), group);
            membership.note_copied(number, number);
        }
    }
    Ok(())
}

/// What an operator may ask for.
fn request(who: u64, bytes: &mut Unstructured<'_>) -> Result<ChangeRequest> {
    let kind: u8 = bytes.arbitrary()?;
    let other = 1 + u64::from(kind / 8 % 6);
    Ok(match kind % 8 {
        0 | 1 => ChangeRequest::Add {
            address: address(other),
            weight: bytes.arbitrary()?,
        },
        2 | 3 => ChangeRequest::Remove {
            member: NodeId::new(who),
        },
        4 | 5 => ChangeRequest::Replace {
            member: NodeId::new(who),
            address: address(other),
        },
        6 => ChangeRequest::Abort,
        _ => ChangeRequest::Recover {
            lost: [NodeId::new(who), NodeId::new(other)].into(),
            groups: None,
            cluster: ClusterId(8),
        },
    })
}

fn check(membership: &mut Membership, now: Time) {
    let outputs = std::iter::from_fn(|| membership.poll_output()).count();
    assert!(outputs <= OUTPUTS_MAX, "{outputs} outputs at once");
    let dialled = membership.dial().count();
    assert!(dialled <= DIALLED_MAX, "{dialled} addresses are dialled");
    let _shown = membership.change(now);
}
