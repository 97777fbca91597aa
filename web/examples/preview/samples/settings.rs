//! Settings.

use super::{Named, Samples, ago, page};
use tollgate_web::{
    form::Field,
    layout::{Nav, NoticeKind},
    pages::settings::{self, *},
};

impl Samples {
    pub(super) fn settings(&self) -> Vec<Named> {
        let session = |agent: &str, is_this| SessionRow {
            id: self.t("s1"),
            created_at: ago(90_000),
            last_seen_at: ago(30),
            ip: self.t("192.0.2.17"),
            user_agent: self.t(agent),
            is_this,
        };
        let token = |name: &str, revoked| TokenRow {
            id: self.t("x1"),
            name: self.t(name),
            last4: self.t("8dGi"),
            role: self.t("admin"),
            created_at: ago(9 * 86_400),
            expires_at: ago(-81 * 86_400),
            last_used_at: Some(ago(4_000)),
            revoked,
            expired: false,
        };
        vec![
            page(
                "settings",
                &SettingsPage {
                    shell: self.noticed(
                        Nav::Settings,
                        NoticeKind::Warning,
                        "The time zone changes open windows.",
                    ),
                    tenant: settings::TenantForm {
                        name: self.field("Nordlicht Robotics"),
                        time_zone: self.wrong("Europe/Berln", "There is no such time zone."),
                    },
                    etag: self.t("4"),
                    time_zones: vec![self.t("Europe/Berlin"), self.t("UTC")],
                    password: PasswordForm {
                        has_password: true,
                        current_error: self.some("That is not your password."),
                        new_error: None,
                    },
                    sessions: vec![
                        session("Firefox on Linux", true),
                        session("Safari on iPhone", false),
                    ],
                    tokens: vec![token("deploy-pipeline", false), token("old-pipeline", true)],
                    token: TokenForm {
                        name: self.field(""),
                        role: self.field("admin"),
                        expires: self.wrong("2020-01-01", "Choose a day to come."),
                    },
                    roles: self.roles(),
                    once: self.t("once"),
                    created: Some(CreatedToken {
                        name: self.t("deploy-pipeline"),
                        secret: self.t("tgm_4fJt0y2mB6Xw9sLr1QeHcVnUaKpZ8dGi"),
                    }),
                },
            ),
            page(
                "token-revoke",
                &RevokeTokenPage {
                    shell: self.shell(Nav::Settings),
                    token: token("deploy-pipeline", false),
                    typed: Field::default(),
                },
            ),
        ]
    }
}
