-- People, tenants and their configuration.

-- The second wall between tenants; the first is the `where` of every statement.
create function tenant_wall(name regclass) returns void language plpgsql as $$
declare
  key text := case when name = 'tenants'::regclass then 'id' else 'tenant_id' end;
begin
  execute format('alter table %s enable row level security', name);
  execute format('alter table %s force row level security', name);
  execute format(
    'create policy own_tenant on %s to tg_app using (%I = nullif(current_setting(''app.tenant'', true), '''')::uuid)'
    ' with check (%I = nullif(current_setting(''app.tenant'', true), '''')::uuid)', name, key, key);
  execute format('create policy all_tenants on %s to tg_system using (true) with check (true)', name);
end $$;

grant usage on schema public to tg_app, tg_system;

create table people (
  id uuid primary key,
  email text not null check (email = lower(email) and length(email) between 3 and 254),
  name text not null default '' check (length(name) <= 128),
  password_hash text,
  is_operator boolean not null default false,
  created_at timestamptz not null default now(),
  disabled_at timestamptz
);
create unique index people_email on people (email);

create table tenants (
  id uuid primary key,
  name text not null check (length(name) between 1 and 64),
  time_zone text not null default 'UTC',
  unpriced text not null default 'deny' check (unpriced in ('deny', 'allow')),
  version int not null default 1,
  created_at timestamptz not null default now(),
  suspended_at timestamptz
);
create unique index tenants_name on tenants (name);
select tenant_wall('tenants');
grant select, update on tenants to tg_app;

create table teams (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
select tenant_wall('teams');
grant select, insert, update, delete on teams to tg_app;

create table members (
  tenant_id uuid not null references tenants,
  id uuid not null,
  person_id uuid not null references people,
  role text not null check (role in ('owner', 'admin', 'billing', 'member', 'viewer')),
  team_id uuid,
  version int not null default 1,
  created_at timestamptz not null default now(),
  removed_at timestamptz,
  last_seen_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, person_id),
  foreign key (tenant_id, team_id) references teams (tenant_id, id)
);
create index members_person on members (person_id);
select tenant_wall('members');
grant select, insert, update on members to tg_app;

-- Of people, a tenant sees those who are its members.
alter table people enable row level security;
alter table people force row level security;
create policy own_members on people for select to tg_app using (exists (
  select 1 from members
  where members.person_id = people.id
    and members.tenant_id = nullif(current_setting('app.tenant', true), '')::uuid));
create policy all_people on people to tg_system using (true) with check (true);
grant select (id, email, name, disabled_at) on people to tg_app;

create table api_keys (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  hash bytea not null check (length(hash) = 32),
  last4 text not null check (length(last4) = 4),
  team_id uuid,
  member_id uuid,
  models text[] not null default '{*}',
  requests_per_minute bigint,
  tokens_per_minute bigint,
  concurrent bigint,
  expires_at timestamptz,
  rotated_from uuid,
  created_by text not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, team_id) references teams (tenant_id, id),
  foreign key (tenant_id, member_id) references members (tenant_id, id),
  foreign key (tenant_id, rotated_from) references api_keys (tenant_id, id)
);
-- Two keys with one hash could not be told apart, whosever they are.
create unique index api_keys_hash on api_keys (hash);
-- A rotated key is renamed for the time that it still lives, and its successor takes the name.
create unique index api_keys_name on api_keys (tenant_id, name) where revoked_at is null;
select tenant_wall('api_keys');
grant select, insert, update on api_keys to tg_app;

create table providers (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  spec jsonb not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
select tenant_wall('providers');
grant select, insert, update, delete on providers to tg_app;

create table provider_keys (
  tenant_id uuid not null references tenants,
  id uuid not null,
  provider_id uuid not null,
  fingerprint text not null,
  sealed bytea not null,
  sealed_version int not null default 1,
  kek_id int not null,
  weight int not null default 1 check (weight between 1 and 1000000),
  created_by text not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  destroyed_at timestamptz,
  tested_at timestamptz,
  test jsonb,
  primary key (tenant_id, id),
  foreign key (tenant_id, provider_id) references providers (tenant_id, id) on delete cascade
);
create index provider_keys_kek on provider_keys (kek_id);
select tenant_wall('provider_keys');
grant select, insert, update, delete on provider_keys to tg_app;

create table models (
  tenant_id uuid not null references tenants,
  name text not null check (length(name) between 3 and 256),
  spec jsonb not null,
  primary key (tenant_id, name)
);
select tenant_wall('models');
grant select, insert, update, delete on models to tg_app;

create table routes (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  spec jsonb not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
select tenant_wall('routes');
grant select, insert, update, delete on routes to tg_app;

create table budgets (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  limit_nano_usd bigint not null check (limit_nano_usd between 1 and 9000000000000000),
  time_window text not null check (time_window in ('hour', 'day', 'week', 'month', 'total')),
  team_id uuid,
  member_id uuid,
  api_key_id uuid,
  provider text,
  models text[],
  on_exceed text not null default 'block' check (on_exceed in ('block', 'alert')),
  on_outage text check (on_outage in ('deny', 'lease', 'allow')),
  alert_at smallint[] not null default '{50,80,100}',
  mode text not null default 'enforce' check (mode in ('enforce', 'shadow')),
  version int not null default 1,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, team_id) references teams (tenant_id, id),
  foreign key (tenant_id, member_id) references members (tenant_id, id),
  foreign key (tenant_id, api_key_id) references api_keys (tenant_id, id)
);
select tenant_wall('budgets');
grant select, insert, update, delete on budgets to tg_app;

create table management_tokens (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null check (length(name) between 1 and 64),
  hash bytea not null check (length(hash) = 32),
  last4 text not null,
  role text not null check (role in ('owner', 'admin', 'billing', 'member', 'viewer')),
  expires_at timestamptz not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, id)
);
create unique index management_tokens_hash on management_tokens (hash);
select tenant_wall('management_tokens');
grant select, insert, update on management_tokens to tg_app;

-- What a repeated POST is answered with. The answer is sealed: it may carry a secret that is shown once.
create table idempotency_keys (
  tenant_id uuid not null references tenants,
  actor text not null,
  key text not null check (length(key) between 1 and 255),
  request_hash bytea not null,
  status smallint,
  sealed bytea,
  created_at timestamptz not null default now(),
  primary key (tenant_id, actor, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
select tenant_wall('idempotency_keys');
grant select, insert, update, delete on idempotency_keys to tg_app;

grant select, insert, update, delete on people, tenants, teams, members, api_keys, providers, provider_keys, models,
  routes, budgets, management_tokens, idempotency_keys to tg_system;
