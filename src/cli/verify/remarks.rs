//! What there is to say about a run, above all about what it cannot show.

use crate::cli::figures::{Millis, counted};
use crate::cli::workload::{Kind, Summary};
use std::time::Duration;

/// What a reader of the figures must know.
pub(super) fn remarks(summary: &Summary) -> Vec<String> {
    /// Below this share of operations that overlap, there was hardly anything to get wrong.
    const OVERLAP_MIN: f64 = 0.05;
    /// Above this, something has happened to the nodes.
    const GAP_OF_A_FAULT: Duration = Duration::from_millis(500);

    let mut remarks = Vec::new();
    if summary.all.done == 0 {
        return remarks;
    }
    let reads = summary.done(|kind| kind == Kind::Read);
    let changes = summary.all.done - reads;
    if changes == 0 {
        remarks.push("nothing was written, so this proves little".to_owned());
    }
    if reads == 0 && summary.done(|kind| matches!(kind, Kind::Write | Kind::Delete)) == changes {
        remarks.push("nothing was read, so this proves nothing".to_owned());
    }
    if summary.overlap < OVERLAP_MIN {
        remarks.push(format!(
            "only {:.1} % of the operations ran while another ran on the same register: more \
             clients or fewer registers try harder",
            summary.overlap * 100.0
        ));
    }
    if summary.all.unknown > 0 {
        remarks.push(format!(
            "it is unknown whether {} happened; the check allows both",
            counted(summary.all.unknown, "write or delete", "writes or deletes")
        ));
    }
    let node_gaps = summary.nodes.iter().map(|node| node.gap.length);
    let gap = node_gaps.max().unwrap_or_default().max(summary.gap.length);
    if summary.all.done == summary.all.sum() && gap < GAP_OF_A_FAULT {
        remarks.push(format!(
            "nothing failed, and no node was without a success for longer than {}: this shows \
             nothing of faults; kill, freeze or cut off a node during the run",
            Millis(gap)
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::workload::WorkloadRecord;

    fn remarks_of(lines: &str) -> String {
        remarks(&Summary::of(&WorkloadRecord::of_lines(lines))).join("; ")
    }

    #[test]
    fn a_run_that_shows_little_is_called_so() {
        let quiet = remarks_of("0 9 1 x write =a done\n10 20 1 x read done =a\n");
        assert!(
            quiet.contains("only 0.0 %") && quiet.contains("nothing failed"),
            "{quiet}"
        );
        let reads = remarks_of("0 9 1 x read done -\n5 20 2 x read done -\n");
        assert!(reads.contains("nothing was written"), "{reads}");
        let writes = remarks_of("0 9 1 x write =a done\n5 20 2 x delete done\n");
        assert!(writes.contains("nothing was read"), "{writes}");
        // An addition tells what it found.
        let added = remarks_of("0 9 1 x add 1 modified =1\n5 20 2 x add 1 modified =2\n");
        assert!(!added.contains("nothing was"), "{added}");
    }

    #[test]
    fn a_run_in_which_something_broke_is_not_called_quiet() {
        let broken = remarks_of(
            "0 9 1 x write =a done\n5 20 2 x read done =a\n21 30 1 x write =b unknown\n",
        );
        assert!(
            broken.contains("unknown whether 1 write or delete happened"),
            "{broken}"
        );
        assert!(!broken.contains("nothing failed"), "{broken}");
    }
}
