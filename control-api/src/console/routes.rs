//! What is where in the console, and which permission it takes: one table, from which the addresses are mounted and the
//! tests of every address are generated.

use super::{
    api_keys, audit, budgets, health, members, operator, overview, pages, providers, requests,
    routing, settings, sign_in,
};
use crate::access::Permission;
use actix_web::{guard, middleware::from_fn, web};

/// An address of the console.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The address; parameters in braces.
    pub path: &'static str,
    /// What the visitor must be allowed; `None`: everybody, signed in or not.
    pub permission: Option<Permission>,
}

macro_rules! console {
    ($($method:ident $path:literal $permission:tt => $handler:path;)*) => {
        /// Every address of the console.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            permission: console!(@permission $permission),
        }),*];

        fn mount(config: &mut web::ServiceConfig) {
            $(config.route($path, console!(@method $method).to($handler));)*
        }
    };
    (@permission public) => { None };
    (@permission $permission:ident) => { Some(Permission::$permission) };
    (@method GET) => { web::get() };
    (@method POST) => { web::post() };
}

console! {
    GET "/static/{name}" public => pages::static_file;
    GET "/" public => overview::home;
    GET "/sign-in" public => sign_in::sign_in_page;
    POST "/sign-in" public => sign_in::sign_in;
    GET "/sign-in/link" public => sign_in::link_page;
    POST "/sign-in/link" public => sign_in::use_link;
    GET "/set-password" public => sign_in::set_password_page;
    POST "/set-password" public => sign_in::set_first_password;
    POST "/console/sign-out" public => sign_in::sign_out;
    POST "/console/theme" SeeSelf => sign_in::choose_theme;
    POST "/console/tenant" SeeSelf => sign_in::choose_tenant;
    GET "/console" See => overview::overview;
    GET "/console/requests" See => requests::list;
    GET "/console/requests/{id}" See => requests::one;
    GET "/console/audit" SeeAudit => audit::list;
    GET "/console/members" See => members::list;
    POST "/console/members/invite" ManageMembers => members::invite;
    POST "/console/members/{id}/role" ManageMembers => members::set_role;
    GET "/console/members/{id}/remove" ManageMembers => members::ask_to_remove;
    POST "/console/members/{id}/remove" ManageMembers => members::remove;
    POST "/console/invitations/{id}/cancel" ManageMembers => members::cancel_invitation;
    POST "/console/teams" ManageMembers => members::create_team;
    GET "/console/settings" SeeSelf => settings::settings;
    POST "/console/settings" ManageTenant => settings::change_tenant;
    POST "/console/settings/password" SeeSelf => settings::change_password;
    POST "/console/sessions/end-others" SeeSelf => settings::end_other_sessions;
    POST "/console/sessions/{id}/end" SeeSelf => settings::end_session;
    POST "/console/management-tokens" ManageTenant => settings::create_token;
    GET "/console/management-tokens/{id}/revoke" ManageTenant => settings::ask_to_revoke;
    POST "/console/management-tokens/{id}/revoke" ManageTenant => settings::revoke_token;
    GET "/console/api-keys" See => api_keys::list::list;
    GET "/console/api-keys/new" UseKeys => api_keys::create::ask;
    POST "/console/api-keys" UseKeys => api_keys::create::create;
    GET "/console/api-keys/{id}" See => api_keys::edit::show;
    POST "/console/api-keys/{id}" UseKeys => api_keys::edit::change;
    POST "/console/api-keys/{id}/rotate" UseKeys => api_keys::edit::rotate;
    GET "/console/api-keys/{id}/first-request" See => api_keys::first_request;
    GET "/console/api-keys/{id}/revoke" UseKeys => api_keys::revoke::ask;
    POST "/console/api-keys/{id}/revoke" UseKeys => api_keys::revoke::revoke;
    GET "/console/budgets" See => budgets::list;
    GET "/console/budgets/new" ManageBudgets => budgets::ask;
    POST "/console/budgets" ManageBudgets => budgets::create;
    GET "/console/budgets/{id}" See => budgets::show;
    POST "/console/budgets/{id}" ManageBudgets => budgets::change;
    GET "/console/budgets/{id}/delete" ManageBudgets => budgets::ask_to_delete;
    POST "/console/budgets/{id}/delete" ManageBudgets => budgets::delete;
    GET "/console/routes" See => routing::list;
    GET "/console/routes/{name}" See => routing::show;
    GET "/console/providers" See => providers::list;
    GET "/console/providers/new" ManageRouting => providers::ask;
    POST "/console/providers" ManageRouting => providers::create;
    POST "/console/provider-keys/{id}/test" ManageRouting => providers::test;
    GET "/console/provider-keys/{id}/remove" ManageRouting => providers::ask_to_remove;
    POST "/console/provider-keys/{id}/remove" ManageRouting => providers::remove;
    GET "/console/health" See => health::health;
    GET "/operator/tenants" Operate => operator::tenants::list;
    POST "/operator/tenants" Operate => operator::tenants::create;
    GET "/operator/tenants/{id}/suspend" Operate => operator::tenants::ask_to_suspend;
    POST "/operator/tenants/{id}/suspend" Operate => operator::tenants::suspend;
    POST "/operator/tenants/{id}/resume" Operate => operator::tenants::resume;
    GET "/operator/nodes" Operate => operator::nodes::list;
}

/// Mounts the console.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("")
            .guard(guard::fn_guard(|context| !context.head().uri.path().starts_with("/api/")))
            .wrap(from_fn(pages::errors_as_pages))
            .configure(mount)
            .default_service(web::to(super::nothing_there)),
    );
}
