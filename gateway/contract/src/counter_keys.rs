//! Names of counters, and of what else both planes keep in Redis.

use crate::ids::{ApiKeyId, BudgetId, MemberId, TenantId};
use std::fmt;

/// The sorted set of all revocations: [`Revocation`] in text form by the revision of the world that has it. Each node
/// reads it from where it stopped, so that keys without limits die too while the control link is cut.
pub const REVOCATION_LOG: &str = "tg1:revlog";

/// A hash: circuits that are open on some node, and until when (milliseconds since 1970).
pub const CIRCUITS: &str = "tg1:circuits";

/// The group in which the control plane reads the streams of usage events.
pub const USAGE_GROUP: &str = "pg";

/// The field of a stream's entry that has the usage event.
pub const USAGE_FIELD: &str = "event";

/// What was revoked. Its text form is the field in [`Partition::revocations`] and the member of [`REVOCATION_LOG`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// A whole tenant.
    Tenant(TenantId),
    /// An API key.
    ApiKey(TenantId, ApiKeyId),
    /// Every API key of a member.
    Member(TenantId, MemberId),
}

impl Revocation {
    /// Whose.
    pub const fn tenant(&self) -> &TenantId {
        match self {
            Self::Tenant(tenant) | Self::ApiKey(tenant, _) | Self::Member(tenant, _) => tenant,
        }
    }

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let pair = || rest.split_once(':').map(|(tenant, id)| (TenantId::new(tenant), id));
        match kind {
            "t" if !rest.contains(':') => Some(Self::Tenant(TenantId::new(rest))),
            "k" => pair().map(|(tenant, id)| Self::ApiKey(tenant, ApiKeyId::new(id))),
            "me" => pair().map(|(tenant, id)| Self::Member(tenant, MemberId::new(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "t:{tenant}"),
            Self::ApiKey(tenant, id) => write!(f, "k:{tenant}:{id}"),
            Self::Member(tenant, id) => write!(f, "me:{tenant}:{id}"),
        }
    }
}

/// A hundred and twenty-eighth of all tenants; all keys of one live in one slot of a Redis cluster. Fixed for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(u8);

impl Partition {
    /// How many there are.
    pub const COUNT: u8 = 128;

    /// The partition of a tenant.
    pub fn of(tenant: &TenantId) -> Self {
        let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = tenant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, fnv1a);
        Self((hash % u64::from(Self::COUNT)) as u8)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The life of the counters: another value means that they were lost and built anew.
    pub fn epoch(self) -> String {
        format!("{self}epoch")
    }

    /// A hold.
    pub fn hold(self, id: impl fmt::Display) -> String {
        format!("{self}h:{id}")
    }

    /// Open holds by deadline.
    pub fn deadlines(self) -> String {
        format!("{self}hx")
    }

    /// The stream of usage events.
    pub fn stream(self) -> String {
        format!("{self}u")
    }

    /// The tenants', members' and API keys' revocations, each with the revision of the world that has it.
    pub fn revocations(self) -> String {
        format!("{self}rev")
    }

    /// A budget's window: a hash with `s` settled, `h` held (nano-USD), `ts`, `th` tokens, `n` requests.
    pub fn budget(self, tenant: &TenantId, budget: &BudgetId, window: &str) -> String {
        format!("{self}b:{tenant}:bud:{budget}:{window}")
    }

    /// The token bucket of a scope's requests per minute.
    pub fn requests(self, tenant: &TenantId, scope: &str) -> String {
        format!("{self}r:{tenant}:{scope}:req")
    }

    /// The token bucket of a scope's tokens per minute.
    pub fn tokens(self, tenant: &TenantId, scope: &str) -> String {
        format!("{self}r:{tenant}:{scope}:tok")
    }

    /// A scope's requests under way.
    pub fn concurrent(self, tenant: &TenantId, scope: &str) -> String {
        format!("{self}c:{tenant}:{scope}")
    }
}

impl fmt::Display for Partition {
    /// The prefix of all its keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tg1:{{p{:03}}}:", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revocations_read_back() {
        for text in ["t:acme", "k:acme:ci", "me:acme:ann"] {
            assert_eq!(Revocation::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Revocation::parse("x:acme"), None);
    }

    #[test]
    fn a_tenant_keeps_its_partition_for_ever() {
        // Known values of 64-bit FNV-1a: 0xaf63dc4c8601ec8c for "a", 0x85944171f73967e8 for "foobar".
        for (tenant, partition) in [("a", 0x8c % 128), ("foobar", 0xe8 % 128)] {
            assert_eq!(Partition::of(&TenantId::new(tenant)).0, partition);
        }
        let partition = Partition::of(&TenantId::new("a"));
        assert_eq!(partition.epoch(), "tg1:{p012}:epoch");
        let budget = partition.budget(&TenantId::new("a"), &BudgetId::new("team"), "m202611");
        assert_eq!(budget, "tg1:{p012}:b:a:bud:team:m202611");
    }
}
