//! Every page with something on it: what `preview` shows and what the tests render.

mod api_keys;
mod budgets;
mod operator;
mod overview;
mod people;
mod requests;
mod settings;
mod signed_out;
mod traffic;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template,
    form::{Choice, Field},
    layout::{May, Nav, Notice, NoticeKind, Shell, TenantRef, Theme},
    list::{Pager, Query},
};

/// A page under the name of its file.
pub type Named = (&'static str, String);

/// Makes pages. With `hostile` set, every text on them is that one.
pub struct Samples {
    pub hostile: Option<&'static str>,
    pub theme: Theme,
}

impl Samples {
    /// Every page.
    pub fn pages(&self) -> Vec<Named> {
        let mut pages = self.plain();
        pages.extend(self.overviews());
        pages.extend(self.requests());
        pages.extend(self.api_keys());
        pages.extend(self.budgets());
        pages.extend(self.routes());
        pages.extend(self.providers());
        pages.extend(self.health());
        pages.extend(self.people());
        pages.extend(self.settings());
        pages.extend(self.operator());
        pages
    }

    fn t(&self, text: &str) -> String {
        self.hostile.unwrap_or(text).to_owned()
    }

    fn some(&self, text: &str) -> Option<String> {
        Some(self.t(text))
    }

    fn field(&self, text: &str) -> Field {
        Field::new(self.t(text))
    }

    fn wrong(&self, text: &str, error: &str) -> Field {
        self.field(text).with_error(self.t(error))
    }

    fn choices(&self, pairs: &[(&str, &str)]) -> Vec<Choice> {
        pairs.iter().map(|(value, label)| Choice::new(self.t(value), self.t(label))).collect()
    }

    fn tenants(&self) -> Vec<TenantRef> {
        [("t1", "Nordlicht Robotics"), ("t2", "Acme Research")]
            .map(|(id, name)| TenantRef { id: self.t(id), name: self.t(name) })
            .to_vec()
    }

    fn shell(&self, active: Nav) -> Shell {
        Shell {
            tenant: self.tenants().into_iter().next(),
            tenants: self.tenants(),
            person: self.t("mira.lindqvist@nordlicht.example"),
            role: self.t("owner"),
            is_operator: true,
            active,
            csrf: self.t("c5rf"),
            theme: self.theme,
            notice: None,
            may: May::ALL,
            zone: TimeZone::get("Europe/Berlin").expect("the zone database is bundled"),
            now: now(),
            here: self.t("/console"),
        }
    }

    fn noticed(&self, active: Nav, kind: NoticeKind, text: &str) -> Shell {
        Shell { notice: Some(Notice { kind, text: self.t(text) }), ..self.shell(active) }
    }

    fn query(&self, path: &str, pairs: &[(&str, &str)]) -> Query {
        Query::new(path, pairs.iter().map(|(key, value)| ((*key).to_owned(), self.t(value))))
    }

    fn pager(&self, query: &Query) -> Pager {
        Pager { next: Some(query.after(&self.t("c2"))), first: Some(query.path().to_owned()) }
    }
}

/// The moment at which the samples stand still.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_795_532_400).expect("in range")
}

fn ago(seconds: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_secs(seconds)).expect("in range")
}

fn nanos(amount: i64) -> NanoUsd {
    NanoUsd::new(amount)
}

fn usd(amount: i64) -> NanoUsd {
    NanoUsd::new(amount * 1_000_000_000)
}

fn page(name: &'static str, page: &impl Template) -> Named {
    (name, page.render().expect("pages render into memory"))
}
