//! Feeds for tests, as a control plane would send them.

use super::{
    intake::{Batch, Change},
    replica::{Replica, Taken},
};
use std::fmt::Write as _;
use tollgate_contract::{
    api_key::ApiKeyHash,
    feed::{self, Frame, SealedProviderKey, TenantFeed, to_hex},
    ids::{ProviderKeyId, TenantId},
    node::{NodeIdentity, PROVIDER_KEY_PURPOSE},
    sealed::Binding,
    secret::Secret,
    signing::SigningKey,
    token,
    world::World,
};

/// The node that the feeds are for.
pub fn identity() -> NodeIdentity {
    node(3)
}

pub fn other_identity() -> NodeIdentity {
    node(4)
}

fn node(byte: u8) -> NodeIdentity {
    let token = Secret::new(token::mint(token::NODE, &[byte; 32]));
    NodeIdentity::from_token(&token).expect("a node token")
}

/// What the control plane signs with.
pub fn control_key() -> SigningKey {
    SigningKey::from_seed(&[5; 32])
}

/// A tenant in the making.
#[derive(Debug, Clone)]
pub struct Feed {
    tenant: String,
    document: String,
    provider_key: Option<(String, String)>,
    sealed_for: Option<String>,
}

impl Feed {
    pub fn new(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            document: format!("[tenants.{tenant}]\n"),
            provider_key: None,
            sealed_for: None,
        }
    }

    pub fn document(mut self, text: &str) -> Self {
        self.document = text.to_owned();
        self
    }

    pub fn api_key(self, id: &str, secret: &str) -> Self {
        self.member_key(id, secret, "nobody")
    }

    pub fn member_key(mut self, id: &str, secret: &str, member: &str) -> Self {
        let (tenant, hash) = (&self.tenant, ApiKeyHash::of(secret).to_hex());
        writeln!(
            self.document,
            "[tenants.{tenant}.api_keys.{id}]\nid = \"{id}\"\nsha256 = \"{hash}\"\nmember = \"{member}\""
        )
        .expect("a string takes everything");
        self
    }

    /// The key of the tenant's provider "openai", or its next version.
    pub fn provider_key(mut self, id: &str, secret: &str) -> Self {
        if self.provider_key.is_none() {
            writeln!(
                self.document,
                "[providers.openai]\nkind = \"openai\"\nkeys = [{{ provider_key = \"{id}\" }}]"
            )
            .expect("a string takes everything");
        }
        self.provider_key = Some((id.to_owned(), secret.to_owned()));
        self
    }

    /// Its envelope is bound to another tenant.
    pub fn sealed_for(mut self, tenant: &str) -> Self {
        self.sealed_for = Some(tenant.to_owned());
        self
    }

    pub fn frame(&self) -> TenantFeed {
        let sealed = self.provider_key.iter().map(|(id, secret)| {
            let binding = Binding {
                purpose: PROVIDER_KEY_PURPOSE,
                tenant: self.sealed_for.as_ref().unwrap_or(&self.tenant),
                record: id,
                version: 2,
            };
            let sealed = identity().wrapping.seal(&binding, secret.as_bytes(), &rand::random());
            SealedProviderKey {
                id: ProviderKeyId::new(id.as_str()),
                version: 2,
                sealed: to_hex(&sealed.expect("it can be sealed")),
            }
        });
        TenantFeed {
            tenant: TenantId::new(self.tenant.as_str()),
            document: self.document.clone(),
            provider_keys: sealed.collect(),
        }
    }
}

/// A batch that passed the intake.
pub fn batch(revision: u64, whole: bool, feeds: &[Feed], gone: &[&str]) -> Batch {
    let is = feeds.iter().map(|feed| Change::Is(feed.frame()));
    let gone = gone.iter().map(|tenant| Change::Gone(TenantId::new(*tenant)));
    let changes = is.chain(gone).collect();
    Batch { revision, whole, changes, key: control_key().public() }
}

/// A replica at revision 1.
pub fn replica(feeds: &[Feed]) -> Replica {
    let mut replica = Replica::default();
    let taken = replica.take(batch(1, true, feeds, &[])).expect("the first revision");
    assert_eq!(taken.rejected, [], "feeds of a test are valid");
    replica
}

pub fn world(feeds: &[Feed]) -> World {
    replica(feeds).world().clone()
}

/// The next revision, in which one tenant changes.
pub fn change(replica: &mut Replica, feed: Feed) -> Taken {
    let revision = replica.world().revision + 1;
    replica.take(batch(revision, false, &[feed], &[])).expect("the next revision")
}

/// The lines of a connection.
#[derive(Debug, Default)]
pub struct Script(feed::Batch);

impl Script {
    pub fn hello(&mut self, full: bool) -> Vec<String> {
        vec![line(&Frame::Hello { full, public_key: control_key().public().to_hex() })]
    }

    pub fn heartbeat(&mut self, revision: u64) -> Vec<String> {
        vec![line(&Frame::Heartbeat { revision })]
    }

    pub fn batch(&mut self, revision: u64, feeds: &[Feed], gone: &[&str]) -> Vec<String> {
        let is = feeds.iter().map(|feed| Frame::Tenant(feed.frame()));
        let gone = gone.iter().map(|tenant| Frame::Gone { tenant: TenantId::new(*tenant) });
        let mut lines: Vec<_> = is.chain(gone).map(|frame| line(&frame)).collect();
        lines.iter().for_each(|line| self.0.add(line.as_bytes()));
        lines.push(line(&self.0.close(revision, &control_key())));
        lines
    }
}

fn line(frame: &Frame) -> String {
    serde_json::to_string(frame).expect("a frame is JSON")
}
