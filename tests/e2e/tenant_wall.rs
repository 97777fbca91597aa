//! Tenants are kept apart by the database too, whatever a statement says.

use crate::tenants::Platform;

#[tokio::test]
async fn every_tenant_table_has_forced_row_level_security_that_the_application_cannot_bypass() {
    let platform = Platform::start().await;
    let open = platform.control.psql(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'public' and c.relkind in ('r', 'p') and exists (select 1 from pg_attribute a \
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) \
         and not (c.relrowsecurity and c.relforcerowsecurity) \
         and has_table_privilege('tg_app', c.oid, 'select, insert, update, delete')",
    );
    assert_eq!(open.trim(), "", "tables without a wall");
    let walled: usize = platform
        .control
        .psql(
            "select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' \
             where c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity",
        )
        .trim()
        .parse()
        .expect("a number");
    assert!(walled >= 15, "only {walled} tables have a wall");
    let role = platform.control.psql(
        "select rolsuper, rolbypassrls, rolcreaterole, exists (select 1 from pg_class where relowner = r.oid), \
         exists (select 1 from pg_auth_members where member = r.oid) from pg_roles r where rolname = 'tg_app'",
    );
    assert_eq!(role.trim(), "f|f|f|f|f", "what tg_app is");
    let rights = platform.control.psql(
        "select count(*) from information_schema.role_table_grants where grantee = 'tg_app' \
         and privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')",
    );
    assert_eq!(rights.trim(), "0");
    let audit = platform.control.psql(
        "select string_agg(privilege_type, ',' order by privilege_type) from information_schema.role_table_grants \
         where grantee = 'tg_app' and table_name = 'audit_log'",
    );
    assert_eq!(audit.trim(), "INSERT,SELECT", "the audit log is append-only");
}

#[tokio::test]
async fn without_a_tenant_the_application_sees_and_writes_nothing() {
    let platform = Platform::start().await;
    for (setting, table) in [
        ("", "api_keys"),
        ("", "tenants"),
        ("", "usage_events"),
        ("set app.tenant = '';", "budgets"),
    ] {
        let seen = platform
            .control
            .psql(&format!("set role tg_app; {setting} select count(*) from {table}"));
        assert!(seen.trim().ends_with('0'), "{table}: {seen}");
    }
    let own = platform.control.psql(
        "select id from tenants limit 1; begin; set local role tg_app; \
         select set_config('app.tenant', (select '00000000-0000-0000-0000-000000000001'), true); \
         select count(*) from api_keys; commit",
    );
    assert!(own.trim().ends_with('0'), "another tenant's rows: {own}");
}
