//! A run as people tell it: [`story`].

use crate::history::{ClientState, Ending};
use crate::names::{Place, place};
use crate::scenario::{Prelude, value_of};
use crate::space::{Action, Space, State};
use crate::store::KnownMessage;
use bytes::Bytes;
use checker::Reply;
use protocol::{
    Accepted, Answer, Ballot, Body, Configuration, Effect, Operation, Promise, PullAsk, Record,
    Tag, Want,
};
use stateright::Path;
use std::fmt::Write;

/// Tells what happened, step by step, and what is wrong in the end.
pub(crate) fn story(space: &Space, path: Path<State, Action>) -> String {
    let mut text = String::new();
    for prelude in &space.scenario.prelude {
        let _ = writeln!(text, "   -. {}", tell_prelude(space, prelude));
    }
    let steps = path.into_vec();
    for (number, pair) in steps.windows(2).enumerate() {
        let [(before, Some(action)), (after, _)] = pair else {
            continue;
        };
        let line = tell(space, before, *action);
        let _ = writeln!(text, "{:>4}. {line}", number + 1);
        for (client, (was, is)) in before.clients.iter().zip(&after.clients).enumerate() {
            if was.state != is.state
                && let ClientState::Ended(ending) = is.state
            {
                let ending = space.histories.ending(ending);
                let ending = match (&ending, space.scenario.requests[client].is_proposal()) {
                    (Ending::Done(Reply::Modified(_)), true) => "it is decided".to_owned(),
                    (Ending::Done(Reply::Unchanged(_)), true) => {
                        "another one is decided".to_owned()
                    }
                    _ => ending_of(&ending),
                };
                let _ = writeln!(text, "      -> client {client} is told: {ending}");
            }
        }
    }
    if let Some((last, _)) = steps.last() {
        let what = space.explain(last);
        let _ = write!(
            text,
            "  In the end, {}",
            what.as_deref().unwrap_or("all is well")
        );
    }
    text
}

fn tell(space: &Space, state: &State, action: Action) -> String {
    match action {
        Action::Request {
            number,
            enter,
            first,
            is_heard,
        } => {
            let request = &space.scenario.requests[number];
            let asks = format!(
                "client {number} asks {} to {}",
                of(request.at),
                operation(&request.operation)
            );
            let mut lane = state.lanes[request.at];
            let mut asks = asks;
            if let Some(planned) = enter {
                asks = format!(
                    "{}; {asks}",
                    tell(space, state, Action::Enter(request.at, planned))
                );
                lane = space
                    .store
                    .step(lane, crate::store::Event::Enter(planned))
                    .lane;
            }
            let step = space.store.step(lane, crate::store::Event::Request(number));
            match first {
                None => asks,
                Some(first) => {
                    let known = space.store.message(step.sent[first]);
                    format!("{asks}; {}", arrival(space, &known, is_heard))
                }
            }
        }
        Action::Arrival { message, is_heard } => {
            arrival(space, &space.store.message(message), is_heard)
        }
        Action::Check(message) => {
            let known = space.store.message(message);
            format!(
                "{} checks the epoch of what {} sent, and lets it wait: {}",
                of(known.to),
                of(known.from),
                body(&known.message.body)
            )
        }
        Action::Crash(place) => format!("{} crashes, and all others notice", of(place)),
        Action::Restart(place) => {
            format!(
                "{} restarts under its old name, and remembers nothing",
                of(place)
            )
        }
        Action::Enter(place, planned) => {
            format!("{} enters {}", of(place), configuration(space, planned))
        }
        Action::Timer(place) => format!("time passes at {}, which begins anew", of(place)),
        Action::Silence(place) => {
            format!(
                "{} hears nothing from the one it copies from, and asks another",
                of(place)
            )
        }
    }
}

fn tell_prelude(space: &Space, prelude: &Prelude) -> String {
    match *prelude {
        Prelude::Request(number) => {
            let request = &space.scenario.requests[number];
            format!(
                "client {number} asks {} to {}",
                of(request.at),
                operation(&request.operation)
            )
        }
        Prelude::Enter(place, planned) => {
            format!("{} enters {}", of(place), configuration(space, planned))
        }
        Prelude::Talk(places) => {
            let nodes: Vec<_> = places.iter().map(|place| of(*place)).collect();
            format!(
                "all that they tell each other arrives: {}",
                nodes.join(", ")
            )
        }
        Prelude::Loss => "what is on its way is lost".to_owned(),
    }
}

fn content(content: &Bytes) -> String {
    match Configuration::decode(content) {
        Ok(next) => told(&next),
        Err(_) => format!("{:?}", value_of(content)),
    }
}

fn configuration(space: &Space, planned: usize) -> String {
    told(&space.scenario.configurations[planned].configuration)
}

fn told(configuration: &Configuration) -> String {
    let members = |members: &[protocol::Member]| {
        let numbers = members
            .iter()
            .map(|it| (self::place(it.id) + 1).to_string());
        numbers.collect::<Vec<_>>().join(",")
    };
    let before = members(configuration.members_before());
    let after = members(configuration.members_after());
    let what = match (configuration.is_joint(), configuration.is_aborted()) {
        (true, _) => format!("the change from {{{before}}} to {{{after}}}"),
        (false, true) => format!("the end of the change, which is given up: {{{after}}}"),
        (false, false) => format!("{{{after}}}"),
    };
    format!("epoch {}, {what}", configuration.epoch())
}

