//! What clients and nodes have to know to be let in: [`Password`].

use hmac::Hmac;
use hmac::digest::{KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::RangeInclusive;
use subtle::ConstantTimeEq;

/// The password of a cluster: of its clients, and of its nodes among each other.
///
/// Only its digest is kept. What is said is compared by digests, in a time that does not depend on
/// how much of it is right.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password {
    digest: [u8; 32],
}

/// Why a text is no password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordError {
    /// It has so many characters, which are too few or too many.
    Length(usize),
    /// It has a character that not every client can say.
    Character,
}

/// What a node proves that knows the password.
pub(crate) type Proof = [u8; 32];

impl Password {
    /// How many characters it may have. Whoever reaches a node may guess as often as it likes.
    pub(crate) const LENGTHS: RangeInclusive<usize> = 12..=512;

    /// The password that this text is.
    ///
    /// # Errors
    /// [`PasswordError`], if the text is none. It never tells the text.
    pub(crate) fn new(text: &str) -> Result<Self, PasswordError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PasswordError::Character);
        }
        match Self::LENGTHS.contains(&text.len()) {
            true => Ok(Self {
                digest: Sha256::digest(text).into(),
            }),
            false => Err(PasswordError::Length(text.len())),
        }
    }

    /// Whether this is the password.
    pub(crate) fn is(&self, said: &[u8]) -> bool {
        // Nobody has to compute the digest of much more than a password.
        let said = &said[..said.len().min(Self::LENGTHS.end() + 1)];
        self.digest[..].ct_eq(&Sha256::digest(said)[..]).into()
    }

    /// What proves that one knows the password, without telling it, to somebody who knows it too:
    /// for this very occasion.
    pub(crate) fn proof(&self, occasion: &[&[u8]]) -> Proof {
        self.keyed(occasion).finalize().into_bytes().into()
    }

    /// Whether this proves that somebody knew the password on this occasion.
    pub(crate) fn is_proved_by(&self, proof: &Proof, occasion: &[&[u8]]) -> bool {
        self.keyed(occasion).verify_slice(proof).is_ok()
    }

    fn keyed(&self, occasion: &[&[u8]]) -> Hmac<Sha256> {
        let mut keyed =
            Hmac::<Sha256>::new_from_slice(&self.digest).expect("a key may have any length");
        for part in occasion {
            // With its length, so that no two occasions are one.
            keyed.update(&(part.len() as u64).to_be_bytes());
            keyed.update(part);
        }
        keyed
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (Password::LENGTHS.start(), Password::LENGTHS.end());
        match self {
            PasswordError::Length(0) => write!(f, "the password is empty"),
            PasswordError::Length(length) => write!(
                f,
                "the password has {length} characters, and has to have {least} to {most}"
            ),
            PasswordError::Character => f.write_str(
                "the password has a space, or a character that is not visible ASCII, which not \
                 every client could say",
            ),
        }
    }
}

impl std::error::Error for PasswordError {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "correct-horse-battery";

    fn password() -> Password {
        Password::new(TEXT).unwrap()
    }

    #[test]
    fn only_the_password_itself_is_it() {
        assert!(password().is(TEXT.as_bytes()));
        let longer = format!("{TEXT}!");
        let nearly = TEXT.to_uppercase();
        for said in ["", "correct-horse-batter", &longer, &nearly] {
            assert!(!password().is(said.as_bytes()), "{said}");
        }
        let longest = "x".repeat(512);
        let password = Password::new(&longest).unwrap();
        assert!(password.is(longest.as_bytes()));
        assert!(!password.is(format!("{longest}x").as_bytes()));
        assert!(!password.is(format!("{longest}xy").as_bytes()));
    }

    #[test]
    fn what_is_too_short_too_long_or_cannot_be_said_is_no_password() {
        let error = |text: &str| Password::new(text).unwrap_err();
        assert_eq!(error(""), PasswordError::Length(0));
        assert_eq!(error("elevenchars"), PasswordError::Length(11));
        assert_eq!(error(&"x".repeat(513)), PasswordError::Length(513));
        assert!(Password::new("twelve-chars").is_ok());
        for text in [
            "correct horse battery",
            "correct\nhorse\nbattery",
            "pässword-of-umlauts",
        ] {
            assert_eq!(error(text), PasswordError::Character, "{text}");
        }
    }

    #[test]
    fn it_is_never_told() {
        assert_eq!(format!("{:?}", password()), "Password");
        let error = Password::new("elevenchars").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("eleven"), "{error}");
    }

    #[test]
    fn a_proof_holds_for_its_occasion_and_its_password_alone() {
        let occasion: [&[u8]; 2] = [b"ab", b"c"];
        let proof = password().proof(&occasion);
        assert!(password().is_proved_by(&proof, &occasion));
        assert!(!password().is_proved_by(&proof, &[b"a", b"bc"]));
        assert!(!password().is_proved_by(&proof, &[b"abc"]));
        let other = Password::new("another-password").unwrap();
        assert!(!other.is_proved_by(&proof, &occasion));
        let mut altered = proof;
        altered[31] ^= 1;
        assert!(!password().is_proved_by(&altered, &occasion));
    }
}
