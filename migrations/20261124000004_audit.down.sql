drop table audit_heads, audit_log;
drop function audit_is_append_only();
