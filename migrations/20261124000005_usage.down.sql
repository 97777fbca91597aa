drop table usage_dead, api_key_activity, usage_rollup, usage_events;
drop function usage_partition(date);
revoke create on schema public from tg_system;
