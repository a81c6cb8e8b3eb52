//! The scripts that are known, by what they say: [`meaning_of`].
//!
//! A row is the fingerprint of a script and what it means; the scripts themselves are in the
//! tests, written out anew, and are run there against a real Redis too.

use super::deed::{Does, Meaning, Says};

/// What the script with this fingerprint means, if it is known.
pub(super) fn meaning_of(fingerprint: &[u8; 20]) -> Option<&'static Meaning> {
    let is = |(known, _): &&([u8; 20], Meaning)| known == fingerprint;
    KNOWN.iter().find(is).map(|(_, meaning)| meaning)
}

/// What the script of this name does, if it is one of a library that counts on one node to have it
/// from another.
pub(super) fn meaning_of_name(name: &[u8; 20]) -> Option<&'static Meaning> {
    let is = |(known, _): &&([u8; 20], [u8; 20])| known == name;
    let (_, fingerprint) = OFTEN_NAMED.iter().find(is)?;
    meaning_of(fingerprint)
}

/// Names and fingerprints of redis-py's lock: release, reacquire, extend. To a cluster it sends them
/// at one node, and then runs them by name at all.
static OFTEN_NAMED: [([u8; 20], [u8; 20]); 3] = [
    (
        sha1("c3f8721cbb97f72bc19e972846bd7aaf91901658"),
        sha1("55edfae984405daeda787c443fcb162e7918ac42"),
    ),
    (
        sha1("1cac51482acf5858da00f6d685d68f886cd6b6b2"),
        sha1("6b36b22759d013f47ed63b32bf51f03d0b9e379a"),
    ),
    (
        sha1("a4e8783852e6b949f9ef3a97212805108459a890"),
        sha1("4b4bee07ddfcc3906baaec69f9550e76764457f1"),
    ),
];

const ONE: Says = Says::Integer(1);
const ZERO: Says = Says::Integer(0);

const fn means(does: Does, done: Says, absent: Says, other: Says) -> Meaning {
    Meaning {
        does,
        done,
        absent,
        other,
    }
}

/// Of one that answers 1 if it did what it does, and 0 if not.
const fn counts(does: Does) -> Meaning {
    means(does, ONE, ZERO, ZERO)
}

/// The same, for true and false, which is nil.
const fn tells(does: Does) -> Meaning {
    means(does, ONE, Says::Nil, Says::Nil)
}

