//! Changes of members: [`ask`].

use super::Nemesis;
use crate::cli::client::{Connection, MemberView, Problem};
use crate::cli::failure::Failure;
use crate::cli::local::POLL_INTERVAL;
use crate::cli::members::{Change, MemberName};
use crate::cli::torture::fault::{Alteration, name};
use crate::cli::torture::timeline::FaultNumber;
use protocol::Address;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// A change that was asked for.
pub(super) struct Asking {
    answer: JoinHandle<Answer>,
    number: Option<FaultNumber>,
}

/// What a node made of it.
pub(super) struct Answer {
    /// In words.
    pub(super) words: String,
    /// Whether the members will be others, if nothing holds it up.
    pub(super) is_to_come: bool,
}

/// How long a node may take to begin a change, or to say why not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a node that was just started is waited for.
const UP_TIMEOUT: Duration = Duration::from_secs(3);

/// How long after its beginning a change is given up, at the most.
const GIVE_UP_AFTER_MS: u64 = 200;

impl Asking {
    fn begin(answer: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self {
            answer: tokio::spawn(answer),
            number: None,
        }
    }

    /// It has this number in the chronicle.
    pub(super) fn noted(mut self, number: FaultNumber) -> Self {
        self.number = Some(number);
        self
    }

    /// Its number in the chronicle.
    pub(super) fn number(&self) -> FaultNumber {
        self.number.expect("it was noted when it began")
    }

    /// What the node made of it.
    pub(super) async fn answer(self) -> Answer {
        self.answer.await.expect("asking a node does not panic")
    }
}

/// Asks for a change of members that this can mean, if there is one. Gives what it is in words, and
/// who comes or goes by it.
pub(super) fn ask(
    nemesis: &mut Nemesis<'_>,
    alteration: Alteration,
) -> Result<Option<(Asking, String, Vec<usize>)>, Failure> {
    let Some(newest) = nemesis.board.newest() else {
        return Ok(None);
    };
    let count = nemesis.places.count();
    let address = |node: usize| nemesis.network.advertise(node);
    let is_member = |node: &usize| {
        let address = address(*node);
        let mut members = newest.members.iter();
        members.any(|member| member.address == address.as_str())
    };
    let (members, others): (Vec<usize>, Vec<usize>) = (0..count).partition(is_member);
    let (number, gives_up) = match alteration {
        Alteration::Add(number) | Alteration::Remove(number) | Alteration::Replace(number) => {
            (number, false)
        }
        Alteration::GiveUp(number) => (number, true),
    };
    let may_shrink = members.len() > nemesis.members_min();
    let grows = match alteration {
        Alteration::Add(_) => !others.is_empty(),
        Alteration::Remove(_) => !may_shrink,
        Alteration::Replace(_) => false,
        Alteration::GiveUp(number) => !others.is_empty() && (!may_shrink || number % 2 == 0),
    };
    let pick = |nodes: &[usize]| nodes.get(number % nodes.len().max(1)).copied();
    let Some(asked) = nemesis.someone(number / 7) else {
        return Ok(None);
    };
    let (change, words, nodes) = match (alteration, pick(&members), pick(&others)) {
        (Alteration::Replace(_), Some(member), Some(other)) => {
            if !nemesis.places.is_there(other) {
                nemesis.places.start(other)?;
            }
            let change = Change::Replace {
                member: named(&newest.members, &nemesis.network.advertise(member)),
                address: nemesis.network.advertise(other),
            };
            nemesis.places.let_replace(member);
            let words = format!("replace {} by {}", name(member), name(other));
            (change, words, vec![member, other])
        }
        (_, _, Some(other)) if grows => {
            let words = format!("add {}", name(other));
            if !nemesis.places.is_there(other) && gives_up {
                nemesis.places.start(other)?;
            } else if !nemesis.places.is_there(other) {
                nemesis.places.join(other)?;
                let joined = async {
                    Answer {
                        words: "it asks to be let in by itself".to_owned(),
                        is_to_come: true,
                    }
                };
                return Ok(Some((Asking::begin(joined), words, vec![other])));
            }
            let change = Change::Add {
                address: nemesis.network.advertise(other),
                weight: None,
            };
            (change, words, vec![other])
        }
        (_, Some(member), _) if may_shrink => {
            let change = Change::Remove {
                member: named(&newest.members, &nemesis.network.advertise(member)),
            };
            let words = format!("remove {}", name(member));
            (change, words, vec![member])
        }
        _ => return Ok(None),
    };
    let words = match gives_up {
        true => format!("{words} and give it up"),
        false => words,
    };
    let words = format!("{words}, asked of {}", name(asked));
    let node = nemesis.network.listen(asked);
    let involved = nodes.iter().map(|&node| nemesis.network.listen(node));
    let involved: Vec<Address> = involved.collect();
    let asking = Asking::begin(async move {
        for other in &involved {
            until_up(other).await;
        }
        let answer = request(&node, &change).await;
        if !gives_up {
            return answer;
        }
        sleep(Duration::from_millis(number as u64 % GIVE_UP_AFTER_MS)).await;
        let given_up = request(&node, &Change::Abort).await;
        Answer {
            words: format!("{}; giving it up: {}", answer.words, given_up.words),
            is_to_come: false,
        }
    });
    Ok(Some((asking, words, nodes)))
}

/// A member by its id, or, if the node that tells of it does not know it, by its address.
fn named(members: &[MemberView], address: &Address) -> MemberName {
    let mut members = members.iter();
    let member = members.find(|member| member.address == address.as_str());
    match member {
        Some(member) => MemberName::Id(member.id.clone()),
        None => MemberName::Address(address.clone()),
    }
}

/// Waits until a node answers that may have been started just now, but not for long.
async fn until_up(node: &Address) {
    let deadline = Instant::now() + UP_TIMEOUT;
    while Instant::now() < deadline && Connection::open_answering(node).await.is_err() {
        sleep(POLL_INTERVAL).await;
    }
}

/// What a node makes of a change.
async fn request(node: &Address, change: &Change) -> Answer {
    let not_to_come = |words| Answer {
        words,
        is_to_come: false,
    };
    let (method, path, body) = change.request();
    let mut connection = match Connection::open_answering(node).await {
        Ok(connection) => connection,
        Err(unreachable) => return not_to_come(format!("not asked: {unreachable}")),
    };
    let answer = connection.request(method, &path, body, ANSWER_TIMEOUT);
    match answer.await {
        Ok(answer) if answer.status().is_success() => Answer {
            words: "begun".to_owned(),
            is_to_come: true,
        },
        Ok(answer) => {
            let status = answer.status();
            let reason = Problem::read(answer.body()).reason(status);
            not_to_come(format!("refused: {reason}"))
        }
        Err(lost) => not_to_come(format!("no answer: {lost}")),
    }
}
