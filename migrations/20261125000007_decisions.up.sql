-- What the decision log is asked by, as columns: how a request was answered from the cache, what that saved, what it was
-- made for, what ordered its targets, and which of them came first.

alter table usage_events
  add column cache text not null default 'off',
  add column saved_nano_usd bigint not null default 0,
  -- Why the gateway made it itself; empty: an app's own request.
  add column purpose text not null default '',
  -- The request that it was made for, or nothing.
  add column beside_request text not null default '',
  add column strategy text not null default '',
  -- The first target of its plan, or nothing.
  add column arm text not null default '';

alter table usage_rollup
  add column cache_hits bigint not null default 0,
  add column saved_nano_usd bigint not null default 0;
