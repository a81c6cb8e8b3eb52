use super::*;
use crate::cli::torture::TortureArgs;
use crate::cli::torture::fault::{Fault, Partition};
use crate::cli::torture::judgement::Judgement;
use crate::cli::torture::timeline::{Chronicle, Process, Standing};
use crate::cli::workload::{Kind, WorkloadRecord};
use checker::{History, Limits, check};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: TortureArgs,
}

/// A run of this length with these operations at the first of two nodes, whose name is this.
fn draw(elapsed: Duration, operations: Vec<OperationRecord>, name: &str) -> String {
    let chronicle = Chronicle::begin(2);
    chronicle.process(0, Process::Runs);
    chronicle.standing(0, Standing::Whole);
    chronicle.phase();
    let fault = Fault::Partition(Partition::Isolate(0));
    chronicle.fault(&fault, "<cut> & paste, for ever".to_owned());
    let record = WorkloadRecord {
        history: History::new(),
        operations,
        registers: Vec::new(),
        nodes: vec![name.to_owned()],
        elapsed,
        full: false,
        unreachable: 0,
        last_failure: None,
    };
    let timeline = chronicle.since(tokio::time::Instant::now());
    let report = Report {
        arguments: &Line::parse_from(["torture"]).arguments,
        seed: 99,
        network: "proxy",
        record: &record,
        timeline: &timeline,
        judgement: &Judgement::of(&record, &timeline),
        verdict: &check(&record.history, Limits::default()),
        ended: None,
    };
    Picture::of(&report).draw()
}

fn operation(at: u64, ended: Ended) -> OperationRecord {
    OperationRecord {
        client: 1,
        start_ns: at,
        end_ns: at + 5_000_000,
        register: 0,
        node: Some(0),
        kind: Kind::Read,
        ended,
        rounds: None,
    }
}

#[test]
fn a_picture_of_nothing_is_well_formed() {
    let drawn = draw(Duration::ZERO, Vec::new(), "");
    roxmltree::Document::parse(&drawn).unwrap();
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
}

#[test]
fn all_that_is_drawn_lies_within_the_picture() {
    let second = 1_000_000_000;
    let operations = [Ended::Done, Ended::Refused, Ended::Unknown];
    let operations = (0..90).map(|at| operation(at * second, operations[at as usize % 3]));
    let drawn = draw(Duration::from_secs(90), operations.collect(), "<\"&\u{1}>");
    let picture = roxmltree::Document::parse(&drawn).unwrap();
    let number = |element: roxmltree::Node<'_, '_>, name: &str| -> f64 {
        element
            .attribute(name)
            .map_or(0.0, |text| text.parse().unwrap())
    };
    let root = picture.root_element();
    let (width, height) = (number(root, "width"), number(root, "height"));
    let drawn = root.children().flat_map(|it| it.descendants());
    let mut count = 0;
    for element in drawn.filter(|it| matches!(it.tag_name().name(), "rect" | "text")) {
        let (x, y) = (number(element, "x"), number(element, "y"));
        let right = x + number(element, "width").min(width);
        let bottom = y + number(element, "height").min(height);
        assert!(x >= 0.0 && right <= width + 0.1, "{element:?}");
        assert!(y >= 0.0 && bottom <= height + 0.1, "{element:?}");
        count += 1;
    }
    assert!(count > 100, "{count}");
    let texts: Vec<&str> = root.descendants().filter_map(|it| it.text()).collect();
    assert!(texts.contains(&"<\"& >") && texts.contains(&"<cut> & paste"));
}
