//! What is sent.

/// A case in which the answers differ.
pub(super) struct Difference {
    /// What is sent.
    pub(super) lines: &'static str,
    /// How our answer ends.
    pub(super) ours: &'static str,
    /// Why.
    pub(super) why: &'static str,
}

/// All cases in which the answers are the same.
pub(super) fn cases() -> Vec<String> {
    let mut cases: Vec<String> = CASES.iter().map(|&lines| lines.to_owned()).collect();
    for command in [
        "INCRBY n",
        "DECRBY n",
        "SETRANGE k 0",
        "APPEND k",
        "INCRBYFLOAT x",
    ] {
        for number in NUMBERS {
            for held in [
                "5",
                "-7",
                "0",
                "9223372036854775807",
                "-9223372036854775808",
            ] {
                let is_float = command.starts_with("INCRBYFLOAT");
                // These are named below.
                if is_float && (number == "0x10" || held.len() > 2 && number.len() > 2) {
                    continue;
                }
                cases.push(format!(
                    "MSET n {held} k {held} x {held}\n{command} {number}\nMGET n k x"
                ));
            }
        }
    }
    for held in [
        "abc",
        "''",
        "' 5'",
        "5.0",
        "05",
        "+5",
        "-0",
        "9223372036854775808",
        "1e3",
    ] {
        for command in ["INCR", "DECR"] {
            cases.push(format!("SET n {held}\n{command} n\nGET n"));
        }
    }
    for first in BOUNDS {
        for last in BOUNDS {
            cases.push(format!(
                "SET k 'Hello, World'\nGETRANGE k {first} {last}\nSUBSTR k {first} {last}"
            ));
        }
        cases.push(format!("SET k abc\nSETRANGE k {first} xyz\nGET k"));
    }
    for option in ["", "NX", "XX", "GT", "LT", "XX GT", "XX LT"] {
        for held in ["SET k v", "SET k v EXAT 8000000000", "DEL k"] {
            for at in ["7000000000", "9000000000", "1", "-1", "0"] {
                cases.push(format!(
                    "{held}\nEXPIREAT k {at} {option}\nEXPIRETIME k\nEXISTS k"
                ));
            }
        }
    }
    for options in [
        "",
        "NX",
        "XX",
        "GET",
        "NX GET",
        "XX GET",
        "KEEPTTL",
        "KEEPTTL GET",
        "EXAT 7000000000",
        "PXAT 7000000000001",
        "XX EXAT 7000000000",
        "NX EXAT 7000000000",
        "XX KEEPTTL",
        "EXAT 7000000000 GET",
        "XX GET KEEPTTL",
        "EX 0",
        "PX -5",
        "EXAT 0",
        "EX x",
        "NX XX",
        "EX 5 KEEPTTL",
        "nonsense",
    ] {
        for held in ["SET k old", "SET k old EXAT 8000000000", "DEL k"] {
            cases.push(format!("{held}\nSET k new {options}\nGET k\nPEXPIRETIME k"));
        }
    }
    for options in [
        "",
        "PERSIST",
        "EXAT 7000000000",
        "PXAT 7000000000123",
        "EXAT 1",
        "EX",
        "PERSIST EX 5",
    ] {
        for held in ["SET k old", "SET k old EXAT 8000000000", "DEL k"] {
            cases.push(format!("{held}\nGETEX k {options}\nGET k\nPEXPIRETIME k"));
        }
    }
    cases
}

const NUMBERS: [&str; 18] = [
    "0",
    "1",
    "-1",
    "10",
    "007",
    "+1",
    "-0",
    "1.5",
    "abc",
    "''",
    "' 1'",
    "1e3",
    "0x10",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "3.0",
];

const BOUNDS: [&str; 10] = ["0", "1", "4", "-1", "-5", "100", "-100", "x", "11", "12"];

