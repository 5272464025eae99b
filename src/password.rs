//! Passwords of people: only their hashes are kept.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// Characters of a password at least. Source: NIST SP 800-63B asks for 8, and for 15 where it is the only factor.
pub const CHARACTERS_MIN: usize = 12;
/// Bytes of a password that is looked at.
pub const BYTES_MAX: usize = 1_024;
/// Memory of a hash at most, in KiB: what a hash asks for is spent by whoever tries to sign in.
const MEMORY_KIB_MAX: u32 = 64 << 10;

/// Rounds and lanes of a hash at most: they are spent as well.
const ROUNDS_MAX: u32 = 8;

/// The hash of a password: Argon2id, 19 MiB, two rounds, as a PHC string.
pub fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether a text is a hash that passwords are compared with.
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.algorithm.as_str() == "argon2id"
            && hash.hash.is_some()
            && argon2::Params::try_from(&hash).is_ok_and(|params| {
                params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= ROUNDS_MAX && params.p_cost() <= ROUNDS_MAX
            })
    })
}

/// Whether a password is the one of a hash. It takes tens of milliseconds, whatever the answer.
pub fn is_of(hash: &str, password: &str) -> bool {
    let fits = password.len() <= BYTES_MAX && is_hash(hash);
    fits && PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_only() {
        let made = hash("une phrase assez longue").unwrap();
        assert!(is_hash(&made));
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_of(&made, "une phrase assez longue"));
        assert!(!is_of(&made, "une phrase assez longues"));
        assert_ne!(made, hash("une phrase assez longue").unwrap(), "each has a salt of its own");
    }

    #[test]
    fn what_is_no_hash_is_not_taken_for_one() {
        let of_much_memory = hash("x").unwrap().replace("m=19456", "m=4194304");
        for text in [
            "",
            "secret",
            "$argon2id$",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1",
            &of_much_memory,
        ] {
            assert!(!is_hash(text), "{text}");
            assert!(!is_of(text, "secret"), "{text}");
        }
    }
}
