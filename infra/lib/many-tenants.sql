-- A world for measuring: :tenants tenants, each with an owner, a team, a provider, a model, a route, a budget and
-- :keys API keys, and :events requests of the first tenant in the last 30 days; of the others only sums. The provider
-- keys come afterwards, as they have to be sealed. :'password' is the hash of the first owner's and the operator's password.

-- Kinds of records have ids of their own, rising like those that the control plane makes.
create function pg_temp.made(kind int, number int) returns uuid language sql immutable as $$
  select (lpad(to_hex(1761955200000 + number), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8000'
    || lpad(to_hex(number), 12, '0'))::uuid
$$;
create function pg_temp.named(prefix text, id uuid) returns text language sql immutable as $$
  select prefix || '_' || replace(id::text, '-', '')
$$;

insert into tenants (id, name)
  select pg_temp.made(1, t), 'tenant-' || lpad(t::text, 6, '0') from generate_series(1, :tenants) t;
insert into people (id, email, password_hash)
  select pg_temp.made(2, t), 'owner-' || t || '@example.com', case t when 1 then :'password' end
  from generate_series(1, :tenants) t;
insert into people (id, email, password_hash, is_operator)
  values (pg_temp.made(2, 0), 'operator@example.com', :'password', true);
insert into teams (tenant_id, id, name)
  select pg_temp.made(1, t), pg_temp.made(3, t), 'search' from generate_series(1, :tenants) t;
insert into members (tenant_id, id, person_id, role, team_id)
  select pg_temp.made(1, t), pg_temp.made(4, t), pg_temp.made(2, t), 'owner', pg_temp.made(3, t)
  from generate_series(1, :tenants) t;
insert into providers (tenant_id, id, name, spec)
  select pg_temp.made(1, t), pg_temp.made(5, t), 'main',
    '{"kind": "openai_compatible", "base_url": "http://127.0.0.1:9100/v1", "allow_private_network": true}'
  from generate_series(1, :tenants) t;
insert into models (tenant_id, name, spec)
  select pg_temp.made(1, t), 'main/large',
    '{"price": {"input": "0.50", "output": "1.50"}, "context_window": 128000, "max_output": 16384}'
  from generate_series(1, :tenants) t;
insert into routes (tenant_id, id, name, spec)
  select pg_temp.made(1, t), pg_temp.made(6, t), 'support', '{"strategy": "fallback", "targets": [{"use": "main/large"}]}'
  from generate_series(1, :tenants) t;
insert into api_keys (tenant_id, id, name, hash, last4, team_id, requests_per_minute, tokens_per_minute, created_by)
  select pg_temp.made(1, t), pg_temp.made(7, t * :keys + k), 'key-' || k, sha256(format('tgk_made_%s_%s', t, k)::bytea),
    lpad(to_hex(k), 4, '0'), pg_temp.made(3, t), 600, 200000, pg_temp.named('per', pg_temp.made(2, t))
  from generate_series(1, :tenants) t, generate_series(1, :keys) k;
insert into budgets (tenant_id, id, name, limit_nano_usd, time_window, team_id)
  select pg_temp.made(1, t), pg_temp.made(8, t), 'search, monthly', 100000000000, 'month', pg_temp.made(3, t)
  from generate_series(1, :tenants) t;
insert into changes (revision, tenant_id) select t, pg_temp.made(1, t) from generate_series(1, :tenants) t;
update world set revision = :tenants;

select usage_partition(day::date) from generate_series(now() - interval '31 days', now(), '1 day') day \g /dev/null
insert into usage_events (tenant_id, day, id, at, api_key, team, api, requested, route, target, provider_key, status,
    error, stream, cost_nano_usd, latency_ms, input_tokens, output_tokens, event)
  select tenant, (at at time zone 'UTC')::date, id, at, api_key, team, 'chat', 'support', 'support', 'main/large',
    provider_key, status, error, stream, 1000000, latency, 500, 500, jsonb_build_object(
      'id', id, 'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'tenant', pg_temp.named('tnt', tenant),
      'team', team, 'api_key', api_key, 'api', 'chat', 'requested', 'support', 'route', 'support', 'target', 'main/large',
      'provider_key', provider_key, 'status', status, 'error', error, 'stream', stream, 'cache', 'off',
      'usage', jsonb_build_object('input', 500, 'output', 500), 'cost_nano_usd', 1000000, 'list_cost_nano_usd', 1000000,
      'estimated', false, 'disputed', false, 'attempts', jsonb_build_array(jsonb_build_object('target', 'main/large',
        'provider_key', provider_key, 'started_ms', 1, 'first_byte_ms', latency / 2, 'ended_ms', latency, 'status', status,
        'usage', jsonb_build_object('input', 500, 'output', 500), 'cost_nano_usd', 1000000)),
      'timing_us', jsonb_build_object('understand', 100, 'plan', 20, 'hold', 300, 'settle', 300),
      'decision', jsonb_build_object('strategy', 'fallback', 'plan', jsonb_build_array('main/large')))
  from (select pg_temp.made(1, 1) as tenant, at, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7000'
      || '8000' || lpad(to_hex(e), 12, '0'))::uuid::text as id,
      pg_temp.named('key', pg_temp.made(7, :keys + 1 + e % :keys)) as api_key,
      pg_temp.named('team', pg_temp.made(3, 1)) as team, pg_temp.named('pky', pg_temp.made(9, 1)) as provider_key,
      case e % 50 when 0 then 502 else 200 end as status, case e % 50 when 0 then 'provider_error' end as error,
      e % 2 = 0 as stream, 200 + e % 1800 as latency
    from (select e, now() - e * (interval '30 days' / :events) as at from generate_series(1, :events) e) times) made;
insert into usage_rollup
  select tenant_id, date_trunc('hour', at, 'UTC'), api_key, team, member, route, target, count(*),
    count(*) filter (where status >= 400), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd), sum(cost_nano_usd)
  from usage_events group by 1, 2, 3, 4, 5, 6, 7;
-- The others were not idle: ten hours of theirs.
insert into usage_rollup
  select pg_temp.made(1, t), date_trunc('hour', now(), 'UTC') - h * interval '50 hours',
    pg_temp.named('key', pg_temp.made(7, t * :keys + 1)), pg_temp.named('team', pg_temp.made(3, t)), '', 'support',
    'main/large', 10, 0, 5000, 5000, 10000000, 10000000
  from generate_series(2, :tenants) t, generate_series(0, 9) h;
insert into api_key_activity
  select tenant_id, api_key, min(id), max(id), max(at) from usage_events group by 1, 2;