#[rustfmt::skip]
const CASES: &[&str] = &[
    // Reading and writing.
    "GET k", "GET", "GET k k", "SET k v\nGET k", "SET k", "SET k ''\nGET k\nSTRLEN k", "get K\nSET K v\nGeT K\nDEL K",
    "SET k v\nSET k w\nGET k", "SET k \"\\x00\\xff\\r\\n\"\nGET k\nSTRLEN k",
    "SET k v\nGETEX k EX 0\nGET k", "GETSET k a\nGETSET k b\nGET k", "GETSET k", "SETNX k a\nSETNX k b\nGET k", "SETNX k",
    "GETDEL k\nSET k v\nGETDEL k\nGETDEL k\nEXISTS k", "GETDEL", "GETDEL k k",
    "MSET k 1 n 2\nMGET k n nothing k", "MSET k 1 n", "MSET k", "MSET", "MGET", "MGET nothing", "MSET k 1 k 2\nGET k",
    "SETEX k 100 v\nTTL k\nGET k", "SETEX k 0 v", "SETEX k -1 v", "SETEX k x v", "SETEX k 1", "PSETEX k 100000 v\nTTL k",
    "PSETEX k 0 v", "PSETEX k x v", "SETEX k 9223372036854775807 v", "PSETEX k 9223372036854775807 v",
    "STRLEN nothing", "SET k hello\nSTRLEN k", "STRLEN", "STRLEN a b",
    "APPEND k a\nAPPEND k bc\nGET k", "APPEND k ''\nEXISTS k", "APPEND k", "SET k v EXAT 7000000000\nAPPEND k w\nEXPIRETIME k",
    "SETRANGE k 3 abc\nGET k", "SETRANGE k 0 ''\nEXISTS k", "SETRANGE k 5 ''\nSTRLEN k", "SETRANGE k -1 a", "SETRANGE k x a", "SETRANGE k 0",
    "SET k v\nSETRANGE k 0 ''\nGET k", "SETRANGE k 536870912 a", "SETRANGE k 9223372036854775807 a",
    "GETRANGE k 0 -1", "GETRANGE nothing 5 1", "GETRANGE k 0", "GETRANGE k a b", "SET k abc\nGETRANGE k 0 0\nGETRANGE k 2 1\nGETRANGE k -2 -1",
    // Counting.
    "INCR n\nINCR n\nDECR n\nGET n", "INCR", "INCR n n", "INCRBY n 5\nDECRBY n 7\nGET n", "INCRBY n", "DECRBY n x",
    "SET n 9223372036854775807\nINCR n\nGET n", "SET n -9223372036854775808\nDECR n\nGET n", "DECRBY n -9223372036854775808",
    "SET n 5 EXAT 7000000000\nINCR n\nEXPIRETIME n", "SET n x\nINCR n\nINCRBY n 1\nDECR n\nDECRBY n 1\nINCRBYFLOAT n 1",
    "INCRBYFLOAT x 10.50\nINCRBYFLOAT x 0.1\nGET x", "INCRBYFLOAT x 5.0e3\nGET x", "INCRBYFLOAT x -5\nINCRBYFLOAT x 5", "INCRBYFLOAT x",
    "INCRBYFLOAT x nan", "INCRBYFLOAT x inf", "INCRBYFLOAT x abc", "INCRBYFLOAT x 1e-5", "INCRBYFLOAT x 3.0\nINCR x", "SET x 3.14\nINCR x\nINCRBYFLOAT x -3.14",
    "SET x 1e2\nINCRBYFLOAT x 1", "SET x ' 1'\nINCRBYFLOAT x 1", "SET x ''\nINCRBYFLOAT x 1",
    // Any register.
    "DEL nothing", "SET k 1\nDEL k k nothing", "SET k 1\nUNLINK k", "DEL", "UNLINK", "MSET k 1 n 2\nDEL k n nothing\nEXISTS k n",
    "EXISTS", "SET k 1\nEXISTS k k nothing", "TOUCH k\nSET k 1\nTOUCH k k", "TYPE nothing\nSET k v\nTYPE k", "TYPE", "TYPE k k",
    "TTL nothing\nPTTL nothing\nEXPIRETIME nothing\nPEXPIRETIME nothing", "SET k v\nTTL k\nPTTL k\nEXPIRETIME k\nPEXPIRETIME k",
    "SET k v EXAT 7000000000\nEXPIRETIME k\nPEXPIRETIME k", "SET k v PXAT 7000000000600\nEXPIRETIME k\nPEXPIRETIME k", "SET k v EX 100\nTTL k", "SET k v PX 100000\nTTL k",
    "TTL", "PTTL k k", "SET k v\nEXPIRE k 100\nTTL k\nPERSIST k\nTTL k\nPERSIST k", "PERSIST nothing", "PERSIST", "EXPIRE nothing 100", "EXPIRE k", "EXPIRE k x", "EXPIRE k 10 nonsense",
    "SET k v\nEXPIRE k 0\nEXISTS k", "SET k v\nEXPIRE k -5\nEXISTS k", "SET k v\nPEXPIRE k 100000\nTTL k", "SET k v\nPEXPIREAT k 7000000000999\nPEXPIRETIME k",
    "SET k v\nEXPIRE k 10 NX XX", "SET k v\nEXPIRE k 10 GT LT", "SET k v\nEXPIRE k 10 NX GT", "SET k v\nEXPIRE k 9223372036854775807", "SET k v\nPEXPIRE k 9223372036854775807", "SET k v\nEXPIREAT k 9223372036854775807",
    "SET k v\nEXPIRE k 100 NX\nEXPIRE k 200 NX\nTTL k", "SET k v\nEXPIRE k 100 GT\nEXPIRE k 100 LT\nTTL k", "SET k v PXAT 1", "SET k v EXAT 1\nGET k\nEXISTS k",
    "SET k v EXAT 7000000000\nSET k w\nTTL k", "SET k v EXAT 7000000000\nGETSET k w\nTTL k", "SET k v EXAT 7000000000\nSETRANGE k 0 x\nEXPIRETIME k",
    // The connection.
    "PING", "PING a", "PING a b", "ping 'a b'", "ECHO a", "ECHO", "ECHO a b", "SELECT 0", "SELECT x", "SELECT", "SELECT 99999999999999", "SELECT 2147483647", "SELECT -1",
    "CLIENT GETNAME", "CLIENT SETNAME a\nCLIENT GETNAME", "CLIENT SETNAME ''\nCLIENT GETNAME", "CLIENT SETNAME 'a b'", "CLIENT SETNAME", "CLIENT", "CLIENT NONSENSE", "CLIENT NONSENSE x", "CLIENT ID x",
    "CLIENT NO-EVICT on", "CLIENT NO-EVICT maybe", "CLIENT NO-EVICT", "CLIENT LIST TYPE nonsense", "CLIENT LIST TYPE", "CLIENT LIST ID", "CLIENT LIST ID x", "CLIENT LIST nonsense", "CLIENT LIST TYPE pubsub", "CLIENT LIST ID 999999999",
    "RESET", "RESET x", "HELLO 4", "HELLO x", "HELLO 3 NONSENSE", "HELLO 3 AUTH", "HELLO 3 AUTH default", "HELLO 3 SETNAME", "HELLO 3 SETNAME 'a b'", "HELLO 2 AUTH nobody x",
    "AUTH x", "AUTH default x", "AUTH nobody x", "AUTH", "AUTH a b c",
    "TIME x", "ROLE", "ROLE x", "WAIT x 0", "WAIT 0 x", "WAIT 0 -1", "WAIT 0", "WAIT 0 0 0",
    "NONSENSE", "NONSENSE a b", "'NON SENSE' 'a b'", "\"a\\r\\nb\" c", "NONSENSE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb cccccccccc dddddddddd",
    // The node.
    "COMMAND COUNT x", "COMMAND NONSENSE", "COMMAND INFO nonsense", "COMMAND INFO nonsense nothing", "COMMAND LIST FILTERBY MODULE nonsense", "COMMAND LIST FILTERBY nonsense x", "COMMAND LIST x", "COMMAND LIST FILTERBY PATTERN xx*",
    "COMMAND LIST FILTERBY PATTERN getr*", "COMMAND LIST FILTERBY PATTERN GETR*", "COMMAND DOCS nonsense",
    "CONFIG", "CONFIG GET", "CONFIG NONSENSE", "CONFIG GET nonsense", "CONFIG GET save", "CONFIG GET SAVE", "CONFIG GET appendonly", "CONFIG GET maxmemory maxmemory", "CONFIG GET maxmemory-policy", "CONFIG GET cluster-enabled", "CONFIG GET sav[a-f]",
    "INFO nonsense", "CLUSTER", "CLUSTER NONSENSE",
    // Transactions.
    "EXEC", "DISCARD", "UNWATCH", "WATCH", "MULTI x", "MULTI\nEXEC", "MULTI\nDISCARD", "MULTI\nMULTI\nEXEC", "MULTI\nWATCH k\nEXEC", "MULTI\nUNWATCH\nEXEC",
    "MULTI\nSET k 1\nINCR k\nGET k\nEXEC", "MULTI\nSET k x\nINCR k\nGET k\nEXEC\nGET k", "MULTI\nSET k\nSET k 1\nEXEC\nGET k", "MULTI\nNONSENSE\nEXEC", "MULTI\nCLIENT NONSENSE\nEXEC", "MULTI\nGET\nDISCARD\nGET k",
    "MULTI\nSET k v EX\nSET k v EX 0\nSET k v NX XX\nGET k\nEXEC", "MULTI\nPING\nECHO a\nCLIENT GETNAME\nSELECT 0\nEXEC", "MULTI\nSET k 1\nDEL k\nEXISTS k\nEXEC", "MULTI\nDEL k\nEXEC", "MULTI\nAPPEND k a\nSTRLEN k\nGETRANGE k 0 0\nSETRANGE k 1 b\nGETDEL k\nEXEC",
    "MULTI\nSET k v EXAT 7000000000\nEXPIRETIME k\nPERSIST k\nTTL k\nGETEX k EXAT 7000000001\nPEXPIRETIME k\nEXEC", "MULTI\nINCRBYFLOAT k 1.5\nINCRBYFLOAT k 1.5\nTYPE k\nEXEC", "MULTI\nMSET k 1 k 2\nMGET k k\nEXEC", "MULTI\nSET k 1\nSET n 2\nMGET k n nothing\nINCR k\nEXEC",
    "MULTI\nSET k v EXAT 1\nGET k\nEXISTS k\nEXEC\nEXISTS k", "MULTI\nSETNX k a\nSETNX k b\nGETSET k c\nSET k d GET\nSET k e NX GET\nEXEC",
    "WATCH k\nMULTI\nSET k 1\nEXEC", "WATCH k\nSET k 1\nMULTI\nGET k\nEXEC\nMULTI\nGET k\nEXEC", "WATCH k\nSET k 1\nUNWATCH\nMULTI\nGET k\nEXEC", "WATCH k\nSET k 1\nMULTI\nDISCARD\nMULTI\nGET k\nEXEC", "WATCH k\nGET k\nMULTI\nGET k\nEXEC", "WATCH k\nDEL k\nMULTI\nGET k\nEXEC",
    "WATCH k k\nMULTI\nGET k\nEXEC", "WATCH k\nSET k 1\nMULTI\nEXEC", "WATCH k\nSET k 1\nMULTI\nNONSENSE\nEXEC", "WATCH k\nINCR k\nMULTI\nPING\nEXEC", "MULTI\nSET k 1\nRESET\nEXEC", "WATCH k\nSET k 1\nRESET\nMULTI\nGET k\nEXEC", "MULTI\nEXEC x\nEXEC", "MULTI\nDISCARD x\nEXEC", "MULTI\nHELLO 9\nEXEC", "MULTI\nAUTH x\nEXEC",
    // Scripts.
    "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "EVALSHA nonsense 0", "EVALSHA x", "EVAL x", "EVAL x y", "EVAL x -1", "EVAL x 2 k", "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 2 k",
    "SCRIPT", "SCRIPT NONSENSE", "SCRIPT EXISTS", "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db x", "SCRIPT FLUSH", "SCRIPT FLUSH SYNC", "SCRIPT FLUSH nonsense", "SCRIPT FLUSH SYNC SYNC", "SCRIPT LOAD", "MULTI\nEVALSHA nonsense 0\nEXEC",
    // Names.
    "SCAN", "SCAN x", "SCAN 0 COUNT", "SCAN 0 COUNT 0", "SCAN 0 COUNT x", "SCAN 0 nonsense", "KEYS", "KEYS nothing-like-this", "DBSIZE x", "RANDOMKEY x", "SCAN 0 MATCH nothing-like-this COUNT 1000000",
];