fn arrival(space: &Space, known: &KnownMessage, is_heard: bool) -> String {
    let lost = match (is_heard, space.scenario.answers_at_once) {
        (false, true) => " (and its reply is lost)",
        _ => "",
    };
    format!(
        "{} gets from {}, of epoch {}: {}{lost}",
        of(known.to),
        of(known.from),
        known.message.epoch,
        body(&known.message.body)
    )
}

fn of(place: Place) -> String {
    format!("node {}", place + 1)
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Read { .. } => "read".to_owned(),
        Operation::Write {
            content: Some(content),
            ..
        } => format!("write {:?}", value_of(content)),
        Operation::Write { content: None, .. } => "delete".to_owned(),
        Operation::Modify { name, change } => match &change.effect {
            Effect::Add(amount) => format!("add {amount}"),
            Effect::Put {
                content: Some(next),
                ..
            } if name.is_reserved() => format!("propose {}", content(next)),
            _ => format!("modify: {change:?}"),
        },
    }
}

fn ending_of(ending: &Ending) -> String {
    let content = |content: &Option<String>| match content {
        Some(value) => format!("{value:?}"),
        None => "nothing".to_owned(),
    };
    match ending {
        Ending::Done(Reply::Written) => "written".to_owned(),
        Ending::Done(Reply::Read(value)) => format!("it holds {}", content(value)),
        Ending::Done(Reply::Modified(value)) => format!("now it holds {}", content(value)),
        Ending::Done(Reply::Replaced(value)) => format!("before it held {}", content(value)),
        Ending::Done(Reply::Unchanged(value)) => {
            format!("unchanged, as it holds {}", content(value))
        }
        Ending::Done(Reply::Unmet) => "unchanged".to_owned(),
        Ending::Refused => "refused".to_owned(),
        Ending::Unknown => "unknown".to_owned(),
    }
}

fn body(body: &Body) -> String {
    match body {
        Body::Query { want, .. } => match want {
            Want::Tag => "which tag do you hold?".to_owned(),
            Want::RecordAbove(above) if above.is_zero() => "what do you hold?".to_owned(),
            Want::RecordAbove(above) => format!("what do you hold, if above {}?", tag(*above)),
        },
        Body::QueryReply { answer, .. } => match answer {
            Answer::Tag { tag: held, settled } => {
                format!("I hold {}{}", tag(*held), is_settled(*settled))
            }
            Answer::Record(held) => format!("I hold {}", record(held)),
        },
        Body::Update { record: it, .. } => format!("take {}", record(it)),
        Body::UpdateReply { tag: held, .. } => format!("I hold {} now", tag(*held)),
        Body::Settled { tag: it, .. } => format!("{} is settled", tag(*it)),
        Body::Prepare { ballot: it, .. } => format!("promise {}", ballot(*it)),
        Body::PrepareReply { promise, .. } => match promise {
            Promise::Promised {
                record: held,
                accepted: None,
            } => format!("promised; I hold {}", record(held)),
            Promise::Promised {
                record: held,
                accepted: Some(accepted),
            } => {
                format!(
                    "promised; I hold {}, and have accepted {}",
                    record(held),
                    step(accepted)
                )
            }
            Promise::Refused { promised } => format!("no, I promised {}", ballot(*promised)),
        },
        Body::Accept { step: it, .. } => format!("accept {}", step(it)),
        Body::AcceptReply {
            ballot: it,
            tag: of,
            refused_by: None,
            ..
        } => format!("I accepted {} under {}", tag(*of), ballot(*it)),
        Body::AcceptReply {
            refused_by: Some(by),
            ..
        } => format!("no, I promised {}", ballot(*by)),
        Body::Pull {
            ask: PullAsk::Differences { .. },
            ..
        } => "what do you hold that I lack?".to_owned(),
        Body::Pull { .. } => "give me what you listed".to_owned(),
        Body::PullReply { answer, .. } if answer.entries.is_empty() => {
            "you lack nothing".to_owned()
        }
        Body::PullReply { answer, .. } => {
            let entries = answer.entries.iter().map(|entry| match entry {
                protocol::PullEntry::Listed { tag: it, .. } => tag(*it),
                protocol::PullEntry::Whole { cell, .. } => record(&cell.record),
            });
            format!("I hold {}", entries.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn tag(tag: Tag) -> String {
    if tag.is_zero() {
        return "nothing".to_owned();
    }
    let writer = match tag.writer.node.get() {
        0 => "nobody".to_owned(),
        _ => of(place(tag.writer.node)),
    };
    let step = match tag.step {
        0 => String::new(),
        step => format!(", step {step}"),
    };
    format!("tag ({}, {writer}{step})", tag.seq)
}

fn record(record: &Record) -> String {
    if record.tag.is_zero() {
        return "nothing".to_owned();
    }
    let value = record.content.as_ref().map(content);
    let value = value.unwrap_or_else(|| "nothing".to_owned());
    format!(
        "{value} under {}{}",
        tag(record.tag),
        is_settled(record.settled)
    )
}

fn is_settled(settled: bool) -> &'static str {
    if settled { ", settled" } else { "" }
}

fn ballot(ballot: Ballot) -> String {
    match ballot.proposer.node.get() {
        0 => "no ballot".to_owned(),
        _ => format!(
            "ballot {} of {}",
            ballot.round,
            of(place(ballot.proposer.node))
        ),
    }
}

fn step(step: &Accepted) -> String {
    format!("{}, under {}", record(&step.record()), ballot(step.ballot))
}
