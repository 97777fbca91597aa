//! Passwords: how they are chosen, hashed and verified. Verifying costs 19 MiB and tens of milliseconds, so only a few
//! run at a time and only a few wait.

use crate::error::ApiError;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_contract::secret::Secret;

/// The fewest characters of a password.
pub const LENGTH_MIN: usize = 12;
/// The most characters of a password.
pub const LENGTH_MAX: usize = 128;

/// How many wait for a place; who comes later is told to try again.
const QUEUE_MAX: usize = 32;
/// How every hash with today's parameters begins.
const TODAYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// What a password is compared with where there is none: it takes as long and never fits.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dG9sbGdhdGVkdW1teXNhbA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies passwords, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// Those that compute.
    places: Arc<Semaphore>,
    /// Those that compute or wait.
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// Leaves one core to everything else.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let places = cores.saturating_sub(1).max(1);
        Self {
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(places + QUEUE_MAX)),
        }
    }

    /// The hash of a password, with its parameters and salt.
    pub async fn hash(&self, password: Secret) -> Result<String, ApiError> {
        let computed = self.compute(move || {
            argon2().hash_password(password.expose().as_bytes()).map(|hash| hash.to_string())
        });
        computed.await?.map_err(ApiError::internal)
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long, and it is not.
    pub async fn verify(&self, password: Secret, hash: Option<&str>) -> Result<bool, ApiError> {
        let hash = hash.unwrap_or(DUMMY).to_owned();
        self.compute(move || {
            argon2().verify_password(password.expose().as_bytes(), hash.as_str()).is_ok()
        })
        .await
    }

    /// Whether the hash was made with other parameters than today's.
    pub fn needs_rehash(hash: &str) -> bool {
        !hash.starts_with(TODAYS)
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let places = self.places().await?;
        // The places go along: a caller that leaves does not free them before the work is done.
        let work = move || (work(), drop(places)).0;
        tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
    }

    async fn places(&self) -> Result<[OwnedSemaphorePermit; 2], ApiError> {
        let queued =
            Arc::clone(&self.queue).try_acquire_owned().map_err(|_| ApiError::TooMany(1))?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(ApiError::internal)?;
        Ok([queued, place])
    }
}

fn argon2() -> Argon2<'static> {
    const PARAMS: Params = match Params::new(19_456, 2, 1, None) {
        Ok(params) => params,
        Err(_) => panic!("these parameters are within argon2's bounds"),
    };
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

/// Refuses a password that is too short, or that attackers try first. There are no rules of composition: they make
/// passwords harder to remember and no harder to guess.
pub fn check(password: &str, email: &str, pointer: &str) -> Result<(), ApiError> {
    let length = password.chars().count();
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return Err(ApiError::invalid(
            pointer,
            "must have 12 to 128 characters: use a sentence, or a password manager",
        ));
    }
    if is_common(password, email) {
        return Err(ApiError::invalid(
            pointer,
            "is one that attackers try first, or contains little but your e-mail address: use a sentence of your own, or a password manager",
        ));
    }
    Ok(())
}

fn is_common(password: &str, email: &str) -> bool {
    let plain = password.to_lowercase();
    let own: Vec<String> = email
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(letters)
        .collect();
    let core = plain.trim_matches(|c: char| !c.is_alphabetic());
    plain == email.to_lowercase()
        || is_run(&plain)
        || is_repetition(&plain)
        || is_decorated_words(&letters(&plain), &plain, &own)
        || is_decorated_words(&letters(&without_leet(core)), &plain, &own)
}

/// `aaaaaaaaaaaa`, `123456789012`, `abcdefghijkl`, `qwertyuiop12`: neighbours, with at most three jumps.
fn is_run(text: &str) -> bool {
    const ROWS: &str = "1234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop";
    let chars: Vec<char> = text.chars().collect();
    let near = |pair: &[char]| {
        let (a, b) = (pair[0], pair[1]);
        let row: String = [a, b].iter().collect();
        let back: String = [b, a].iter().collect();
        u32::from(a).abs_diff(u32::from(b)) <= 1 || ROWS.contains(&row) || ROWS.contains(&back)
    };
    chars.windows(2).filter(|pair| !near(pair)).count() <= 3
}

/// `abcabcabcabc`: one short block over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..LENGTH_MIN.min(chars.len() / 2 + 1))
        .any(|block| chars.iter().skip(block).zip(&chars).all(|(later, earlier)| later == earlier))
}

