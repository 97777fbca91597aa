//! Names of counters. Both backends use the same ones, so what one counts can be compared with the other.

use std::fmt;
use tollgate_contract::ids::{BudgetId, TenantId};
use uuid::Uuid;

/// A hundred and twenty-eighth of all tenants; all keys of one live in one slot of a Redis cluster. Fixed for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Partition(u8);

impl Partition {
    pub(super) const COUNT: u8 = 128;

    pub(super) fn of(tenant: &TenantId) -> Self {
        let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = tenant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, fnv1a);
        Self((hash % u64::from(Self::COUNT)) as u8)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The life of the counters: another value means that they were lost and built anew.
    pub(super) fn epoch(self) -> String {
        format!("{self}epoch")
    }

    pub(super) fn hold(self, id: Uuid) -> String {
        format!("{self}h:{id}")
    }

    /// Open holds by deadline.
    pub(super) fn deadlines(self) -> String {
        format!("{self}hx")
    }

    /// The stream of usage events.
    pub(super) fn stream(self) -> String {
        format!("{self}u")
    }

    pub(super) fn revocations(self) -> String {
        format!("{self}rev")
    }

    pub(super) fn budget(self, tenant: &TenantId, budget: &BudgetId, window: &str) -> String {
        format!("{self}b:{tenant}:bud:{budget}:{window}")
    }

    pub(super) fn requests(self, tenant: &TenantId, scope: &str) -> String {
        format!("{self}r:{tenant}:{scope}:req")
    }

    pub(super) fn tokens(self, tenant: &TenantId, scope: &str) -> String {
        format!("{self}r:{tenant}:{scope}:tok")
    }

    pub(super) fn concurrent(self, tenant: &TenantId, scope: &str) -> String {
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
