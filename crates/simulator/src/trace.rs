//! What happened in a run, for people and for comparison: [`Trace`].

use crate::clocks::Instant;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

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
}