/// Forty hexadecimal digits.
const fn sha1(digits: &str) -> [u8; 20] {
    const fn value(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let digits = digits.as_bytes();
    let mut sha1 = [0; 20];
    let mut at = 0;
    while at < sha1.len() {
        sha1[at] = value(digits[2 * at]) << 4 | value(digits[2 * at + 1]);
        at += 1;
    }
    sha1
}

/// What `redis.error_reply` makes of a single word.
const ERROR: Says = Says::Error("ERR ERROR");

#[rustfmt::skip]
static KNOWN: [([u8; 20], Meaning); 26] = [
    (sha1("90e2dc944a98f24d34351f48335432865a1d87a3"), counts(Does::Delete)),
    (sha1("97ea0b90be0c666191ee0498aedb1ea0b6d0af02"), counts(Does::Delete)),
    (sha1("a20216974406a027a87f4879bacc7061abc74922"), counts(Does::Delete)),
    (sha1("c476919dac79fcaeb45b40acc948e404cb34bd19"), counts(Does::Delete)),
    (sha1("55edfae984405daeda787c443fcb162e7918ac42"), counts(Does::Delete)),
    (sha1("76f538a11606eec2a0210650894b5bb569eae3e7"), means(Does::Delete, ONE, Says::Integer(-1), ZERO)),
    (sha1("dae1f0df74dfe782030611aaab077aaf32d6e5d4"), counts(Does::Delete)),
    (sha1("07c670789422293003b3c73393b5feba4403d397"), tells(Does::Delete)),
    (sha1("aa61b31c296b2e1e7483e0b99d3a1e4181e36cb4"), tells(Does::Delete)),
    (sha1("f2f53eb5b0ec55f8089048f73c36d4f84988555e"), means(Does::Delete, ONE, Says::Ok, ERROR)),
    (sha1("b0f03698a704cbb1e084ba04ec1d06cad2041c2c"), counts(Does::Expire)),
    (sha1("e4bfe7ab85b16909d59afbd122124f3551a748ff"), counts(Does::ExpireSeconds)),
    (sha1("2bfca0da61380ac22d474b45fa6b28b73dff873d"), counts(Does::Expire)),
    (sha1("919f61c7d45e8adcd42314280b7f70aac483c146"), counts(Does::ExpireSeconds)),
    (sha1("f06e30b86b0ba10c2bfa797687c2827d85ba839f"), counts(Does::Expire)),
    (sha1("6b36b22759d013f47ed63b32bf51f03d0b9e379a"), counts(Does::Expire)),
    (sha1("4b4bee07ddfcc3906baaec69f9550e76764457f1"), counts(Does::Extend)),
    (sha1("8db07dcf6c572d725c7b11cef0b19045f7c1456b"), counts(Does::Renew)),
    (sha1("a38f86ef2ec5faa1a3d45620a26bfb4751b97da8"), counts(Does::Renew)),
    (sha1("1c340453939094cad6350c9838fb844eb74119ae"), means(Does::Renew, Says::Ok, ZERO, ZERO)),
    (sha1("6145f5f754a625c2fcb629769b56f4f31e6ebe5c"), counts(Does::Take)),
    (sha1("4ca1dd594181829e0fc1ebcfdc7b3a6032c6e317"), tells(Does::TakeOrRenew)),
    (sha1("95f1828bd5709cbba2dec8a1a9b5fa43980c520b"), means(Does::TakeOrRenew, Says::Ok, ERROR, ERROR)),
    (sha1("6f7db99c33fcaca6ac246be033d348868c39335c"), means(Does::TimeLeft, ZERO, ZERO, ZERO)),
    (sha1("2620bb30a6d41045b52791304a864568a3d10ddf"), means(Does::TimeLeft, Says::Integer(-1), Says::Integer(-3), Says::Integer(-3))),
    (sha1("ad57e284b70a5ba0e35cb4eff1bea157b00d5847"), means(Does::TimeLeft, Says::Integer(-1), Says::Integer(-2), Says::Integer(-2))),
];

#[cfg(test)]
pub(super) mod tests {
    use super::super::lua::fingerprint;
    use super::*;
    use sha1::{Digest, Sha1};

    /// The scripts, in the order of the table.
    pub(in super::super::super) const SCRIPTS: [&str; 26] = [
        // Compare and delete: as Redis' documentation has it, and so in most languages.
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) \
         else return 0 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('unlink', KEYS[1]) \
         else return 0 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end \
         return 0",
        // Of a library of mutexes for Node.js.
        "local k = KEYS[1] local t = ARGV[1] \
         if redis.call('get', k) == t then return redis.call('del', k) end return 0",
        // Of redis-py's Lock.
        "local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end \
         redis.call('del', KEYS[1]) return 1",
        // Of a library for Go.
        "local t = redis.call('get', KEYS[1]) \
         if t == ARGV[1] then return redis.call('del', KEYS[1]) \
         elseif t == false then return -1 else return 0 end",
        // Of Redlock for Node.js, here for one key.
        "local n = 0 for i, k in ipairs(KEYS) do \
         if redis.call('get', k) == ARGV[1] then redis.pcall('del', k) n = n + 1 end end return n",
        // Of frameworks for Java.
        "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) return true end \
         return false",
        "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('unlink', KEYS[1]) return true \
         end return false",
        // Of a library for Python's asyncio.
        "local t = redis.call('get', KEYS[1]) if not t then return redis.status_reply('OK') \
         elseif t == ARGV[1] then return redis.call('del', KEYS[1]) \
         else return redis.error_reply('ERROR') end",
        // Compare and expire.
        "if redis.call('get', KEYS[1]) == ARGV[1] then \
         return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then \
         return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then \
         return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0",
        "if redis.call('get', KEYS[1]) == ARGV[1] then \
         return redis.call('expire', KEYS[1], ARGV[2]) end return 0",
        "local k = KEYS[1] local t = ARGV[1] local ms = ARGV[2] local v = redis.call('get', k) \
         if v == t then redis.call('pexpire', k, ms) return 1 end return 0",
        "local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end \
         redis.call('pexpire', KEYS[1], ARGV[2]) return 1",
        // Extend, of redis-py's Lock.
        "local t = redis.call('get', KEYS[1]) if not t or t ~= ARGV[1] then return 0 end \
         local left = redis.call('pttl', KEYS[1]) if not left then left = 0 end \
         if left < 0 then return 0 end \
         local new = ARGV[2] if ARGV[3] == \"0\" then new = ARGV[2] + left end \
         redis.call('pexpire', KEYS[1], new) return 1",
        // Compare and set with an expiry.
        "for i, k in ipairs(KEYS) do if redis.call('get', k) ~= ARGV[1] then return 0 end end \
         for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end \
         return #KEYS",
        "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 else \
         if redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) ~= nil then return 1 \
         else return 0 end end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then \
         return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) else return 0 end",
        // Take what is free.
        "for i, k in ipairs(KEYS) do if redis.call('exists', k) == 1 then return 0 end end \
         for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end \
         return #KEYS",
        // Take what is free or one's own.
        "local t = redis.call('get', KEYS[1]) \
         if t == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return true \
         elseif not t then redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return true end \
         return false",
        "local t = redis.call('get', KEYS[1]) if not t or t == ARGV[1] then \
         return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) \
         else return redis.error_reply('ERROR') end",
        // How long one's own lasts.
        "if redis.call('get', KEYS[1]) == ARGV[1] then local left = redis.call('pttl', KEYS[1]) \
         return (left > 0) and left or 0 else return 0 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pttl', KEYS[1]) \
         else return -3 end",
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pttl', KEYS[1]) \
         else return -2 end",
    ];

    #[test]
    fn what_is_often_named_is_what_it_is_taken_for() {
        let begin = "\n        local token = redis.call('get', KEYS[1])\n        \
                     if not token or token ~= ARGV[1] then\n            return 0\n        end\n";
        let end = "        return 1\n    ";
        let release = "        redis.call('del', KEYS[1])\n";
        let reacquire = "        redis.call('pexpire', KEYS[1], ARGV[2])\n";
        let extend = "        local expiration = redis.call('pttl', KEYS[1])\n        \
                      if not expiration then\n            expiration = 0\n        end\n        \
                      if expiration < 0 then\n            return 0\n        end\n\n        \
                      local newttl = ARGV[2]\n        if ARGV[3] == \"0\" then\n            \
                      newttl = ARGV[2] + expiration\n        end\n        \
                      redis.call('pexpire', KEYS[1], newttl)\n";
        for (middle, named) in [release, reacquire, extend].into_iter().zip(OFTEN_NAMED) {
            let text = format!("{begin}{middle}{end}");
            let name: [u8; 20] = Sha1::digest(text.as_bytes()).into();
            assert_eq!(
                (name, fingerprint(text.as_bytes())),
                (named.0, Some(named.1))
            );
            assert!(meaning_of_name(&name).is_some());
        }
    }

    #[test]
    fn every_known_script_has_its_row() {
        for (script, (known, _)) in SCRIPTS.iter().zip(&KNOWN) {
            assert_eq!(fingerprint(script.as_bytes()), Some(*known), "{script}");
        }
        assert_eq!(SCRIPTS.len(), KNOWN.len());
    }

    #[test]
    fn no_two_rows_are_one_script() {
        let distinct: std::collections::BTreeSet<_> =
            KNOWN.iter().map(|(known, _)| known).collect();
        assert_eq!(distinct.len(), KNOWN.len());
    }
}
