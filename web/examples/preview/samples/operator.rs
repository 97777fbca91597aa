//! The operator area.

use super::{Named, Samples, ago, nanos, page};
use tollgate_web::{
    form::Field,
    layout::{Nav, NoticeKind, Shell},
    pages::operator,
};

impl Samples {
    pub(super) fn operator(&self) -> Vec<Named> {
        let query = self.query("/operator/tenants", &[("q", "a")]);
        let tenant = |name: &str, suspended: bool| operator::TenantRow {
            id: self.t("t1"),
            name: self.t(name),
            created_at: ago(200 * 86_400),
            suspended_at: suspended.then(|| ago(7_200)),
            members: 14,
            api_keys: 31,
            spend_month: nanos(1_482_190_000_000),
        };
        let node = |name: &str, connected, lag, seen: Option<i64>| operator::NodeRow {
            name: self.t(name),
            version: self.t("0.1.0"),
            revision: 481 - lag,
            lag,
            connected,
            last_seen_at: seen.map(ago),
        };
        let nodes = operator::NodesPage {
            shell: Shell { tenant: None, ..self.shell(Nav::OperatorNodes) },
            revision: 481,
            rows: vec![
                node("fra-1", true, 0, Some(2)),
                node("fra-2", true, 3, Some(4)),
                node("ams-1", false, 40, Some(9_000)),
                node("lab", false, 481, None),
            ],
        };
        let no_nodes = operator::NodesPage { rows: vec![], ..nodes.clone() };
        vec![
            page(
                "operator-tenants",
                &operator::TenantsPage {
                    shell: self.noticed(Nav::OperatorTenants, NoticeKind::Error, "There is a tenant of this name."),
                    pager: self.pager(&query),
                    query,
                    rows: vec![tenant("Nordlicht Robotics", false), tenant("Acme Research", true)],
                    form: operator::TenantForm {
                        name: self.wrong("Acme Research", "There is a tenant of this name."),
                        owner_email: self.field("owner@acme.example"),
                        error: None,
                    },
                    once: self.t("once"),
                    link: Some(operator::OwnerLink {
                        tenant: self.t("Acme Research"),
                        email: self.t("owner@acme.example"),
                        url: self.t("https://console.nordlicht.example/sign-in/link?token=tgl_9sLr1QeHcVnUaKpZ8dGi"),
                        ends_at: ago(-604_800),
                    }),
                },
            ),
            page(
                "operator-suspend",
                &operator::SuspendTenantPage {
                    shell: self.shell(Nav::OperatorTenants),
                    tenant: tenant("Acme Research", false),
                    requests_24h: 9_102,
                    typed: Field::default(),
                },
            ),
            page("operator-nodes", &nodes),
            page("operator-nodes-live", &nodes.as_live()),
            page("operator-nodes-empty", &no_nodes),
        ]
    }
}
