//! `/console/members`: members, invitations and teams.

use super::{Post, Visit, clock::shown, mistakes::Mistakes, page, page_with_mistakes};
use crate::{
    access::{Permission, Role, permission::of},
    domain::{
        members::{self, Invited},
        sign_in::INVITATION,
        teams,
    },
    error::ApiError,
    ids::{MemberId, TeamId},
    store::{
        api_keys::{self, Filter},
        members::MemberRow as Stored,
    },
};
use actix_web::{HttpResponse, web};
use std::collections::HashMap;
use tollgate_web::{
    form::{Choice, Field},
    layout::{Nav, Notice, NoticeKind},
    list::percent_encoded,
    pages::members::{
        InvitationLink, InvitationRow, InviteForm, MemberRow, MembersPage, RemoveMemberPage,
        TeamRow,
    },
};

/// Members and teams that the page shows at most.
const LIST_MAX: i64 = 1_000;
/// API keys that are counted at most.
const KEYS_MAX: i64 = 10_000;
/// Where the list is.
const LIST: &str = "/console/members";

/// `GET /console/members`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    page(&members_page(&visit).await?)
}

async fn members_page<P>(visit: &Visit<P>) -> Result<MembersPage, ApiError> {
    let (state, actor) = (&visit.state, &visit.actor);
    let teams = teams::list(state, actor, None, LIST_MAX).await?;
    let team_names: HashMap<_, _> = teams.iter().map(|row| (row.id, row.name.clone())).collect();
    let keys = keys_of(visit, None).await?;
    let rows = members::list(state, actor, None, LIST_MAX).await?;
    let (invited, joined): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.invited);
    let team = |row: crate::store::teams::TeamRow| TeamRow {
        id: TeamId(row.id).to_string(),
        members: row.members.unsigned_abs(),
        api_keys: keys.iter().filter(|key| key.team_id == Some(row.id)).count() as u64,
        name: row.name,
    };
    Ok(MembersPage {
        members: joined.into_iter().map(|row| member_row(row, visit, &team_names)).collect(),
        invitations: invited.into_iter().map(invitation_row).collect(),
        teams: teams.into_iter().map(team).collect(),
        roles: roles(actor.role),
        invite: InviteForm { role: Field::new(Role::Member.name()), ..InviteForm::default() },
        team_name: Field::default(),
        once: Visit::<P>::once(),
        link: None,
        shell: visit.shell(Nav::Members).await?,
    })
}

/// The living API keys of the tenant, or of one of its members.
async fn keys_of<P>(
    visit: &Visit<P>,
    member: Option<MemberId>,
) -> Result<Vec<api_keys::ApiKeyRow>, ApiError> {
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let filter = Filter { member, limit: KEYS_MAX, ..Filter::default() };
    Ok(api_keys::list(&mut tx, &filter).await?)
}

/// The roles that one may give: up to one's own.
fn roles(own: Role) -> Vec<Choice> {
    let up_to_own = Role::ALL.into_iter().filter(|role| *role <= own);
    up_to_own.map(|role| Choice::new(role.name(), role.name())).collect()
}

fn member_row<P>(row: Stored, visit: &Visit<P>, teams: &HashMap<uuid::Uuid, String>) -> MemberRow {
    let is_you = visit.actor.member() == Some(MemberId(row.id));
    let within_reach = Role::from_name(&row.role).is_some_and(|role| role <= visit.actor.role);
    MemberRow {
        id: MemberId(row.id).to_string(),
        email: row.email,
        name: row.name,
        role: row.role,
        team: row.team_id.and_then(|id| teams.get(&id).cloned()),
        joined_at: shown(row.created_at),
        last_seen_at: row.last_seen_at.map(shown),
        is_you,
        // Locking oneself out takes another's hand.
        may_change: visit.actor.may(Permission::ManageMembers) && within_reach && !is_you,
    }
}

fn invitation_row(row: Stored) -> InvitationRow {
    InvitationRow {
        id: MemberId(row.id).to_string(),
        email: row.email,
        role: row.role,
        created_at: shown(row.created_at),
        ends_at: shown(row.created_at + INVITATION),
    }
}

/// `POST /console/members/invite`: the link is shown once, in the answer itself.
pub async fn invite(post: Post<of::ManageMembers>) -> Result<HttpResponse, ApiError> {
    if !post.is_first().await? {
        return Ok(post.visit.see(
            LIST,
            NoticeKind::Warning,
            "This invitation was made already. Invite again for another link.",
        ));
    }
    let invited = match try_to_invite(&post).await {
        Ok(invited) => invited,
        Err(error) => {
            post.may_repeat().await?;
            return invite_again(&post, error).await;
        }
    };
    let mut members = members_page(&post.visit).await?;
    let public_url = post.visit.state.settings.public_url.trim_end_matches('/');
    members.link = Some(InvitationLink {
        email: post.form.get("email").to_lowercase(),
        url: format!("{public_url}/sign-in/link?token={}", percent_encoded(invited.link.expose())),
        ends_at: shown(invited.ends_at),
    });
    page(&members)
}

