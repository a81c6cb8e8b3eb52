//! For fuzzing: what a stranger can say of a recovery where a node is asked.

use super::plan::Plan;
use crate::cli::client::MembersView;

/// A node says this of a recovery, and after a zero byte, this of the members. It can be shown,
/// whatever it is.
pub fn recovery_plan(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (plan, members) = (part(), part());
    let members = serde_json::from_slice(members).unwrap_or_else(|_| MembersView {
        cluster: None,
        epoch: 1,
        replication: None,
        members: vec![],
        former: vec![],
        change: None,
    });
    if let Ok(plan) = serde_json::from_slice::<Plan>(plan) {
        assert!(!plan.to_text(&members).is_empty());
        assert!(!plan.how_to(Some("0-1")).is_empty());
    }
}
