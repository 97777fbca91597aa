//! Identifiers as the API prints them and Postgres stores them: a prefix and a UUIDv7.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The text is no identifier of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an identifier like \"{0}_0193c5…\"")]
pub struct WrongId(&'static str);

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one; they sort by time.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = WrongId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.strip_prefix(concat!($prefix, "_")).filter(|rest| rest.len() == 32);
                digits.and_then(|rest| Uuid::try_parse(rest).ok()).map(Self).ok_or(WrongId($prefix))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

id! {
    /// A person, whichever tenants they are a member of.
    PersonId = "per",
    /// A tenant.
    TenantId = "tnt",
    /// A team.
    TeamId = "team",
    /// A member.
    MemberId = "mem",
    /// An API key.
    ApiKeyId = "key",
    /// A provider.
    ProviderId = "prv",
    /// A provider key.
    ProviderKeyId = "pky",
    /// A route.
    RouteId = "rte",
    /// A budget.
    BudgetId = "bud",
    /// A management token.
    ManagementTokenId = "mtk",
    /// A gateway node.
    NodeId = "node",
    /// A browser's session.
    SessionId = "ses",
}

impl TenantId {
    /// The id as gateways know it.
    pub fn to_contract(self) -> tollgate_contract::ids::TenantId {
        tollgate_contract::ids::TenantId::new(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_another_kind_does_not() {
        let id = ApiKeyId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<BudgetId>().is_err());
        for wrong in ["", "key_", "key_123", "key_zz93c5aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(wrong.parse::<ApiKeyId>().is_err(), "{wrong}");
        }
    }
}
