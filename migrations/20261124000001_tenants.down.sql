drop table idempotency_keys, management_tokens, budgets, routes, models, provider_keys, providers, api_keys;
drop policy own_members on people;
drop table members, teams, tenants, people;
revoke usage on schema public from tg_app, tg_system;
drop function tenant_wall(regclass);
