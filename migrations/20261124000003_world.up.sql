-- The world's revisions, the nodes that follow it, and what signs it.

create table world (
  id smallint primary key default 1 check (id = 1),
  revision bigint not null
);
insert into world (revision) values (0);

-- Which tenants a revision changed. The row of `world` is locked until the commit, so revisions are gapless and in the
-- order of commits.
create table changes (
  revision bigint primary key,
  tenant_id uuid not null references tenants,
  at timestamptz not null default now()
);
create index changes_tenant on changes (tenant_id, revision);
select tenant_wall('changes');

-- Revocations, to be marked in Redis again should it lose them.
create table revocations (
  tenant_id uuid not null references tenants,
  revision bigint not null,
  marker text not null,
  at timestamptz not null default now(),
  primary key (tenant_id, revision, marker)
);
select tenant_wall('revocations');

create table nodes (
  id uuid primary key,
  name text not null check (length(name) between 1 and 64),
  fingerprint text not null,
  public_key bytea not null,
  token_sealed bytea not null,
  kek_id int not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  version text not null default '',
  revision bigint not null default 0,
  connected_at timestamptz,
  last_seen_at timestamptz
);
create unique index nodes_name on nodes (name) where revoked_at is null;
create unique index nodes_fingerprint on nodes (fingerprint);

create table signing_keys (
  purpose text not null,
  id uuid not null,
  sealed bytea not null,
  kek_id int not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  primary key (purpose, id)
);

grant select, update on world to tg_app, tg_system;
grant select, insert on changes, revocations to tg_app, tg_system;
grant select, insert, update on nodes, signing_keys to tg_system;
