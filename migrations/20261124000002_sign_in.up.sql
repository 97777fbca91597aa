-- Sessions, links and tokens of people; only `tg_system` reads them.

create table sessions (
  hash bytea primary key check (length(hash) = 32),
  id uuid not null unique,
  person_id uuid not null references people on delete cascade,
  tenant_id uuid references tenants,
  csrf text not null,
  ip text not null default '',
  user_agent text not null default '',
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  authenticated_at timestamptz not null default now(),
  ends_at timestamptz not null
);
create index sessions_person on sessions (person_id);

create table refresh_tokens (
  hash bytea primary key check (length(hash) = 32),
  family uuid not null,
  person_id uuid not null references people on delete cascade,
  tenant_id uuid not null references tenants,
  created_at timestamptz not null default now(),
  ends_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_family on refresh_tokens (family);

-- One-time links: sign-in, invitation.
create table links (
  hash bytea primary key check (length(hash) = 32),
  kind text not null check (kind in ('sign_in', 'invitation')),
  person_id uuid not null references people on delete cascade,
  tenant_id uuid references tenants,
  created_at timestamptz not null default now(),
  ends_at timestamptz not null,
  used_at timestamptz
);

-- Failed sign-ins by account and network; they slow down what follows and never lock anybody out.
create table sign_in_failures (
  account bytea not null,
  network text not null,
  failures int not null,
  until timestamptz not null,
  primary key (account, network)
);

-- Access tokens that were revoked before their time.
create table revoked_tokens (
  jti uuid primary key,
  ends_at timestamptz not null
);

grant select, insert, update, delete on sessions, refresh_tokens, links, sign_in_failures, revoked_tokens to tg_system;
