//! What the demo shows, in the order of the telling: [`Story`].

use crate::cli::client::{Connection, Reply, Request, State, Verb};
use crate::cli::demo::stage::Stage;
use crate::cli::demo::traffic::{self, Ledger, Tally, Traffic};
use crate::cli::failure::Failure;
use crate::cli::figures::{Millis, grouped};
use crate::cli::output;
use crate::cli::spinner::spin;
use hyper::body::Bytes;
use protocol::RegisterName;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The deadline of each operation.
pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long traffic runs by itself, and at the least while something else happens.
const TRAFFIC_SPAN: Duration = Duration::from_secs(1);

/// The story, as far as it has been told.
pub(crate) struct Story<'a> {
    pub(super) stage: &'a mut Stage,
    began: Instant,
    ledger: Ledger,
    operations: u64,
}

impl<'a> Story<'a> {
    /// Now, on this stage.
    pub(crate) fn begin(stage: &'a mut Stage) -> Self {
        Self {
            stage,
            began: Instant::now(),
            ledger: Ledger::default(),
            operations: 0,
        }
    }

    /// Tells all of it.
    ///
    /// # Errors
    /// What went otherwise than it must.
    pub(crate) async fn tell(mut self) -> Result<(), Failure> {
        self.three_nodes_start().await?;
        self.one_writes_and_the_others_read().await?;
        self.many_read_and_write().await?;
        self.one_freezes_and_thaws().await?;
        self.one_dies().await?;
        self.it_comes_back().await?;
        self.another_dies().await?;
        output::line(&format!(
            "\nIn {:.1} s, {} reads and writes: none failed, and every value that was read was \
             checked and right.",
            self.began.elapsed().as_secs_f64(),
            grouped(self.operations)
        ));
        Ok(())
    }

    async fn three_nodes_start(&mut self) -> Result<(), Failure> {
        output::line(
            "Three nodes, each a process of its own. None of them leads; each serves every\n\
             register. On the left, the time in seconds.\n",
        );
        spin(
            "the nodes start and look for each other",
            self.stage.start_all(),
        )
        .await?;
        for node in [0, 1, 2] {
            self.say(format!("{} runs", self.stage.node(node)));
        }
        self.say("they have met and founded a cluster");
        Ok(())
    }

    async fn one_writes_and_the_others_read(&mut self) -> Result<(), Failure> {
        self.chapter("Write at one, read at the others");
        self.write(0, "hello").await?;
        self.read(1, "hello").await?;
        self.read(2, "hello").await
    }

    async fn many_read_and_write(&mut self) -> Result<(), Failure> {
        self.chapter(&format!(
            "{} clients at once, for a second",
            traffic::CLIENTS
        ));
        let traffic = self.traffic(&[0, 1, 2]);
        spin("clients read and write", sleep(TRAFFIC_SPAN)).await;
        let tally = self.end(traffic).await?;
        self.say(format!(
            "{} reads and writes in a second, {:.1} % of the reads in one round",
            grouped(tally.per_second() as u64),
            tally.one_round_percentage()
        ));
        Ok(())
    }

    async fn one_freezes_and_thaws(&mut self) -> Result<(), Failure> {
        let port = self.stage.port(2);
        self.chapter(&format!(
            "Freeze {port} (SIGSTOP), while clients go on at the others"
        ));
        let traffic = self.traffic(&[0, 1]);
        self.stage.node(2).freeze()?;
        let frozen = Instant::now();
        self.say(format!("{port} is frozen"));
        self.write(0, "written while one was frozen").await?;
        self.read(1, "written while one was frozen").await?;
        self.until_state(2, frozen, |state| state == State::Down)
            .await?;
        let tally = self.end(traffic).await?;
        self.say(unharmed(&tally));

        self.stage.node(2).thaw()?;
        let thawed = Instant::now();
        self.say(format!("{port} goes on (SIGCONT)"));
        self.until_state(2, thawed, |state| state == State::Alive)
            .await?;
        // It missed that write, and must not answer with what it remembers.
        self.read(2, "written while one was frozen").await
    }

    async fn one_dies(&mut self) -> Result<(), Failure> {
        let port = self.stage.port(1);
        self.chapter(&format!(
            "Kill {port} (kill -9), while clients go on at the others"
        ));
        let traffic = self.traffic(&[0, 2]);
        self.stage.kill(1).await?;
        let killed = Instant::now();
        self.say(format!("{port} is dead"));
        self.write(2, "written after one had died").await?;
        self.read(0, "written after one had died").await?;
        self.until_state(1, killed, |state| state != State::Alive)
            .await?;
        sleep(TRAFFIC_SPAN.saturating_sub(killed.elapsed())).await;
        let tally = self.end(traffic).await?;
        self.say(unharmed(&tally));
        self.say("(two of three are a majority: one at a time may be away)");
        Ok(())
    }

