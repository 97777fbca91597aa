//! What each role may do: one table. A handler names its permission as a parameter, so it cannot forget it.

use crate::{
    access::{actor::Actor, session},
    error::ApiError,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::{Deserialize, Serialize};
use std::{future::Future, marker::PhantomData, pin::Pin};

/// A member's role in a tenant.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks on.
    Viewer,
    /// Makes API keys of their own.
    Member,
    /// Sets budgets.
    Billing,
    /// Runs everything but owners.
    Admin,
    /// May do all.
    Owner,
}

impl Role {
    /// All roles, rising.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Member, Self::Billing, Self::Admin, Self::Owner];

    /// The name in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Billing => "billing",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal: $($role:ident)|*;)+) => {
        /// Something that a handler may require.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the API's description.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The roles that have it.
            pub const fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => &[$(Role::$role),*],)+ }
            }
        }

        /// Permissions as types, for [`Permit`].
        pub mod of {
            use super::{Permission, Requires};
            $($(#[$doc])* #[derive(Debug)] pub struct $name;
            impl Requires for $name { const PERMISSION: Permission = Permission::$name; })+
        }
    };
}

permissions! {
    /// See oneself and the tenant's name.
    SeeSelf = "see_self": Viewer | Member | Billing | Admin | Owner;
    /// See usage, requests, routes, budgets and the names of keys.
    See = "see": Viewer | Member | Billing | Admin | Owner;
    /// Make, rotate and revoke one's own API keys; admins all.
    UseKeys = "use_keys": Member | Billing | Admin | Owner;
    /// Set budgets.
    ManageBudgets = "manage_budgets": Billing | Admin | Owner;
    /// Change providers, provider keys, models and routes; apply a config.
    ManageRouting = "manage_routing": Admin | Owner;
    /// Invite, change and remove members and teams.
    ManageMembers = "manage_members": Admin | Owner;
    /// Read the audit log.
    SeeAudit = "see_audit": Billing | Admin | Owner;
    /// Change the tenant's settings; make management tokens.
    ManageTenant = "manage_tenant": Owner;
    /// Run the platform: tenants and nodes.
    Operate = "operate": ;
}

impl Permission {
    /// Whether a role has it. What nobody has by role is the operator's alone.
    pub fn allows(self, role: Role, is_operator: bool) -> bool {
        self.roles().contains(&role) || (is_operator && self.roles().is_empty())
    }
}

/// A permission as a type.
pub trait Requires: 'static {
    /// Which.
    const PERMISSION: Permission;
}

/// The proof that the caller may: a parameter of every handler.
#[derive(Debug)]
pub struct Permit<P> {
    /// Who it is.
    pub actor: Actor,
    permission: PhantomData<P>,
}

impl<P: Requires> FromRequest for Permit<P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let actor = session::actor_of(&request).await?;
            actor.require(P::PERMISSION)?;
            Ok(Self { actor, permission: PhantomData })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_may_do_what_a_lower_one_may() {
        for permission in Permission::ALL {
            for pair in Role::ALL.windows(2) {
                let (lower, higher) =
                    (permission.allows(pair[0], false), permission.allows(pair[1], false));
                assert!(!lower || higher, "{permission:?}: {pair:?}");
            }
        }
    }

    #[test]
    fn only_operators_operate() {
        assert!(Role::ALL.iter().all(|role| !Permission::Operate.allows(*role, false)));
        assert!(Permission::Operate.allows(Role::Viewer, true));
        assert!(
            !Permission::ManageTenant.allows(Role::Viewer, true),
            "an operator acts by a role too"
        );
    }
}
