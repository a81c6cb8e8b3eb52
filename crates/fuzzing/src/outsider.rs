//! What a lane is told by a node that is no member: anything.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use protocol::*;
use shardedmemory::fuzzing::DataBatch;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The most that a lane may want done at once: two messages for each operation that may run.
const OUTPUTS_MAX: usize = 2 * 4096;

/// The bytes are batches, as they stand on the wire, from node 2 to a lane of node 1, of a cluster
/// that node 2 is not in; and time between them. Operations run meanwhile. Whatever comes, the lane
/// does not panic, wants a bounded number of things done at once, and ends its operations in time.
pub fn outsider(data: &[u8]) {
    let mut now = Time::from_micros(1_000_000);
    let mut lane = lane(now);
    let deadline = now + Duration::from_secs(1);
    for (number, operation) in (1..).zip(operations()) {
        lane.handle_request(now, Ticket(number), operation, deadline);
        carry_out(&mut lane, now);
    }
    let mut bytes = Unstructured::new(data);
    while !bytes.is_empty() {
        if befall(&mut lane, &mut now, &mut bytes).is_err() {
            break;
        }
    }
    now = now.max(deadline);
    lane.handle_timeout(now);
    carry_out(&mut lane, now);
    let ended = lane.next_timeout().is_none_or(|(due, _)| due > now);
    assert!(ended, "at {now:?} the lane still waits");
}

fn incarnation(number: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(number),
        boot: Boot::FIRST,
    }
}

/// A lane of node 1 of a cluster of the nodes 1, 3 and 4.
fn lane(now: Time) -> Lane {
    static CLUSTER: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
        let member = |number: u64| {
            let address = format!("n{number}:1");
            let address = address.parse().expect("an address");
            Member::new(NodeId::new(number), address)
        };
        let members = [1, 3, 4].map(member).to_vec();
        let cluster = Configuration::new(ClusterId(7), Epoch::FIRST, members, 3);
        Arc::new(cluster.expect("the ids and addresses differ"))
    });
    let mut lane = Lane::new(LaneOptions::new(incarnation(1), 0));
    lane.handle_configuration(now, CLUSTER.clone());
    carry_out(&mut lane, now);
    lane
}

fn operations() -> [Operation; 3] {
    let name = RegisterName::new("name").expect("a short name");
    let write = Operation::Write {
        name: name.clone(),
        content: Some(Bytes::from_static(b"v")),
        expiry: None,
    };
    let add = Operation::Modify {
        name: RegisterName::new("sum").expect("a short name"),
        change: Change::add(1),
    };
    [write, add, Operation::Read { name }]
}

fn befall(lane: &mut Lane, now: &mut Time, bytes: &mut Unstructured<'_>) -> Result<()> {
    let span_ms: u8 = bytes.arbitrary()?;
    let length: u16 = bytes.arbitrary()?;
    let batch = bytes.bytes(usize::from(length).min(bytes.len()))?;
    for message in DataBatch::decode(batch).into_iter().flatten() {
        lane.handle_message(*now, message);
        carry_out(lane, *now);
    }
    *now = *now + Duration::from_millis(span_ms.into());
    lane.handle_timeout(*now);
    carry_out(lane, *now);
    Ok(())
}

/// Does what the lane wants done, as far as it can be done without anybody else.
fn carry_out(lane: &mut Lane, now: Time) {
    let mut outputs = 0;
    while let Some(output) = lane.poll_output() {
        outputs += 1;
        if let Output::Persist { number, .. }
        | Output::Drop { number, .. }
        | Output::Floor { number, .. }
        | Output::Forget { number, .. }
        | Output::Marks { number, .. } = output
        {
            lane.handle_persisted(now, number);
        }
    }
    assert!(outputs <= OUTPUTS_MAX, "{outputs} outputs at once");
}
