//! What happened in a run, for people and for comparison: [`Trace`].

use crate::clocks::Instant;
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use xxhash_rust::xxh3::Xxh3;

/// Takes in everything that happens. It keeps a digest of all of it, by which two runs can be
/// told to be the same, and writes it out as lines if it is asked to.
pub(crate) struct Trace {
    digest: Xxh3,
    out: Option<Box<dyn io::Write + Send>>,
    /// What stands in the lines for what.
    aliases: Vec<(String, String)>,
}

impl Trace {
    /// A trace that only keeps the digest.
    pub(crate) fn silent() -> Self {
        Self {
            digest: Xxh3::new(),
            out: None,
            aliases: Vec::new(),
        }
    }

    /// A trace that writes lines too.
    pub(crate) fn written_to(out: Box<dyn io::Write + Send>) -> Self {
        Self {
            out: Some(out),
            ..Self::silent()
        }
    }

    /// From now on writes `alias` where `text` would stand: ids of sixteen digits are not for
    /// people.
    pub(crate) fn alias(&mut self, text: String, alias: String) {
        if self.out.is_some() {
            self.aliases.push((text, alias));
        }
    }

    /// Something happened.
    pub(crate) fn tell(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        now.hash(&mut self.digest);
        struct Digest<'a>(&'a mut Xxh3);
        impl fmt::Write for Digest<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        fmt::write(&mut Digest(&mut self.digest), what).expect("a digest takes everything");
        self.write(now, what);
    }

    /// Something happened, of which there is so much that its words are only made if somebody
    /// reads them.
    pub(crate) fn note(&mut self, now: Instant, what: &(impl Hash + fmt::Display)) {
        now.hash(&mut self.digest);
        what.hash(&mut self.digest);
        self.write(now, format_args!("{what}"));
    }

    fn write(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let Some(out) = &mut self.out else {
            return;
        };
        let mut line = format!("{now} {what}");
        for (text, alias) in &self.aliases {
            line = line.replace(text, alias);
        }
        // Whoever reads along may stop reading; the run goes on without a trace.
        if writeln!(out, "{line}").is_err() {
            self.out = None;
        }
    }

    /// The digest of everything so far.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({:016x})", self.digest())
    }
}

/// Keeps the last lines of a trace, and from further back those that tell of more than messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// The last lines of all.
    last: VecDeque<String>,
    /// The last before these that are not about single messages.
    former: VecDeque<String>,
    begun: Vec<u8>,
}

impl Tail {
    const LAST_MAX: usize = 20;
    const FORMER_MAX: usize = 40;
    /// Longer lines are those of messages that carry a great deal.
    const LINE_LENGTH_MAX: usize = 400;

    /// The lines, joined.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = lines.former.iter().chain(&lines.last);
        let all: Vec<&str> = all.map(String::as_str).collect();
        all.join("\n")
    }
}

impl Lines {
    fn push(&mut self, line: String) {
        self.last.push_back(line);
        if self.last.len() > Tail::LAST_MAX {
            // What follows on the time is set in if it is about a message.
            let is_of_message = |line: &String| line.trim_start().contains("   ");
            let former = self.last.pop_front();
            self.former
                .extend(former.filter(|line| !is_of_message(line)));
        }
        if self.former.len() > Tail::FORMER_MAX {
            self.former.pop_front();
        }
    }
}

impl io::Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte != b'\n' {
                lines.begun.push(byte);
                continue;
            }
            let line = std::mem::take(&mut lines.begun);
            let line = String::from_utf8_lossy(&line);
            lines.push(line.chars().take(Self::LINE_LENGTH_MAX).collect());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_name_nodes_as_people_do_and_the_digest_does_not_depend_on_who_reads() {
        let page = Page::default();
        let mut read = Trace::written_to(Box::new(page.clone()));
        let mut silent = Trace::silent();
        for trace in [&mut read, &mut silent] {
            trace.alias("00000000000000ab".into(), "n1".into());
            trace.tell(
                Instant::START,
                format_args!("{} crashes", "00000000000000ab"),
            );
            trace.note(Instant::START, &7);
        }
        assert_eq!(read.digest(), silent.digest());
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "  0.000000 n1 crashes\n  0.000000 7\n");
    }

    #[test]
    fn a_tail_keeps_the_last_lines_and_what_is_told_before_them() {
        let mut tail = Tail::default();
        writeln!(tail, "  1.000000 told first").unwrap();
        for number in 0..100 {
            writeln!(tail, "  2.000000   message {number}").unwrap();
            writeln!(tail, "  2.000000 told {number}").unwrap();
        }
        writeln!(tail, "{}", "x".repeat(1000)).unwrap();
        let text = tail.text();
        assert!(text.starts_with("  2.000000 told 50\n"), "{text}");
        assert!(
            !text.contains("message 89") && text.contains("message 91"),
            "{text}"
        );
        let count = text.lines().count();
        assert_eq!(count, Tail::LAST_MAX + Tail::FORMER_MAX);
        let longest = text.lines().map(str::len).max();
        assert_eq!(longest, Some(Tail::LINE_LENGTH_MAX));
    }
}
