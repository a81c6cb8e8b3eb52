//! `COMMAND` and its subcommands: what there is.

use crate::glob::matches_ignoring_case;
use bytes::Bytes;
use commands::{CommandFilter, CommandInfo, commands, find};
use resp::ReplyWriter;

/// Writes all commands.
pub(super) fn write_all(to: &mut ReplyWriter<'_>) {
    to.array(commands().len());
    commands().iter().for_each(|info| info.write(to));
}

/// Writes how many there are.
pub(super) fn write_count(to: &mut ReplyWriter<'_>) {
    to.integer(commands().len() as i64);
}

/// Writes these, or all if none is named; nil for what there is not.
pub(super) fn write_info(names: &[Bytes], to: &mut ReplyWriter<'_>) {
    if names.is_empty() {
        return write_all(to);
    }
    to.array(names.len());
    for name in names {
        match named(name) {
            Some(info) => info.write(to),
            None => to.nil(),
        }
    }
}

/// Writes what is documented of these, or of all if none is named, by name: the group that each
/// belongs to, and its subcommands. Clients that show help have their own texts.
pub(super) fn write_docs(names: &[Bytes], to: &mut ReplyWriter<'_>) {
    let documented: Vec<&CommandInfo> = match names {
        [] => commands().iter().collect(),
        names => {
            let mut known: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
            known.sort_by_key(|info| info.name);
            known.dedup_by_key(|info| info.name);
            known
        }
    };
    to.map(documented.len());
    for info in documented {
        to.bulk(info.name);
        write_doc(info, to);
    }
}

fn write_doc(info: &CommandInfo, to: &mut ReplyWriter<'_>) {
    to.map(if info.subcommands.is_empty() { 1 } else { 2 });
    to.bulk("group");
    to.bulk(group(info));
    if !info.subcommands.is_empty() {
        to.bulk("subcommands");
        to.map(info.subcommands.len());
        for subcommand in info.subcommands {
            to.bulk(subcommand.name);
            write_doc(subcommand, to);
        }
    }
}

/// What Redis' documentation groups it with.
fn group(info: &CommandInfo) -> &'static str {
    let of_category = |category: &str| info.categories().any(|each| each == category);
    let container = info.name.split('|').next().unwrap_or(info.name);
    match container {
        "client" => "connection",
        "cluster" | "readonly" | "readwrite" => "cluster",
        "command" | "config" | "info" | "role" | "dbsize" | "time" => "server",
        "script" => "scripting",
        "wait" | "del" | "unlink" => "generic",
        _ if of_category("string") => "string",
        _ if of_category("transaction") => "transactions",
        _ if of_category("scripting") => "scripting",
        _ if of_category("connection") => "connection",
        _ => "generic",
    }
}

/// Writes the names of these.
pub(super) fn write_list(filter: &CommandFilter, to: &mut ReplyWriter<'_>) {
    let all = commands().iter();
    let all = all.flat_map(|info| std::iter::once(info).chain(info.subcommands));
    let names: Vec<&str> = match filter {
        CommandFilter::All => commands().iter().map(|info| info.name).collect(),
        CommandFilter::Module(_) => Vec::new(),
        CommandFilter::Category(category) => {
            let category = category.to_ascii_lowercase();
            let is = |info: &&CommandInfo| info.categories().any(|one| one.as_bytes() == category);
            all.filter(is).map(|info| info.name).collect()
        }
        CommandFilter::Pattern(pattern) => {
            let is = |info: &&CommandInfo| matches_ignoring_case(pattern, info.name.as_bytes());
            all.filter(is).map(|info| info.name).collect()
        }
    };
    to.array(names.len());
    names.iter().for_each(|name| to.bulk(name));
}

/// The command, or the subcommand as in `client|list`, of this name.
fn named(name: &[u8]) -> Option<&'static CommandInfo> {
    match name.iter().position(|byte| *byte == b'|') {
        Some(at) => find(&name[..at])?.subcommand(&name[at + 1..]),
        None => find(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use resp::{Dialect, Reply, ReplyLimits, ReplyParser};

    fn read(write: impl Fn(&mut ReplyWriter<'_>)) -> Reply {
        let mut out = BytesMut::new();
        write(&mut ReplyWriter::new(&mut out, Dialect::Resp3));
        let mut parser = ReplyParser::new(ReplyLimits::default());
        let reply = parser.next(&mut out).unwrap().expect("one reply");
        assert!(out.is_empty());
        reply
    }

    fn names(reply: &Reply) -> Vec<&str> {
        let Reply::Array(items) = reply else {
            panic!("{reply:?}");
        };
        fn name(item: &Reply) -> &str {
            match item {
                Reply::Bulk(name) => std::str::from_utf8(name).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        items.iter().map(name).collect()
    }

    #[test]
    fn commands_are_told_in_the_order_in_which_they_are_asked_for() {
        let asked = ["GET", "nonsense", "client|LIST"].map(Bytes::from);
        let Reply::Array(told) = read(|to| write_info(&asked, to)) else {
            panic!()
        };
        let name = |reply: &Reply| match reply {
            Reply::Array(fields) => fields[0].clone(),
            other => other.clone(),
        };
        let told: Vec<Reply> = told.iter().map(name).collect();
        let bulk = |text: &'static str| Reply::Bulk(text.into());
        assert_eq!(told, [bulk("get"), Reply::Nil, bulk("client|list")]);
    }

    #[test]
    fn a_list_can_be_filtered() {
        let list = |filter: CommandFilter| {
            let reply = read(|to| write_list(&filter, to));
            names(&reply)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(list(CommandFilter::All).len(), commands().len());
        assert_eq!(list(CommandFilter::Pattern("xx*".into())).len(), 0);
        let names = list(CommandFilter::Pattern("*getn*".into()));
        assert_eq!(names, ["client|getname"]);
        let names = list(CommandFilter::Category("transaction".into()));
        assert_eq!(names, ["discard", "exec", "multi", "unwatch", "watch"]);
        assert!(list(CommandFilter::Module("any".into())).is_empty());
    }

    #[test]
    fn every_command_is_documented_with_a_group() {
        let Reply::Map(documented) = read(|to| write_docs(&[], to)) else {
            panic!()
        };
        assert_eq!(documented.len(), commands().len());
        let twice = ["get", "GET", "nonsense"].map(Bytes::from);
        let Reply::Map(documented) = read(|to| write_docs(&twice, to)) else {
            panic!()
        };
        let group = (Reply::Bulk("group".into()), Reply::Bulk("string".into()));
        assert_eq!(
            documented,
            [(Reply::Bulk("get".into()), Reply::Map(vec![group]))]
        );
    }
}
