-- Usage: every event once, in daily partitions, and sums by hour.

grant create on schema public to tg_system;

create table usage_events (
  tenant_id uuid not null,
  -- The day of the event's id (UUIDv7), so that one event can never land in two partitions.
  day date not null,
  id text not null,
  adjusts text,
  at timestamptz not null,
  api_key text not null,
  team text not null default '',
  member text not null default '',
  api text not null,
  requested text not null,
  route text not null default '',
  target text not null default '',
  provider_key text not null default '',
  status smallint not null,
  error text,
  stream boolean not null,
  cost_nano_usd bigint not null,
  latency_ms bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  event jsonb not null,
  received_at timestamptz not null default now(),
  primary key (tenant_id, day, id)
) partition by range (day);
create index usage_events_at on usage_events (tenant_id, at desc, id desc);
select tenant_wall('usage_events');
alter table usage_events owner to tg_system;

-- Makes the partition of a day if it is not there; the first who needs it calls this.
create function usage_partition(day date) returns void language plpgsql as $$
declare
  name text := 'usage_events_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass(name) is null then
    perform pg_advisory_xact_lock(hashtext('usage_partition'));
    if to_regclass(name) is null then
      execute format('create table %I partition of usage_events for values from (%L) to (%L)', name, day, day + 1);
      perform tenant_wall(name::regclass);
    end if;
  end if;
end $$;

create table usage_rollup (
  tenant_id uuid not null,
  hour timestamptz not null,
  api_key text not null,
  team text not null,
  member text not null,
  route text not null,
  target text not null,
  requests bigint not null,
  errors bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_nano_usd bigint not null,
  list_cost_nano_usd bigint not null,
  primary key (tenant_id, hour, api_key, team, member, route, target)
);
select tenant_wall('usage_rollup');

-- What each API key did last, for lists.
create table api_key_activity (
  tenant_id uuid not null,
  api_key text not null,
  first_event_id text not null,
  last_event_id text not null,
  last_used_at timestamptz not null,
  primary key (tenant_id, api_key)
);
select tenant_wall('api_key_activity');

-- Events that cannot be taken in; kept, never dropped.
create table usage_dead (
  partition smallint not null,
  stream_id text not null,
  payload text not null,
  error text not null,
  at timestamptz not null default now(),
  primary key (partition, stream_id)
);

grant select on usage_events, usage_rollup, api_key_activity to tg_app;
grant select, insert, update on usage_rollup, api_key_activity to tg_system;
grant select, insert on usage_dead to tg_system;
