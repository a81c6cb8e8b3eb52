//! What there is to say of a backup.

use super::InspectArgs;
use crate::backup::{Footer, Header, Register};
use crate::cli::failure::Failure;
use crate::cli::figures::{bytes, counted, grouped};
use crate::cli::list::escaped;
use crate::cli::output;
use crate::cli::read::text_or_base64;
use crate::cli::restore::Source;
use crate::cli::transfer::now_ms;
use crate::cli::values::utc;
use serde_json::{Map, Value, json};

/// Reads a backup, and prints what it was asked for.
pub(super) fn inspect(arguments: &InspectArgs) -> Result<(), Failure> {
    let source = Source::of(&arguments.path);
    let mut reader = source.open()?;
    let now_ms = now_ms();
    let mut expired = 0;
    while let Some(block) = reader.next_block().map_err(|it| source.not_whole(&it))? {
        let is_past = |register: &&Register| register.expires_ms.is_some_and(|at| at <= now_ms);
        expired += block.iter().filter(is_past).count() as u64;
        if arguments.names {
            let lines = block.iter().map(|register| line(register, arguments.json));
            output::data(lines.collect::<String>().as_bytes());
        }
    }
    if arguments.names {
        return Ok(());
    }
    let contents = Contents {
        header: reader.header().clone(),
        footer: reader.footer().expect("it was read to its end").clone(),
        file_bytes: reader.bytes(),
        expired,
    };
    match arguments.json {
        true => output::line(&contents.json().to_string()),
        false => output::data(contents.text().as_bytes()),
    }
    Ok(())
}

fn line(register: &Register, json: bool) -> String {
    let (name, length) = (register.name.as_bytes(), register.value.len());
    if !json {
        return format!("{length:>8}  {}\n", escaped(name));
    }
    let mut object = Map::new();
    text_or_base64(&mut object, "name", Some(name));
    object.insert("value_bytes".to_owned(), length.into());
    if let Some(at) = register.expires_ms {
        object.insert("expires_ms".to_owned(), at.into());
    }
    format!("{}\n", Value::Object(object))
}

/// A backup that is whole, in figures.
struct Contents {
    header: Header,
    footer: Footer,
    file_bytes: u64,
    expired: u64,
}

impl Contents {
    /// How long the file is, beside what is in it.
    fn ratio(&self) -> f64 {
        let counts = &self.footer.counts;
        self.file_bytes as f64 / (counts.name_bytes + counts.value_bytes).max(1) as f64
    }

    fn json(&self) -> Value {
        let (header, counts) = (&self.header, &self.footer.counts);
        json!({
            "kind": "backup",
            "cluster": header.cluster,
            "program": header.program,
            "begun_ms": header.begun_ms,
            "ended_ms": self.footer.ended_ms,
            "blocks": counts.blocks,
            "registers": counts.registers,
            "expiring": counts.expiring,
            "expired": self.expired,
            "name_bytes": counts.name_bytes,
            "value_bytes": counts.value_bytes,
            "file_bytes": self.file_bytes,
            "ratio": self.ratio(),
        })
    }

    fn text(&self) -> String {
        let (header, counts) = (&self.header, &self.footer.counts);
        let took_ms = self.footer.ended_ms.saturating_sub(header.begun_ms);
        format!(
            "a backup of cluster {}, by shardedmemory {}\n\
             begun      {}, and took {:.1} s\n\
             registers  {}, of which {} expire ({} have by now)\n\
             names      {}\n\
             values     {}\n\
             file       {} in {}, {:.2} of what is in it\n\
             whole: every checksum is right\n",
            header.cluster,
            header.program,
            utc(header.begun_ms),
            took_ms as f64 / 1000.0,
            grouped(counts.registers),
            grouped(counts.expiring),
            grouped(self.expired),
            bytes(counts.name_bytes),
            bytes(counts.value_bytes),
            bytes(self.file_bytes),
            counted(counts.blocks, "block", "blocks"),
            self.ratio(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Counts;
    use protocol::RegisterName;

    #[test]
    fn a_backup_is_told_in_figures() {
        let contents = Contents {
            header: Header {
                cluster: "c".to_owned(),
                begun_ms: 1_790_000_000_000,
                program: "0.1.0 (abc)".to_owned(),
            },
            footer: Footer {
                ended_ms: 1_790_000_001_500,
                counts: Counts {
                    blocks: 1,
                    registers: 2_000,
                    expiring: 3,
                    name_bytes: 1_000,
                    value_bytes: 3_000,
                },
            },
            file_bytes: 1_000,
            expired: 1,
        };
        assert_eq!(
            contents.text(),
            "a backup of cluster c, by shardedmemory 0.1.0 (abc)\n\
             begun      2026-09-21 14:13:20 UTC, and took 1.5 s\n\
             registers  2,000, of which 3 expire (1 have by now)\n\
             names      1000 B\n\
             values     2.93 KiB\n\
             file       1000 B in 1 block, 0.25 of what is in it\n\
             whole: every checksum is right\n"
        );
        assert_eq!(contents.json()["ratio"], 0.25);
    }

    #[test]
    fn a_name_is_on_a_line_with_the_length_of_its_value() {
        let register = Register {
            name: RegisterName::new(&b"a\n\xff"[..]).unwrap(),
            value: vec![0; 300].into(),
            expires_ms: Some(5),
        };
        assert_eq!(line(&register, false), "     300  a\\n\\xff\n");
        assert_eq!(
            line(&register, true),
            "{\"expires_ms\":5,\"name_base64\":\"YQr/\",\"value_bytes\":300}\n"
        );
    }
}
