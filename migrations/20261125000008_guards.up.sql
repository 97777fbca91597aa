-- Guards: `[guards.NAME]` of the config document.

create table guards (
  tenant_id uuid not null references tenants,
  name text not null check (length(name) between 1 and 64),
  spec jsonb not null,
  -- Its place among those that inspect the tenant's requests; null: it is written down and inspects nothing.
  position smallint,
  primary key (tenant_id, name)
);
select tenant_wall('guards');
grant select, insert, update, delete on guards to tg_app;
grant select on guards to tg_system;
