use super::*;
use bytes::BytesMut;
use resp::Dialect;
use std::collections::BTreeSet;

/// Stands in for a node: names in a set.
struct Double {
    names: BTreeSet<RegisterName>,
    refusal: Option<Refusal>,
    limits: Limits,
}

impl Double {
    fn of(names: impl IntoIterator<Item = String>) -> Self {
        let name = |name| RegisterName::new(name).expect("short");
        Self {
            names: names.into_iter().map(name).collect(),
            refusal: None,
            limits: Limits {
                value_bytes_max: 1024,
                timeout_default: Duration::from_secs(5),
                timeout_max: Duration::from_secs(60),
                body_bytes_in_flight_max: 1024,
                memory_bytes_max: None,
            },
        }
    }

    fn refused(&self) -> Result<(), NotListed> {
        let slot = protocol::Slot::of(b"");
        self.refusal
            .map_or(Ok(()), |refusal| Err(NotListed { refusal, slot }))
    }

    async fn ask(&self, command: Command) -> String {
        let mut out = BytesMut::new();
        carry_out(
            self,
            command,
            &mut ReplyWriter::new(&mut out, Dialect::Resp2),
        )
        .await;
        String::from_utf8(out.to_vec()).expect("names are text here")
    }

    async fn scan(&self, cursor: u64, count: u64) -> String {
        self.ask(scan_of(cursor, count, None, None)).await
    }

    async fn keys(&self, pattern: &'static str) -> String {
        self.ask(Command::Key(KeyCommand::Keys(pattern.into())))
            .await
    }
}

impl Names for Double {
    async fn list(
        &self,
        after: Option<Position>,
        count: usize,
        _: Duration,
    ) -> Result<NamesPage, NotListed> {
        self.refused()?;
        let is_ahead = |name: &&RegisterName| after.is_none_or(|after| name.position() > after);
        let mut ahead = self.names.iter().filter(is_ahead);
        let names: Vec<_> = ahead.by_ref().take(count).cloned().collect();
        let next = names.last().map(RegisterName::position);
        let next = next.filter(|_| ahead.next().is_some());
        Ok(NamesPage { names, next })
    }

    async fn count(&self, _: Duration) -> Result<u64, NotListed> {
        self.refused()?;
        Ok(self.names.len() as u64)
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn scan_of(
    cursor: u64,
    count: u64,
    pattern: Option<&'static str>,
    of_type: Option<&'static str>,
) -> Command {
    Command::Key(KeyCommand::Scan(Scan {
        cursor,
        pattern: pattern.map(Bytes::from),
        count,
        of_type: of_type.map(Bytes::from),
    }))
}

/// The bulk strings of an answer.
fn bulks(answer: &str) -> Vec<&str> {
    let mut lines = answer.split("\r\n");
    let mut bulks = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('$') {
            bulks.extend(lines.next());
        }
    }
    bulks
}

fn numbered(count: usize) -> Double {
    Double::of((0..count).map(|number| format!("key:{number}")))
}

#[tokio::test]
async fn scans_one_after_another_return_each_name_once() {
    let names = numbered(95);
    let (mut cursor, mut seen, mut calls) = (0, Vec::new(), 0);
    loop {
        let answer = names.scan(cursor, 10).await;
        assert!(answer.starts_with("*2\r\n$"), "{answer}");
        let bulks = bulks(&answer);
        cursor = bulks[0].parse().expect("a number");
        seen.extend(bulks[1..].iter().map(|&name| name.to_owned()));
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), calls), (95, 10));
}

#[tokio::test]
async fn a_scan_returns_only_what_its_pattern_matches_of_what_it_looked_at() {
    let names = numbered(30);
    let answer = names.ask(scan_of(0, 100, Some("key:1?"), None)).await;
    let mut found = bulks(&answer)[1..].to_vec();
    found.sort_unstable();
    let expected: Vec<String> = (10..20).map(|number| format!("key:{number}")).collect();
    assert_eq!(found, expected);
    let nothing = names.ask(scan_of(0, 10, Some("no*"), None)).await;
    assert_ne!(bulks(&nothing)[0], "0", "there is more to look at");
    assert_eq!(bulks(&nothing).len(), 1);
}

#[tokio::test]
async fn every_register_is_a_string_and_nothing_else() {
    let names = numbered(3);
    let strings = names.ask(scan_of(0, 10, None, Some("STRING"))).await;
    assert_eq!(bulks(&strings).len(), 4);
    let others = names.ask(scan_of(0, 10, None, Some("hash"))).await;
    assert_eq!(others, "*2\r\n$1\r\n0\r\n*0\r\n");
}

#[tokio::test]
async fn a_cursor_that_was_never_given_is_refused() {
    assert_eq!(numbered(3).scan(17, 10).await, "-ERR invalid cursor\r\n");
}

#[tokio::test]
async fn keys_are_all_that_match() {
    let names = numbered(25_000);
    assert!(names.keys("*").await.starts_with("*25000\r\n"));
    assert_eq!(names.keys("key:7").await, "*1\r\n$5\r\nkey:7\r\n");
    assert_eq!(names.keys("nothing").await, "*0\r\n");
}

#[tokio::test]
async fn too_many_keys_are_refused_and_no_more_is_held_than_that() {
    let long = "n".repeat(1000);
    let count = KEYS_BYTES_MAX / long.len() + 1;
    let names = Double::of((0..count).map(|number| format!("{long}{number}")));
    let answer = names.keys("*").await;
    assert!(
        answer.starts_with("-ERR the names that match have more"),
        "{answer}"
    );
    assert_eq!(bulks(&names.keys("*n7").await).len(), 1);
}

#[tokio::test]
async fn a_random_key_is_any_of_them() {
    let random = || Command::Key(KeyCommand::Random);
    let names = numbered(5);
    let mut drawn = BTreeSet::new();
    for _ in 0..1000 {
        let answer = names.ask(random()).await;
        drawn.insert(bulks(&answer)[0].to_owned());
    }
    assert_eq!(drawn.len(), 5);
    assert_eq!(numbered(0).ask(random()).await, "$-1\r\n");
}

#[tokio::test]
async fn the_size_is_how_many_there_are() {
    let size = Command::Server(ServerCommand::Size);
    assert_eq!(numbered(7).ask(size).await, ":7\r\n");
}

#[tokio::test]
async fn what_is_refused_says_what_to_do() {
    let mut names = numbered(7);
    for (refusal, expected) in [
        (Refusal::NoQuorum, "-CLUSTERDOWN "),
        (Refusal::NoCluster, "-CLUSTERDOWN "),
        (Refusal::NoMember, "-CLUSTERDOWN this node is no member"),
        (Refusal::Busy, "-BUSY "),
    ] {
        names.refusal = Some(refusal);
        for command in [
            scan_of(0, 10, None, None),
            Command::Key(KeyCommand::Keys("*".into())),
            Command::Key(KeyCommand::Random),
            Command::Server(ServerCommand::Size),
        ] {
            let answer = names.ask(command).await;
            assert!(answer.starts_with(expected), "{answer}");
        }
    }
}
