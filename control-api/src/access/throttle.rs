//! Failed sign-ins slow down what follows, for one account from one network. Nobody is ever locked out: who guesses
//! cannot keep the owner away, who comes from elsewhere.

use crate::{
    error::ApiError,
    store::{Db, sessions},
};
use chrono::{DateTime, Duration, Utc};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// Failures that cost nothing.
const FREE: i32 = 5;
/// The longest delay in seconds.
const DELAY_MAX_SECONDS: i64 = 15 * 60;
/// Failures older than this are forgotten.
const MEMORY: Duration = Duration::hours(24);

/// A try that is counted as a failure until it is told to have succeeded: many at once cannot all slip through.
#[derive(Debug)]
pub struct Attempt {
    account: [u8; 32],
    network: String,
}

impl Attempt {
    /// Begins a try, or tells how long to wait.
    pub async fn begin(db: &Db, email: &str, ip: &str) -> Result<Self, ApiError> {
        let attempt = Self { account: account(email), network: network(ip) };
        let now = Utc::now();
        let mut tx = db.system().await?;
        let (failures, until) =
            sessions::failures(&mut tx, &attempt.account, &attempt.network).await?;
        if until > now && delay(failures) > Duration::zero() {
            let seconds = (until - now).num_seconds().unsigned_abs() + 1;
            return Err(ApiError::TooMany(seconds));
        }
        let failures = after(failures, until, now);
        sessions::set_failures(
            &mut tx,
            &attempt.account,
            &attempt.network,
            failures,
            now + delay(failures),
        )
        .await?;
        tx.commit().await?;
        Ok(attempt)
    }

    /// It was the right password: the failures are forgotten.
    pub async fn succeeded(self, db: &Db) -> Result<(), ApiError> {
        let mut tx = db.system().await?;
        sessions::forget_failures(&mut tx, &self.account, &self.network).await?;
        Ok(tx.commit().await?)
    }

    /// Nothing was tried after all.
    pub async fn give_back(self, db: &Db) -> Result<(), ApiError> {
        let mut tx = db.system().await?;
        let (failures, _) = sessions::failures(&mut tx, &self.account, &self.network).await?;
        let before = (failures - 1).max(0);
        sessions::set_failures(&mut tx, &self.account, &self.network, before, Utc::now()).await?;
        Ok(tx.commit().await?)
    }
}

fn after(failures: i32, until: DateTime<Utc>, now: DateTime<Utc>) -> i32 {
    if now - until > MEMORY { 1 } else { failures.saturating_add(1) }
}

/// How long the next try has to wait after so many failures: 1 s after the fifth, and twice as long with each.
fn delay(failures: i32) -> Duration {
    let seconds = match failures - FREE {
        ..0 => 0,
        doublings @ 0..10 => (1i64 << doublings).min(DELAY_MAX_SECONDS),
        10.. => DELAY_MAX_SECONDS,
    };
    Duration::seconds(seconds)
}

/// The account as the table knows it: it holds no addresses of people that are none of ours.
pub fn account(email: &str) -> [u8; 32] {
    Sha256::digest(email.to_lowercase().as_bytes()).into()
}

/// The /24 of an IPv4 address, the /64 of an IPv6 address: whoever has one address has its neighbours.
fn network(ip: &str) -> String {
    match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_and_ends_at_a_quarter_of_an_hour() {
        for (failures, seconds) in [
            (0, 0),
            (4, 0),
            (5, 1),
            (6, 2),
            (7, 4),
            (14, 512),
            (15, 900),
            (40, 900),
            (i32::MAX, 900),
        ] {
            assert_eq!(delay(failures).num_seconds(), seconds, "{failures}");
        }
    }

    #[test]
    fn failures_of_the_day_before_are_forgotten() {
        let now = Utc::now();
        assert_eq!(after(9, now - Duration::hours(23), now), 10);
        assert_eq!(after(9, now - Duration::hours(25), now), 1);
    }

    #[test]
    fn neighbours_are_one_network() {
        for (ip, expected) in [
            ("192.0.2.17", "192.0.2.0/24"),
            ("::ffff:192.0.2.99", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("", "unknown"),
        ] {
            assert_eq!(network(ip), expected);
        }
        assert_eq!(account("Ada@Example.com"), account("ada@example.com"));
    }
}
