//! The nodes that can be asked of a cluster: [`Voices`].

use crate::cli::client::{
    ClientArgs, Connection, Credentials, MembersView, Unreachable, WHERE_NODES_ARE,
};
use crate::cli::failure::Failure;
use protocol::Address;
use serde_json::Value;
use std::time::Duration;

/// The nodes that can be asked: those that were named, and then the members of which they told.
/// One is asked until it fails, then the next.
pub(crate) struct Voices {
    nodes: Vec<Address>,
    /// Whose turn it is.
    current: usize,
    connection: Option<Connection>,
    credentials: Credentials,
    deadline: Duration,
}

impl Voices {
    /// Those whom the operator names.
    ///
    /// # Errors
    /// If what was given is no password, or cannot be read.
    pub(crate) fn new(arguments: &ClientArgs) -> Result<Self, Failure> {
        Ok(Self {
            nodes: arguments.nodes.clone(),
            current: 0,
            connection: None,
            credentials: arguments.credentials()?,
            deadline: arguments.timeout_ms,
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// How long each may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The node whose turn it is.
    pub(crate) fn current(&self) -> &Address {
        &self.nodes[self.current]
    }

    /// Turns to the next node.
    pub(crate) fn turn(&mut self) {
        self.connection = None;
        self.current = (self.current + 1) % self.nodes.len();
    }

    /// A connection to the node whose turn it is.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn connection(&mut self) -> Result<&mut Connection, Unreachable> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (Connection::open_answering(self.current()).await?).saying(&self.credentials),
        };
        Ok(self.connection.insert(connection))
    }

    /// What the node whose turn it is says of the members. If it says nothing, it is the next
    /// one's turn.
    ///
    /// # Errors
    /// Why it says nothing.
    pub(crate) async fn view(&mut self) -> Result<(Value, MembersView), String> {
        let deadline = self.deadline;
        let answer = match self.connection().await {
            Ok(connection) => MembersView::ask(connection, deadline).await,
            Err(unreachable) => Err(unreachable.to_string()),
        };
        match &answer {
            Ok((_, view)) => self.learn(view),
            Err(_) => self.turn(),
        }
        answer
    }

    /// What the first node says that knows the members.
    ///
    /// # Errors
    /// Why none does.
    pub(crate) async fn first_view(&mut self) -> Result<(Value, MembersView), Failure> {
        let mut reasons = String::new();
        for _ in 0..self.count() {
            let node = self.current().clone();
            match self.view().await {
                Ok(answer) => return Ok(answer),
                Err(reason) => reasons.push_str(&format!("\n  {node}: {reason}")),
            }
        }
        let message = format!("no node tells who the members are; nothing happened{reasons}");
        Err(Failure::failed(message).hint(WHERE_NODES_ARE))
    }

    /// Members can be asked, too.
    fn learn(&mut self, view: &MembersView) {
        for address in view.addresses() {
            if !self.nodes.contains(&address) {
                self.nodes.push(address);
            }
        }
    }
}