/// Whether the letters are common words (or the person's own) and nothing else, and what decorates them is short.
fn is_decorated_words(letters: &str, whole: &str, own: &[String]) -> bool {
    const DECORATION_MAX: usize = 8;
    let decoration = whole.chars().count().saturating_sub(letters.chars().count());
    if letters.is_empty() || decoration > DECORATION_MAX {
        return false;
    }
    // ends[n]: the first n bytes can be cut into words.
    let mut ends = vec![false; letters.len() + 1];
    ends[0] = true;
    for start in 0..letters.len() {
        let Some(rest) = letters.get(start..).filter(|_| ends[start]) else { continue };
        let words = COMMON.split_whitespace().chain(own.iter().map(String::as_str));
        for word in words.filter(|word| !word.is_empty() && rest.starts_with(word)) {
            ends[start + word.len()] = true;
        }
    }
    ends[letters.len()]
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

fn without_leet(text: &str) -> String {
    let plain = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// What the most used passwords are made of, and the words of this product.
const COMMON: &str = "\
    tollgate gateway control console llm openai anthropic claude gpt chatgpt apikey token budget tenant \
    password passwort passwd pass word passphrase secret geheim hunter admin administrator root user guest default \
    system server database login logon signin welcome willkommen hello hallo letmein changeme changeit change me \
    access master test testing tester temp temporary demo example sample public private company office work business \
    qwerty qwertz azerty qwertyuiop qwertzuiop asdf asdfgh asdfghjkl zxcvbn zxcvbnm qaz wsx edc qazwsx qazwsxedc \
    abc abcd abcde abcdef abcdefg abcdefgh xyz iloveyou ilove loveyou love you lovely forever trustno trustnoone \
    monkey dragon shadow sunshine princess superman batman spiderman pokemon naruto starwars matrix ninja hacker \
    football baseball basketball soccer hockey tennis golf golfer liverpool chelsea arsenal barcelona juventus \
    manchester united yankees cowboys lakers eagles steelers michael jordan jessica jennifer ashley daniel andrew \
    joshua matthew robert thomas charlie george michelle nicole anthony william david richard joseph james john \
    alexander maria anna laura sarah martin patrick peter hannah amanda samantha elizabeth christian \
    freedom whatever nothing internet computer windows linux ubuntu apple google facebook samsung android iphone \
    microsoft linkedin twitter instagram youtube amazon netflix minecraft fortnite killer ginger pepper cookie \
    chocolate banana cheese orange purple yellow silver golden diamond summer winter autumn spring fall january \
    february march april may june july august september october november december monday tuesday wednesday thursday \
    friday saturday sunday mustang ferrari porsche mercedes corvette harley yamaha jesus christ heaven angel blessed \
    family mother father sister brother baby babygirl girl boy flower butterfly rainbow unicorn tigger buster hunting \
    fishing guitar music london berlin paris newyork america germany england france canada correct horse battery \
    staple correcthorsebatterystaple thequickbrownfox thequickbrownfoxjumpsoverthelazydog opensesame open sesame \
    zaq xsw cde nimda ytrewq drowssap superuser super secure security safe strong strongpassword mypassword my our \
    the is this new old one two three four five six com org net de io dev prod production staging local localhost \
    postgres redis mysql oracle docker kubernetes jenkins github gitlab aws azure";

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash(secret("nine lives of a cat")).await.unwrap();
        assert!(passwords.verify(secret("nine lives of a cat"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(secret("nine lives of a dog"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(secret("nine lives of a cat"), None).await.unwrap());
        assert!(!Passwords::needs_rehash(&hash));
        assert!(Passwords::needs_rehash("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$AAAA"));
    }

    #[test]
    fn the_dummy_is_computed_like_a_real_hash() {
        let parsed = argon2::PasswordHash::new(DUMMY).unwrap();
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), 19_456);
        assert_eq!(parsed.hash.unwrap().len(), 32);
        assert!(DUMMY.starts_with(TODAYS));
    }

    #[tokio::test]
    async fn a_full_queue_is_told_to_wait() {
        let passwords =
            Passwords { places: Arc::new(Semaphore::new(1)), queue: Arc::new(Semaphore::new(1)) };
        let _all = passwords.places().await.unwrap();
        let refused = passwords.verify(secret("x"), None).await;
        assert!(matches!(refused, Err(ApiError::TooMany(1))));
    }

    #[test]
    fn what_attackers_try_first_is_refused() {
        let long = "long enough but far too long ".repeat(5);
        for wrong in [
            "",
            "short",
            "eleven char",
            &long,
            "aaaaaaaaaaaa",
            "123456789012",
            "1234567890123456",
            "abcdefghijkl",
            "qwertyuiop123",
            "abcabcabcabc",
            "password1234",
            "P@ssw0rd1234",
            "PasswordPassword",
            "Welcome2024!!",
            "tollgate-admin",
            "Tollgate2026!",
            "admin@example.com",
            "ada.lovelace99",
            "lovelace-ada-1",
            "correct horse battery staple",
            "letmein letmein",
            "qazwsxedc123",
            "passwordpasswordpassword",
            "Summer2025!!",
            "iloveyou1234",
        ] {
            assert!(check(wrong, "ada.lovelace@example.com", "/password").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sentence_or_a_generated_password_is_taken() {
        for right in [
            "nine lives of a cat",
            "Wx7-kQ2v9-pLm4",
            "the river bends twice before noon",
            "пароль из трёх слов",
            "8f2c1d9be07a",
            "admin likes gardening a lot",
            "ada.lovelace sails to crete",
        ] {
            assert!(check(right, "ada.lovelace@example.com", "/password").is_ok(), "{right}");
        }
    }
}