    async fn it_comes_back(&mut self) -> Result<(), Failure> {
        let port = self.stage.port(1);
        self.chapter(&format!("Start {port} again, with an empty memory"));
        let started = Instant::now();
        spin("it looks for its cluster", self.stage.start(1)).await?;
        let view = self.until_whole(1, started).await?;
        self.say(format!(
            "{port} is a member again, in its old place, and has copied all {} registers",
            grouped(view.registers)
        ));
        self.say(format!(
            "from the others, {:.2} s after its start",
            started.elapsed().as_secs_f64()
        ));
        self.read(1, "written after one had died").await
    }

    async fn another_dies(&mut self) -> Result<(), Failure> {
        let (port, again) = (self.stage.port(2), self.stage.port(1));
        self.chapter(&format!(
            "Kill {port}, too: {again} counts again, so a majority is left"
        ));
        let traffic = self.traffic(&[0, 1]);
        self.stage.kill(2).await?;
        let killed = Instant::now();
        self.say(format!("{port} is dead"));
        self.read(1, "written after one had died").await?;
        self.write(1, "written after the second death").await?;
        self.read(0, "written after the second death").await?;
        sleep(TRAFFIC_SPAN.saturating_sub(killed.elapsed())).await;
        let tally = self.end(traffic).await?;
        self.say(unharmed(&tally));
        Ok(())
    }

    /// Writes the greeting.
    async fn write(&mut self, node: usize, value: &'static str) -> Result<(), Failure> {
        let verb = Verb::Write(Bytes::from_static(value.as_bytes()));
        let (_, rounds, took) = self.operate(node, verb).await?;
        self.say(format!(
            "write at {}: {value:?} in {} and {rounds} rounds",
            self.stage.port(node),
            Millis(took)
        ));
        Ok(())
    }

    /// Reads the greeting, which must be this.
    async fn read(&mut self, node: usize, expected: &str) -> Result<(), Failure> {
        let port = self.stage.port(node);
        let (value, rounds, took) = self.operate(node, Verb::Read).await?;
        if value.as_deref() != Some(expected.as_bytes()) {
            let value = String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned();
            return Err(Failure::failed(format!(
                "the read at {port} returned {value:?} instead of {expected:?}"
            )));
        }
        let rounds = match rounds {
            1 => "1 round".to_owned(),
            rounds => format!("{rounds} rounds"),
        };
        self.say(format!(
            "read at {port}: {expected:?} in {} and {rounds}",
            Millis(took)
        ));
        Ok(())
    }

    async fn operate(
        &mut self,
        node: usize,
        verb: Verb,
    ) -> Result<(Option<Bytes>, u8, Duration), Failure> {
        let address = self.stage.address(node);
        let name = RegisterName::new("greeting").expect("it is short");
        let request = Request { name: &name, verb };
        let failed =
            |why: &str| Failure::failed(format!("the {request} at {address} failed: {why}"));
        let connection = Connection::open(&address).await;
        let mut connection = connection.map_err(|error| failed(&error.to_string()))?;
        let began = Instant::now();
        match request.ask(&mut connection, OPERATION_TIMEOUT).await {
            Reply::Done { value, rounds, .. } => {
                self.operations += 1;
                let rounds = rounds.ok_or_else(|| failed("the answer does not tell its rounds"))?;
                Ok((value, rounds, began.elapsed()))
            }
            Reply::Elsewhere(why) | Reply::Refused(why) | Reply::Unknown(why) => Err(failed(&why)),
        }
    }

    fn traffic(&self, nodes: &[usize]) -> Traffic {
        let nodes: Vec<_> = nodes.iter().map(|&node| self.stage.address(node)).collect();
        Traffic::start(&nodes, &self.ledger)
    }

    async fn end(&mut self, traffic: Traffic) -> Result<Tally, Failure> {
        let tally = traffic.stop().await?;
        self.operations += tally.operations();
        Ok(tally)
    }

    fn chapter(&self, title: &str) {
        output::line(&format!("\n{title}"));
    }

    pub(super) fn say(&self, text: impl AsRef<str>) {
        let seconds = self.began.elapsed().as_secs_f64();
        output::line(&format!("{seconds:7.2}  {}", text.as_ref()));
    }
}

fn unharmed(tally: &Tally) -> String {
    format!(
        "meanwhile: {} reads and writes, none failed, the slowest took {}",
        grouped(tally.operations()),
        Millis(tally.slowest)
    )
}
