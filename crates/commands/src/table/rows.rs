//! The table itself: what redis-server 7.0 says of each command, and where it is parsed. What 7.0
//! does not have (`DELEX`, `DIGEST`, `CLIENT SETINFO`, `CLIENT NO-TOUCH`) is as documented since.

use super::{CommandInfo, KeyPositions, leaf};
use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::parse::Command;
use crate::{cluster, connection, keys, script, server, strings, transaction};

/// In alphabetical order.
#[rustfmt::skip]
pub(super) static TABLE: [CommandInfo; 65] = [
    leaf("append", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW insert")), strings::append),
    leaf("auth", -2, "noscript loading stale fast no_auth allow_busy", "fast connection", None, connection::auth),
    leaf("client", -2, "", "slow", None, only_subcommands).with_subcommands(&CLIENT),
    leaf("cluster", -2, "", "slow", None, only_subcommands).with_subcommands(&CLUSTER),
    leaf("command", -1, "loading stale", "slow connection", None, server::command)
        .with_tips("nondeterministic_output_order").with_subcommands(&COMMAND),
    leaf("config", -2, "", "slow", None, only_subcommands).with_subcommands(&CONFIG),
    leaf("dbsize", 1, "readonly fast", "keyspace read fast", None, server::dbsize)
        .with_tips("request_policy:all_shards response_policy:agg_sum"),
    leaf("decr", 2, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::decr),
    leaf("decrby", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::decrby),
    leaf("del", -2, "write", "keyspace write slow", Some(KeyPositions::All("RM delete")), keys::delete)
        .with_tips("request_policy:multi_shard response_policy:agg_sum"),
    leaf("delex", -2, "write fast", "write string fast", Some(KeyPositions::One("RM delete variable_flags")), strings::delex),
    leaf("digest", 2, "readonly fast", "read string fast", Some(KeyPositions::One("RO")), strings::digest),
    leaf("discard", 1, "noscript loading stale fast allow_busy", "fast transaction", None, transaction::discard),
    leaf("echo", 2, "loading stale fast", "fast connection", None, connection::echo),
    leaf("eval", -3, "noscript stale skip_monitor no_mandatory_keys movablekeys", "slow scripting", Some(KeyPositions::Counted("RW access update")), script::eval),
    leaf("evalsha", -3, "noscript stale skip_monitor no_mandatory_keys movablekeys", "slow scripting", Some(KeyPositions::Counted("RW access update")), script::evalsha),
    leaf("exec", 1, "noscript loading stale skip_slowlog", "slow transaction", None, transaction::exec),
    leaf("exists", -2, "readonly fast", "keyspace read fast", Some(KeyPositions::All("RO")), keys::exists)
        .with_tips("request_policy:multi_shard response_policy:agg_sum"),
    leaf("expire", -3, "write fast", "keyspace write fast", Some(KeyPositions::One("RW update")), keys::expire),
    leaf("expireat", -3, "write fast", "keyspace write fast", Some(KeyPositions::One("RW update")), keys::expireat),
    leaf("expiretime", 2, "readonly fast", "keyspace read fast", Some(KeyPositions::One("RO access")), keys::expiretime),
    leaf("get", 2, "readonly fast", "read string fast", Some(KeyPositions::One("RO access")), strings::get),
    leaf("getdel", 2, "write fast", "write string fast", Some(KeyPositions::One("RW access delete")), strings::getdel),
    leaf("getex", -2, "write fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::getex),
    leaf("getrange", 4, "readonly", "read string slow", Some(KeyPositions::One("RO access")), strings::getrange),
    leaf("getset", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::getset),
    leaf("hello", -1, "noscript loading stale fast no_auth allow_busy", "fast connection", None, connection::hello),
    leaf("incr", 2, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::incr),
    leaf("incrby", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::incrby),
    leaf("incrbyfloat", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("RW access update")), strings::incrbyfloat),
    leaf("info", -1, "loading stale", "slow dangerous", None, server::info)
        .with_tips("nondeterministic_output request_policy:all_shards response_policy:special"),
    leaf("keys", 2, "readonly", "keyspace read slow dangerous", None, keys::keys)
        .with_tips("request_policy:all_shards nondeterministic_output_order"),
    leaf("mget", -2, "readonly fast", "read string fast", Some(KeyPositions::All("RO access")), strings::mget)
        .with_tips("request_policy:multi_shard"),
    leaf("mset", -3, "write denyoom", "write string slow", Some(KeyPositions::EverySecond("OW update")), strings::mset)
        .with_tips("request_policy:multi_shard response_policy:all_succeeded"),
    leaf("multi", 1, "noscript loading stale fast allow_busy", "fast transaction", None, transaction::multi),
    leaf("persist", 2, "write fast", "keyspace write fast", Some(KeyPositions::One("RW update")), keys::persist),
    leaf("pexpire", -3, "write fast", "keyspace write fast", Some(KeyPositions::One("RW update")), keys::pexpire),
    leaf("pexpireat", -3, "write fast", "keyspace write fast", Some(KeyPositions::One("RW update")), keys::pexpireat),
    leaf("pexpiretime", 2, "readonly fast", "keyspace read fast", Some(KeyPositions::One("RO access")), keys::pexpiretime),
    leaf("ping", -1, "fast", "fast connection", None, connection::ping)
        .with_tips("request_policy:all_shards response_policy:all_succeeded"),
    leaf("psetex", 4, "write denyoom", "write string slow", Some(KeyPositions::One("OW update")), strings::psetex),
    leaf("pttl", 2, "readonly fast", "keyspace read fast", Some(KeyPositions::One("RO access")), keys::pttl)
        .with_tips("nondeterministic_output"),
    leaf("quit", -1, "noscript loading stale fast no_auth allow_busy", "fast connection", None, connection::quit),
    leaf("randomkey", 1, "readonly", "keyspace read slow", None, keys::randomkey)
        .with_tips("request_policy:all_shards nondeterministic_output"),
    leaf("readonly", 1, "loading stale fast", "fast connection", None, connection::readonly),
    leaf("readwrite", 1, "loading stale fast", "fast connection", None, connection::readwrite),
    leaf("reset", 1, "noscript loading stale fast no_auth allow_busy", "fast connection", None, connection::reset),
    leaf("role", 1, "noscript loading stale fast", "admin fast dangerous", None, server::role),
    leaf("scan", -2, "readonly", "keyspace read slow", None, keys::scan)
        .with_tips("nondeterministic_output request_policy:special"),
    leaf("script", -2, "", "slow", None, only_subcommands).with_subcommands(&SCRIPT),
    leaf("select", 2, "loading stale fast", "fast connection", None, connection::select),
    leaf("set", -3, "write denyoom", "write string slow", Some(KeyPositions::One("RW access update variable_flags")), strings::set),
    leaf("setex", 4, "write denyoom", "write string slow", Some(KeyPositions::One("OW update")), strings::setex),
    leaf("setnx", 3, "write denyoom fast", "write string fast", Some(KeyPositions::One("OW insert")), strings::setnx),
    leaf("setrange", 4, "write denyoom", "write string slow", Some(KeyPositions::One("RW update")), strings::setrange),
    leaf("strlen", 2, "readonly fast", "read string fast", Some(KeyPositions::One("RO")), strings::strlen),
    leaf("substr", 4, "readonly", "read string slow", Some(KeyPositions::One("RO access")), strings::getrange),
    leaf("time", 1, "loading stale fast", "fast", None, server::time).with_tips("nondeterministic_output"),
    leaf("touch", -2, "readonly fast", "keyspace read fast", Some(KeyPositions::All("RO")), keys::exists)
        .with_tips("request_policy:multi_shard response_policy:agg_sum"),
    leaf("ttl", 2, "readonly fast", "keyspace read fast", Some(KeyPositions::One("RO access")), keys::ttl)
        .with_tips("nondeterministic_output"),
    leaf("type", 2, "readonly fast", "keyspace read fast", Some(KeyPositions::One("RO")), keys::type_of),
    leaf("unlink", -2, "write fast", "keyspace write fast", Some(KeyPositions::All("RM delete")), keys::delete)
        .with_tips("request_policy:multi_shard response_policy:agg_sum"),
    leaf("unwatch", 1, "noscript loading stale fast allow_busy", "fast transaction", None, transaction::unwatch),
    leaf("wait", 3, "noscript", "slow connection", None, server::wait)
        .with_tips("request_policy:all_shards response_policy:agg_min"),
    leaf("watch", -2, "noscript loading stale fast allow_busy", "fast transaction", Some(KeyPositions::All("RO")), transaction::watch),
];

#[rustfmt::skip]
static CLIENT: [CommandInfo; 8] = [
    leaf("client|getname", 2, "noscript loading stale", "slow connection", None, connection::client_getname),
    leaf("client|id", 2, "noscript loading stale", "slow connection", None, connection::client_id),
    leaf("client|info", 2, "noscript loading stale", "slow connection", None, connection::client_info)
        .with_tips("nondeterministic_output"),
    leaf("client|list", -2, "admin noscript loading stale", "admin slow dangerous connection", None, connection::client_list)
        .with_tips("nondeterministic_output"),
    leaf("client|no-evict", 3, "admin noscript loading stale", "admin slow dangerous connection", None, connection::client_no_evict),
    leaf("client|no-touch", 3, "noscript loading stale", "slow connection", None, connection::client_no_touch),
    leaf("client|setinfo", 4, "noscript loading stale", "slow connection", None, connection::client_setinfo),
    leaf("client|setname", 3, "noscript loading stale", "slow connection", None, connection::client_setname),
];

#[rustfmt::skip]
static CLUSTER: [CommandInfo; 6] = [
    leaf("cluster|info", 2, "stale", "slow", None, cluster::info).with_tips("nondeterministic_output"),
    leaf("cluster|keyslot", 3, "stale", "slow", None, cluster::keyslot),
    leaf("cluster|myid", 2, "stale", "slow", None, cluster::myid),
    leaf("cluster|nodes", 2, "stale", "slow", None, cluster::nodes).with_tips("nondeterministic_output"),
    leaf("cluster|shards", 2, "stale", "slow", None, cluster::shards).with_tips("nondeterministic_output"),
    leaf("cluster|slots", 2, "stale", "slow", None, cluster::slots).with_tips("nondeterministic_output"),
];

#[rustfmt::skip]
static COMMAND: [CommandInfo; 4] = [
    leaf("command|count", 2, "loading stale", "slow connection", None, server::command_count),
    leaf("command|docs", -2, "loading stale", "slow connection", None, server::command_docs)
        .with_tips("nondeterministic_output_order"),
    leaf("command|info", -2, "loading stale", "slow connection", None, server::command_info)
        .with_tips("nondeterministic_output_order"),
    leaf("command|list", -2, "loading stale", "slow connection", None, server::command_list)
        .with_tips("nondeterministic_output_order"),
];

#[rustfmt::skip]
static CONFIG: [CommandInfo; 1] = [leaf("config|get", -3, "admin noscript loading stale", "admin slow dangerous", None, server::config_get)];

#[rustfmt::skip]
static SCRIPT: [CommandInfo; 3] = [
    leaf("script|exists", -3, "noscript", "slow scripting", None, script::exists)
        .with_tips("request_policy:all_shards response_policy:agg_logical_and"),
    leaf("script|flush", -2, "noscript", "slow scripting", None, script::flush)
        .with_tips("request_policy:all_nodes response_policy:all_succeeded"),
    leaf("script|load", 3, "noscript stale", "slow scripting", None, script::load)
        .with_tips("request_policy:all_nodes response_policy:all_succeeded"),
];

/// A command that says nothing without a subcommand, which its arity demands.
fn only_subcommands(arguments: &mut Arguments<'_>) -> Result<Command, CommandError> {
    Err(CommandError::WrongArity(arguments.name))
}