/// Where we are not like Redis, and why.
pub(super) const DIFFERENT: &[Difference] = &[
    // The handshake: we are what a client of version 7.4 expects, and one database.
    Difference {
        lines: "SELECT 1",
        ours: "-ERR DB index is out of range\r\n",
        why: "there is one database",
    },
    Difference {
        lines: "CONFIG GET databases",
        ours: "*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n",
        why: "there is one database",
    },
    Difference {
        lines: "CLIENT SETINFO LIB-NAME a",
        ours: "+OK\r\n",
        why: "7.0 has no CLIENT SETINFO; later versions have",
    },
    Difference {
        lines: "CLIENT NO-TOUCH on",
        ours: "+OK\r\n",
        why: "7.0 has no CLIENT NO-TOUCH; later versions have",
    },
    // The cluster is always there.
    Difference {
        lines: "CLUSTER KEYSLOT foo",
        ours: ":12182\r\n",
        why: "a Redis without a cluster refuses CLUSTER, READONLY and READWRITE",
    },
    Difference {
        lines: "READONLY",
        ours: "+OK\r\n",
        why: "a Redis without a cluster refuses CLUSTER, READONLY and READWRITE",
    },
    Difference {
        lines: "READWRITE",
        ours: "+OK\r\n",
        why: "a Redis without a cluster refuses CLUSTER, READONLY and READWRITE",
    },
    // Numbers.
    Difference {
        lines: "SET x 9223372036854775807\nINCRBYFLOAT x 1.5",
        ours: "\r\n9223372036854775808.5\r\n",
        why: "sums are exact; Redis rounds to 64 bits of mantissa",
    },
    Difference {
        lines: "SET x -9223372036854775808\nINCRBYFLOAT x -9223372036854775809",
        ours: "\r\n-18446744073709551617\r\n",
        why: "sums are exact; Redis rounds to 64 bits of mantissa",
    },
    Difference {
        lines: "SET x 5\nINCRBYFLOAT x 0x10",
        ours: "-ERR value is not a valid float\r\n",
        why: "numbers are decimal; C reads hexadecimal ones too",
    },
    // When arguments are looked at.
    Difference {
        lines: "GETEX nothing EX 0",
        ours: "-ERR invalid expire time in 'getex' command\r\n",
        why: "arguments are looked at before the register; Redis answers nil",
    },
    Difference {
        lines: "SET k mine\nEVAL \"if redis.call('get',KEYS[1]) == ARGV[1] then return \
            redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end\" 1 k others x",
        ours: "-ERR value is not an integer or out of range\r\n",
        why: "arguments are looked at before the register; Redis answers 0",
    },
    // What is told in MULTI.
    Difference {
        lines: "WATCH k n\nMULTI\nSET k 1\nEXEC",
        ours: "-EXECABORT Transaction discarded because it can be tied by WATCH to one register \
            only, the one that it is about; nothing was done\r\n",
        why: "that several registers are unchanged cannot be known in the instant of a write",
    },
    Difference {
        lines: "WATCH k\nMULTI\nSET n 1\nEXEC",
        ours: "-EXECABORT Transaction discarded because it can be tied by WATCH to one register \
            only, the one that it is about; nothing was done\r\n",
        why: "that one register is unchanged cannot be known in the instant of a write to another",
    },
    // Scripts.
    Difference {
        lines: "EVAL \"return 1\" 0",
        ours: "use SET with IFEQ, DELEX with IFEQ, or MULTI with WATCH\r\n",
        why: "there is no Lua",
    },
    Difference {
        lines: "SCRIPT LOAD \"return 1\"",
        ours: "use SET with IFEQ, DELEX with IFEQ, or MULTI with WATCH\r\n",
        why: "there is no Lua",
    },
    // Commands of types, and of a server, that there are not here.
    Difference {
        lines: "LPUSH k a",
        ours: "-ERR unknown command 'LPUSH', with args beginning with: 'k' 'a' \r\n",
        why: "registers hold strings",
    },
    Difference {
        lines: "FLUSHALL",
        ours: "-ERR unknown command 'FLUSHALL', with args beginning with: \r\n",
        why: "nobody deletes all registers of a cluster by one word",
    },
    Difference {
        lines: "RENAME k n",
        ours: "-ERR unknown command 'RENAME', with args beginning with: 'k' 'n' \r\n",
        why: "two registers cannot change in one instant",
    },
    Difference {
        lines: "MSETNX k 1 n 2",
        ours: "-ERR unknown command 'MSETNX', with args beginning with: 'k' '1' 'n' '2' \r\n",
        why: "two registers cannot change in one instant",
    },
    Difference {
        lines: "CONFIG SET maxmemory 1",
        ours: "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n",
        why: "settings are given when a node starts",
    },
    Difference {
        lines: "CLIENT KILL 127.0.0.1:1",
        ours: "-ERR unknown subcommand 'KILL'. Try CLIENT HELP.\r\n",
        why: "clients are not for other clients to close",
    },
    Difference {
        lines: "SUBSCRIBE news",
        ours: "-ERR unknown command 'SUBSCRIBE', with args beginning with: 'news' \r\n",
        why: "there are no channels",
    },
    Difference {
        lines: "OBJECT ENCODING k",
        ours: "-ERR unknown command 'OBJECT', with args beginning with: 'ENCODING' 'k' \r\n",
        why: "how a register is kept is nobody's business",
    },
];

