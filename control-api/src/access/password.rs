//! Passwords.
/// Verifies passwords.
#[derive(Debug)]
pub struct Passwords;
