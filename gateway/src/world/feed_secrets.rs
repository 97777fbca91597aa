//! Secrets of a tenant's feed. Provider keys stay sealed here; a node's own files and variables are none of a tenant's
//! business, so references to them are refused.

use std::sync::Arc;
use tollgate_contract::{
    document::{Resolve, SecretRef},
    feed::{TenantFeed, from_hex},
    ids::TenantId,
    price_book::PriceBook,
    provider::{KeySecret, SealedKey},
    secret::Secret,
};

/// Resolves the references of one tenant's document.
pub(super) struct FeedSecrets<'f> {
    pub(super) feed: &'f TenantFeed,
    pub(super) price_book: &'f Arc<PriceBook>,
}

impl Resolve for FeedSecrets<'_> {
    fn secret(&mut self, _: &SecretRef) -> Result<Secret, String> {
        Err("from the control plane come only provider keys ({ provider_key = \"pky_…\" }) and the sha256 of API keys"
            .to_owned())
    }

    fn provider_key(&mut self, reference: &SecretRef) -> Result<KeySecret, String> {
        let SecretRef::ProviderKey(id) = reference else {
            return self.secret(reference).map(KeySecret::Plain);
        };
        let found = self.feed.provider_keys.iter().find(|key| key.id.as_str() == id);
        let key = found.ok_or_else(|| format!("provider key {id} did not come with it"))?;
        let envelope =
            from_hex(&key.sealed).ok_or_else(|| format!("provider key {id} is no envelope"))?;
        Ok(KeySecret::Sealed(SealedKey {
            // The feed's tenant, so that an envelope of another tenant does not open.
            tenant: self.feed.tenant.clone(),
            id: key.id.clone(),
            version: key.version,
            envelope,
        }))
    }

    fn price_book(&self) -> Arc<PriceBook> {
        self.price_book.clone()
    }

    fn owner(&self) -> Option<TenantId> {
        Some(self.feed.tenant.clone())
    }
}