async fn try_to_invite(post: &Post<of::ManageMembers>) -> Result<Invited, ApiError> {
    let role = role_of(post.form.get("role"), "/role")?;
    let team = post
        .form
        .parsed("team", "a team from the list")
        .map_err(|error| ApiError::Invalid(vec![error]))?;
    members::invite(&post.visit.state, &post.visit.actor, post.form.get("email"), role, team).await
}

async fn invite_again(
    post: &Post<of::ManageMembers>,
    error: ApiError,
) -> Result<HttpResponse, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    let mut members = members_page(&post.visit).await?;
    let mut form = InviteForm {
        email: post.form.field("email"),
        role: post.form.field("role"),
        team: post.form.field("team"),
    };
    mistakes.at("/email", "The address", &mut form.email);
    mistakes.at("/role", "The role", &mut form.role);
    mistakes.at("/team", "The team", &mut form.team);
    members.invite = form;
    members.shell.notice = mistakes.rest().map(|text| Notice { kind: NoticeKind::Error, text });
    page_with_mistakes(&members)
}

fn role_of(name: &str, pointer: &str) -> Result<Role, ApiError> {
    Role::from_name(name).ok_or_else(|| ApiError::invalid(pointer, "must be one from the list"))
}

/// `POST /console/invitations/{id}/cancel`.
pub async fn cancel_invitation(
    post: Post<of::ManageMembers>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    let Post { visit, .. } = post;
    // Whoever followed it meanwhile is a member, whom nobody loses by a click.
    let row = members::get(&visit.state, &visit.actor, *id).await?;
    if !row.invited {
        let text = format!("{} followed the invitation meanwhile and is a member now.", row.email);
        return Ok(visit.see(LIST, NoticeKind::Warning, &text));
    }
    members::remove(&visit.state, &visit.actor, *id).await?;
    let text = format!("The invitation for {} no longer works.", row.email);
    Ok(visit.see(LIST, NoticeKind::Success, &text))
}

/// `POST /console/members/{id}/role`.
pub async fn set_role(
    post: Post<of::ManageMembers>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let role = role_of(form.get("role"), "/role")?;
    let row = members::get(&visit.state, &visit.actor, *id).await?;
    let team = row.team_id.map(TeamId);
    match members::change(&visit.state, &visit.actor, *id, row.version, role, team).await {
        Ok(()) => {
            let text = format!("{} is {} now.", row.email, role.name());
            Ok(visit.see(LIST, NoticeKind::Success, &text))
        }
        Err(error) => not_done(&visit, error),
    }
}

/// Back to the list with what a person can do something about.
fn not_done<P>(visit: &Visit<P>, error: ApiError) -> Result<HttpResponse, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    let text = mistakes.take("/role", "The role").or_else(|| mistakes.rest()).unwrap_or_default();
    Ok(visit.see(LIST, NoticeKind::Error, &text))
}

/// `GET /console/members/{id}/remove`.
pub async fn ask_to_remove(
    visit: Visit<of::ManageMembers>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    page(&remove_page(&visit, *id, Field::default()).await?)
}

async fn remove_page(
    visit: &Visit<of::ManageMembers>,
    id: MemberId,
    typed: Field,
) -> Result<RemoveMemberPage, ApiError> {
    let row = members::get(&visit.state, &visit.actor, id).await?;
    Ok(RemoveMemberPage {
        member: member_row(row, visit, &HashMap::new()),
        api_keys: keys_of(visit, Some(id)).await?.len() as u64,
        typed,
        shell: visit.shell(Nav::Members).await?,
    })
}

/// `POST /console/members/{id}/remove`.
pub async fn remove(
    post: Post<of::ManageMembers>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let row = members::get(&visit.state, &visit.actor, *id).await?;
    if !form.get("name").eq_ignore_ascii_case(&row.email) {
        let typed = form.field("name").with_error("This is not their address.");
        return page_with_mistakes(&remove_page(&visit, *id, typed).await?);
    }
    match members::remove(&visit.state, &visit.actor, *id).await {
        Ok(()) => {
            let text =
                format!("{} is no member any more, and their API keys are revoked.", row.email);
            Ok(visit.see(LIST, NoticeKind::Success, &text))
        }
        Err(error) => not_done(&visit, error),
    }
}

/// `POST /console/teams`.
pub async fn create_team(post: Post<of::ManageMembers>) -> Result<HttpResponse, ApiError> {
    if !post.is_first().await? {
        return Ok(post.visit.see(LIST, NoticeKind::Warning, "This team was created already."));
    }
    let name = post.form.get("team_name");
    let error = match teams::create(&post.visit.state, &post.visit.actor, name).await {
        Ok(_) => {
            return Ok(post.visit.see(
                LIST,
                NoticeKind::Success,
                &format!("Team {name} was created."),
            ));
        }
        Err(error) => error,
    };
    post.may_repeat().await?;
    let mut mistakes = Mistakes::of(error)?;
    let mut members = members_page(&post.visit).await?;
    members.team_name = post.form.field("team_name");
    mistakes.at("/name", "The name", &mut members.team_name);
    if let Some(text) = mistakes.rest() {
        members.team_name.error = Some(text);
    }
    page_with_mistakes(&members)
}
