//! Every scenario holds as far as there is time for it here, and every planted fault that is found
//! soon is found. The program itself goes further.

use model::explore::{Effort, Verdict, explore};
use model::scenarios::{ALL, PLANTED};
use std::num::NonZeroUsize;

fn effort(depth_max: usize) -> Effort {
    Effort {
        depth_max: NonZeroUsize::new(depth_max),
    }
}

#[test]
fn every_scenario_holds() {
    for listed in ALL {
        let report = explore((listed.scenario)(), effort(5));
        assert!(report.verdict.is_passed(), "{report:?}");
        assert!(report.states > 50, "{report:?}");
    }
}

#[test]
fn the_smallest_scenario_is_explored_to_its_end() {
    let report = explore((ALL[0].scenario)(), Effort { depth_max: None });
    assert_eq!(report.verdict, Verdict::Passed { is_exhausted: true });
}

#[test]
fn planted_faults_are_found_and_told_step_by_step() {
    for name in ["quorum-too-small", "no-write-back", "forget-epoch"] {
        let planted = PLANTED.iter().find(|planted| planted.name == name);
        let planted = planted.expect("it is one of them");
        let report = explore(planted.scenario(), Effort { depth_max: None });
        let Verdict::Violated(story) = report.verdict else {
            panic!("{name} is not found");
        };
        assert!(story.contains("   1. client "), "{story}");
        assert!(story.contains("is not linearizable"), "{story}");
    }
}

#[test]
fn every_fault_that_can_be_planted_has_its_scenario() {
    let mut names: Vec<_> = PLANTED.iter().map(|planted| planted.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PLANTED.len());
    for planted in PLANTED {
        let scenario = planted.scenario();
        assert_eq!(scenario.planted, Some(planted.fault));
    }
}
