//! API keys.

use super::{Named, Samples, ago, nanos, page};
use tollgate_web::{
    layout::Nav,
    list::{Pager, Query},
    pages::api_keys::*,
};

impl Samples {
    fn key(&self, name: &str, status: ApiKeyStatus) -> ApiKeyRow {
        ApiKeyRow {
            id: self.t("k1"),
            name: self.t(name),
            last4: self.t("q7Zd"),
            team: self.some("checkout"),
            member: self.some("mira@nordlicht.example"),
            created_at: ago(41 * 86_400),
            last_used_at: (status != ApiKeyStatus::Expired).then(|| ago(95)),
            spend_month: nanos(184_230_000_000),
            expires_at: (status == ApiKeyStatus::Expiring).then(|| ago(-4 * 86_400)),
            status,
        }
    }

    fn key_form(&self) -> ApiKeyForm {
        ApiKeyForm {
            name: self
                .wrong("checkout service/prod", "A name has letters, digits, dots and dashes."),
            team: self.field("t1"),
            models: self.field("smart\nopenai/*"),
            requests_per_minute: self
                .wrong("many", "Write a whole number, or nothing for no limit."),
            tokens_per_minute: self.field("200000"),
            concurrent: self.field(""),
            expires: self.field("2027-06-30"),
            budget_limit: self.field("250.00"),
            budget_window: self.field("month"),
            error: None,
        }
    }

    pub(super) fn api_keys(&self) -> Vec<Named> {
        let query = self.query("/console/api-keys", &[("sort", "-spend")]);
        let names =
            ["checkout-service", "batch-labelling", "support-bot", "mira-laptop", "old-prototype"];
        let rows = names
            .iter()
            .zip(ApiKeyStatus::ALL)
            .map(|(name, status)| self.key(name, status))
            .collect();
        let list =
            ApiKeysPage { shell: self.shell(Nav::ApiKeys), pager: self.pager(&query), query, rows };
        let empty = ApiKeysPage {
            rows: vec![],
            query: Query::new("/console/api-keys", []),
            pager: Pager::default(),
            ..list.clone()
        };
        let teams = self.choices(&[("t1", "checkout"), ("t2", "research")]);
        let usage = ApiKeyUsage {
            requests_24h: 18_204,
            errors_24h: 21,
            spend_24h: nanos(12_481_000_000),
            tokens_month: 318_204_000,
        };
        let first = FirstRequest {
            id: self.t("01932f5e"),
            at: ago(3),
            status: 200,
            model: self.t("openai/gpt-4o-mini"),
            tokens: 42,
            cost: nanos(11_204),
        };
        let secret = "tgk_4fJt0y2mB6Xw9sLr1QeHcVnUaKpZ8dGiO3q7Zd";
        let created = ApiKeyCreatedPage {
            shell: self.shell(Nav::ApiKeys),
            id: self.t("k1"),
            name: self.t("checkout-service"),
            secret: self.t(secret),
            overlap_until: None,
            snippets: snippets(
                &self.t("https://gateway.nordlicht.example"),
                &self.t(secret),
                &self.t("openai/gpt-4o-mini"),
            ),
            first_request: None,
        };
        let rotated = ApiKeyCreatedPage {
            overlap_until: Some(ago(-86_400)),
            first_request: Some(first.clone()),
            ..created.clone()
        };
        let waiting = FirstRequestPage {
            shell: self.shell(Nav::ApiKeys),
            id: self.t("k1"),
            name: self.t("checkout-service"),
            first_request: Some(FirstRequest { status: 402, ..first }),
        };
        let new = NewApiKeyPage {
            shell: self.shell(Nav::ApiKeys),
            once: self.t("once"),
            form: self.key_form(),
            teams: teams.clone(),
        };
        let blank = NewApiKeyPage { form: ApiKeyForm::blank(), ..new.clone() };
        vec![
            page("api-keys", &list),
            page("api-keys-empty", &empty),
            page("api-key-new", &blank),
            page("api-key-new-wrong", &new),
            page("api-key-created", &created),
            page("api-key-rotated", &rotated),
            page("api-key-first-request", &waiting),
            page("api-key-first-request-fragment", &waiting.as_first_request()),
            page(
                "api-key",
                &ApiKeyPage {
                    shell: self.shell(Nav::ApiKeys),
                    key: self.key("checkout-service", ApiKeyStatus::Active),
                    created_by: self.t("mira@nordlicht.example"),
                    etag: self.t("3"),
                    once: self.t("once"),
                    form: ApiKeyForm {
                        name: self.field("checkout-service"),
                        requests_per_minute: self.field("600"),
                        error: self.some(
                            "Somebody else changed this API key meanwhile. Look again, then save.",
                        ),
                        ..self.key_form()
                    },
                    teams,
                    usage: usage.clone(),
                },
            ),
            page(
                "api-key-revoke",
                &RevokeApiKeyPage {
                    shell: self.shell(Nav::ApiKeys),
                    key: self.key("checkout-service", ApiKeyStatus::Active),
                    usage,
                    typed: self.wrong("checkout", "That is not the name."),
                },
            ),
        ]
    }
}
