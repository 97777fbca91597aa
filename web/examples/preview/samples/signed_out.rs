//! Pages of people who are not signed in, and of what went wrong.

use super::{Named, Samples, page};
use tollgate_web::{
    layout::Nav,
    pages::{problem::*, sign_in::*},
};

impl Samples {
    pub(super) fn plain(&self) -> Vec<Named> {
        let problem = Problem {
            status: 404,
            title: self.t("There is no such page"),
            detail: self.t("The address leads nowhere, or to something of another tenant."),
            what_to_do: self.t("Check the address, or start from the overview."),
            request_id: self.some("01932f5e-8c1a-7e02-9d1c-0b6a54ce1f11"),
        };
        let link = |link| SignInLinkPage {
            theme: self.theme,
            csrf: self.t("c"),
            token: self.t("tok"),
            link,
        };
        vec![
            page(
                "sign-in",
                &SignInPage {
                    theme: self.theme,
                    csrf: self.t("c"),
                    next: self.t("/console"),
                    email: self.wrong("mira@nordlicht.example", "Write an e-mail address."),
                    error: self.some("This address and password do not belong together."),
                },
            ),
            page(
                "sign-in-link",
                &link(Link::Valid {
                    email: self.t("mira@nordlicht.example"),
                    tenant: self.some("Nordlicht Robotics"),
                }),
            ),
            page("sign-in-link-expired", &link(Link::Expired)),
            page(
                "set-password",
                &SetPasswordPage {
                    theme: self.theme,
                    csrf: self.t("c"),
                    email: self.t("mira@nordlicht.example"),
                    error: self.some("A password has 12 to 128 characters."),
                },
            ),
            page("problem", &ProblemPage { theme: self.theme, problem: problem.clone() }),
            page(
                "problem-in-shell",
                &ProblemInShellPage { shell: self.shell(Nav::Overview), problem },
            ),
        ]
    }
}
