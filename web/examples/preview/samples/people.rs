//! Members, and what everybody did.

use super::{Named, Samples, ago, page};
use tollgate_web::{
    form::Choice,
    layout::Nav,
    pages::{audit::*, members::*},
};

impl Samples {
    fn member(&self, email: &str, role: &str, is_you: bool) -> MemberRow {
        MemberRow {
            id: self.t("m1"),
            email: self.t(email),
            name: self.t("Mira Lindqvist"),
            role: self.t(role),
            team: self.some("research"),
            joined_at: ago(120 * 86_400),
            last_seen_at: Some(ago(180)),
            is_you,
            may_change: !is_you,
        }
    }

    pub(super) fn roles(&self) -> Vec<Choice> {
        self.choices(&[
            ("owner", "Owner"),
            ("admin", "Admin"),
            ("billing", "Billing"),
            ("member", "Member"),
            ("viewer", "Viewer"),
        ])
    }

    pub(super) fn people(&self) -> Vec<Named> {
        let query =
            self.query("/console/audit", &[("action", "api_key.created"), ("actor", "mira")]);
        let row = |seq, ok, action: &str, changes| AuditRow {
            seq,
            at: ago(500 + 4_000 * i64::try_from(200 - seq).expect("small")),
            actor: self.t("mira@nordlicht.example"),
            action: self.t(action),
            object: self.t("key_01932f5e8c1a7e029d1c"),
            outcome: self.t(if ok { "success" } else { "forbidden" }),
            ok,
            ip: self.t("192.0.2.17"),
            request_id: self.t("01932f5e-8c1a-7e02"),
            changes,
        };
        let change = Change {
            field: self.t("limit"),
            before: self.some("250.00"),
            after: self.some("1000.00"),
        };
        let audit = AuditPage {
            shell: self.shell(Nav::Audit),
            actions: self.choices(&[("api_key.created", "api_key.created")]),
            chain: Chain::Verified { seq: 198, at: ago(240) },
            rows: vec![
                row(199, true, "budget.changed", vec![change]),
                row(198, true, "api_key.created", vec![]),
                row(197, false, "provider_key.removed", vec![]),
            ],
            pager: self.pager(&query),
            query,
        };
        let broken = AuditPage {
            chain: Chain::Broken { seq: 171, at: ago(60) },
            rows: vec![],
            ..audit.clone()
        };
        vec![
            page(
                "members",
                &MembersPage {
                    shell: self.shell(Nav::Members),
                    members: vec![
                        self.member("mira.lindqvist@nordlicht.example", "owner", true),
                        self.member("jonas@nordlicht.example", "admin", false),
                        self.member("amara@nordlicht.example", "member", false),
                    ],
                    invitations: vec![InvitationRow {
                        id: self.t("i1"),
                        email: self.t("noor@nordlicht.example"),
                        role: self.t("viewer"),
                        created_at: ago(86_000),
                        ends_at: ago(-500_000),
                    }],
                    teams: [("t1", "checkout"), ("t2", "research")]
                        .map(|(id, name)| TeamRow { id: self.t(id), name: self.t(name), members: 4, api_keys: 7 })
                        .to_vec(),
                    roles: self.roles(),
                    invite: InviteForm {
                        email: self.wrong("noor@", "Write an e-mail address."),
                        role: self.field("member"),
                        team: self.field(""),
                    },
                    team_name: self.wrong("checkout", "There is a team of this name."),
                    once: self.t("once"),
                    link: Some(InvitationLink {
                        email: self.t("noor@nordlicht.example"),
                        url: self.t("https://console.nordlicht.example/sign-in/link?token=tgl_9sLr1QeHcVnUaKpZ8dGi"),
                        ends_at: ago(-604_800),
                    }),
                },
            ),
            page(
                "member-remove",
                &RemoveMemberPage {
                    shell: self.shell(Nav::Members),
                    member: self.member("jonas@nordlicht.example", "admin", false),
                    api_keys: 3,
                    typed: self.wrong("jonas", "That is not the address."),
                },
            ),
            page("audit", &audit),
            page("audit-broken", &broken),
        ]
    }
}
