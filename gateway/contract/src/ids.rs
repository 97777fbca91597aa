//! One type per kind of identifier, so that a team's id can never be passed where a tenant's is due.
//!
//! An identifier is a short text: the name chosen in a file world, a prefixed UUIDv7 (`key_…`) in a world from the
//! control plane. Cloning is cheap (`Arc<str>`).

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that names one of these.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

id! {
    /// A customer organisation: the hard wall between data.
    TenantId,
    /// A part of a tenant.
    TeamId,
    /// A person of a tenant, or a service account.
    MemberId,
    /// What an app presents to a gateway; this names it, it is not the secret.
    ApiKeyId,
    /// A company or server that serves models.
    ProviderId,
    /// One of a provider's secrets; this names it, it is not the secret.
    ProviderKeyId,
    /// A tenant's name for a choice among targets.
    RouteId,
    /// A budget of a tenant.
    BudgetId,
}