/// What Redis 8.4 has, and its documentation says.
pub(super) const LATER: &[(&str, &str)] = &[
    (
        "SET k a\nSET k b IFEQ a\nGET k",
        "+OK\r\n+OK\r\n$1\r\nb\r\n",
    ),
    (
        "SET k a\nSET k b IFEQ x\nGET k",
        "+OK\r\n$-1\r\n$1\r\na\r\n",
    ),
    ("SET k b IFEQ a\nEXISTS k", "$-1\r\n:0\r\n"),
    (
        "SET k a\nSET k b IFNE a\nSET k b IFNE x\nGET k",
        "+OK\r\n$-1\r\n+OK\r\n$1\r\nb\r\n",
    ),
    ("SET k b IFNE a\nGET k", "+OK\r\n$1\r\nb\r\n"),
    (
        "SET k a\nSET k b IFEQ a GET\nGET k",
        "+OK\r\n$1\r\na\r\n$1\r\nb\r\n",
    ),
    (
        "SET k a\nSET k b IFEQ x GET\nGET k",
        "+OK\r\n$1\r\na\r\n$1\r\na\r\n",
    ),
    ("SET k a\nSET k b NX IFEQ a", "+OK\r\n-ERR syntax error\r\n"),
    ("SET k a IFEQ", "-ERR syntax error\r\n"),
    ("DIGEST k", "$-1\r\n"),
    ("SET k a\nDIGEST k", "+OK\r\n$16\r\ne6c632b61e964e1f\r\n"),
    ("SET k ''\nDIGEST k", "+OK\r\n$16\r\n2d06800538d394c2\r\n"),
    (
        "SET k a\nSET k b IFDEQ e6c632b61e964e1f\nGET k",
        "+OK\r\n+OK\r\n$1\r\nb\r\n",
    ),
    (
        "SET k a\nSET k b IFDNE e6c632b61e964e1f\nGET k",
        "+OK\r\n$-1\r\n$1\r\na\r\n",
    ),
    ("DELEX k", ":0\r\n"),
    ("SET k a\nDELEX k\nEXISTS k", "+OK\r\n:1\r\n:0\r\n"),
    (
        "SET k a\nDELEX k IFEQ x\nDELEX k IFEQ a\nEXISTS k",
        "+OK\r\n:0\r\n:1\r\n:0\r\n",
    ),
    (
        "SET k a\nDELEX k IFNE a\nDELEX k IFNE x\nEXISTS k",
        "+OK\r\n:0\r\n:1\r\n:0\r\n",
    ),
    ("DELEX k IFNE x", ":0\r\n"),
    (
        "SET k a\nDELEX k IFDEQ 0000000000000000\nDELEX k IFDEQ e6c632b61e964e1f",
        "+OK\r\n:0\r\n:1\r\n",
    ),
    ("DELEX k NX", "-ERR syntax error\r\n"),
    (
        "CLIENT SETINFO LIB-NAME a\nCLIENT SETINFO LIB-VER 1",
        "+OK\r\n+OK\r\n",
    ),
    (
        "CLIENT SETINFO NONSENSE a",
        "-ERR Unrecognized option 'NONSENSE'\r\n",
    ),
    (
        "CLIENT SETINFO LIB-NAME 'a b'",
        "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n",
    ),
    ("CLIENT NO-TOUCH on", "+OK\r\n"),
];
