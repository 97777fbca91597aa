-- Who did what. A chain per tenant and one of the platform (the nil uuid): each row's hash covers the one before it.

create table audit_log (
  tenant_id uuid not null,
  seq bigint not null,
  at timestamptz not null,
  actor text not null,
  actor_name text not null,
  action text not null,
  object text not null,
  outcome text not null,
  ip text not null,
  request_id text not null,
  detail text not null,
  prev_hash bytea not null,
  hash bytea not null,
  primary key (tenant_id, seq)
);
create index audit_log_at on audit_log (tenant_id, at desc);
select tenant_wall('audit_log');

-- Where each chain ends. Its lock makes the numbers gapless, and it shows rows that were cut off the end.
create table audit_heads (
  tenant_id uuid primary key,
  seq bigint not null,
  hash bytea not null
);
select tenant_wall('audit_heads');

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only';
end $$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function audit_is_append_only();

grant select, insert on audit_log to tg_app, tg_system;
grant select, insert, update on audit_heads to tg_app, tg_system;
