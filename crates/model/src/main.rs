//! The command line of the model.

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use model::explore::{Effort, Report, Verdict, explore};
use model::scenarios::{ALL, Listed, PLANTED, Planted};
use model::store::let_nodes_stop_quietly;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

/// Explores every run of the real protocol code in small scenarios: every order in which messages
/// may arrive, or get lost, with crashes and changes of members; and checks that no client ever sees
/// anything but one linearizable memory.
///
/// Without a fault, each scenario must hold; and each fault that can be planted must be found in
/// some scenario. The exit code is 0 only if all is as it must be. With --planted, the fault is
/// what is shown: the run that leads to it is told, and the exit code is 1.
#[derive(Parser, Debug)]
#[command(name = "model", version)]
struct Arguments {
    /// The scenarios to explore. Default: all of them, and then each planted fault.
    scenarios: Vec<String>,

    /// Tell which scenarios and which faults there are.
    #[arg(long)]
    list: bool,

    /// Go only as far as a minute allows for all scenarios together.
    #[arg(long)]
    quick: bool,

    /// Put a fault back into the protocol, to see it found, and how.
    #[arg(long, value_parser = parse_planted, conflicts_with = "scenarios")]
    planted: Option<&'static Planted>,

    /// How many actions one after another to look at, at most. Default: as each scenario says.
    #[arg(long)]
    depth: Option<NonZeroUsize>,
}

fn parse_planted(text: &str) -> Result<&'static Planted, String> {
    let found = PLANTED.iter().find(|planted| planted.name == text);
    found.ok_or_else(|| {
        let names: Vec<_> = PLANTED.iter().map(|planted| planted.name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let_nodes_stop_quietly();
    if arguments.list {
        list();
        return ExitCode::SUCCESS;
    }
    if let Some(planted) = arguments.planted {
        return show(planted, &arguments);
    }
    let mut chosen = Vec::new();
    for name in &arguments.scenarios {
        match ALL.iter().find(|it| (it.scenario)().name == name) {
            Some(listed) => chosen.push(listed),
            None => {
                eprintln!("there is no scenario {name:?}; --list tells which there are");
                return ExitCode::from(2);
            }
        }
    }
    let is_all = chosen.is_empty();
    if is_all {
        chosen = ALL.iter().collect();
    }
    let mut table = Rows::new();
    let mut is_well = true;
    for listed in chosen {
        is_well &= hold(listed, &arguments, &mut table);
    }
    if is_all {
        for planted in PLANTED {
            is_well &= find(planted, &arguments, &mut table);
        }
    }
    println!("{}", table.0);
    if is_well {
        println!("all is as it must be");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn list() {
    for listed in ALL {
        let scenario = (listed.scenario)();
        println!("{:<26} {}", scenario.name, scenario.about);
    }
    for planted in PLANTED {
        let scenario = planted.scenario();
        println!("--planted {:<26} {}", planted.name, scenario.about);
    }
}

/// Explores a scenario that must hold. Says whether it does.
fn hold(listed: &Listed, arguments: &Arguments, table: &mut Rows) -> bool {
    let usual = match arguments.quick {
        true => listed.depth_max_quick,
        false => listed.depth_max,
    };
    let report = explore(
        (listed.scenario)(),
        Effort {
            depth_max: arguments.depth.or(usual),
        },
    );
    if let Verdict::Violated(story) = &report.verdict {
        println!("{}:\n{story}", report.name);
    }
    table.take(report.name, &report, &report.verdict.to_string());
    report.verdict.is_passed()
}

/// Explores a scenario with a fault that must be found. Says whether it is.
fn find(planted: &Planted, arguments: &Arguments, table: &mut Rows) -> bool {
    let report = explore(planted.scenario(), effort(arguments));
    let is_found = matches!(report.verdict, Verdict::Violated(_));
    let verdict = if is_found { "found" } else { "NOT FOUND" };
    table.take(&format!("planted: {}", planted.name), &report, verdict);
    is_found
}

/// Shows a planted fault. As a violation is what it leads to, that is told as one.
fn show(planted: &Planted, arguments: &Arguments) -> ExitCode {
    let report = explore(planted.scenario(), effort(arguments));
    let mut table = Rows::new();
    table.take(report.name, &report, &report.verdict.to_string());
    if let Verdict::Violated(story) = &report.verdict {
        println!("{story}");
    }
    println!("{}", table.0);
    match report.verdict {
        Verdict::Violated(_) => ExitCode::FAILURE,
        Verdict::Passed { .. } | Verdict::Unseen(_) => ExitCode::SUCCESS,
    }
}

fn effort(arguments: &Arguments) -> Effort {
    Effort {
        depth_max: arguments.depth,
    }
}

/// What was explored, line by line.
struct Rows(Table);

impl Rows {
    fn new() -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "scenario",
            "bound",
            "states",
            "generated",
            "depth",
            "histories",
            "time",
            "verdict",
        ]);
        for column in table.column_iter_mut().skip(1).take(6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self(table)
    }

    fn take(&mut self, name: &str, report: &Report, verdict: &str) {
        let bound = report
            .depth_max
            .map_or("none".to_owned(), |it| it.to_string());
        self.0.add_row([
            name,
            &bound,
            &report.states.to_string(),
            &report.generated.to_string(),
            &report.depth.to_string(),
            &report.histories.to_string(),
            &format!("{:.1?}", round(report.time)),
            verdict,
        ]);
    }
}

/// To milliseconds, which is all that anyone wants to know.
fn round(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
