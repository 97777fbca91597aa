//! What is asked about a budget: from the form to the domain and back.

use crate::{
    console::{Form, Visit, mistakes::Mistakes},
    domain::{api_keys, budgets, members, providers, teams},
    error::{ApiError, FieldError},
    ids::{ApiKeyId, MemberId, TeamId},
    store::{
        api_keys::Filter,
        budgets::{BudgetRow, Settings},
        usage::report,
    },
};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    form::{Choice, Field},
    pages::budgets::{BudgetForm, ScopeChoices},
};

/// How many choices a select offers.
const CHOICES_MAX: i64 = 1_000;

/// The fields as they were typed.
pub fn typed(form: &Form) -> BudgetForm {
    BudgetForm {
        name: form.field("name"),
        limit: form.field("limit"),
        window: form.field("window"),
        team: form.field("team"),
        member: form.field("member"),
        api_key: form.field("api_key"),
        provider: form.field("provider"),
        models: form.field("models"),
        on_exceed: form.field("on_exceed"),
        on_outage: form.field("on_outage"),
        alert_at: form.field("alert_at"),
        mode: form.field("mode"),
        error: None,
    }
}

/// The fields of a budget as it is.
pub fn of(budget: &BudgetRow) -> BudgetForm {
    let percents: Vec<_> = budget.alert_at.iter().map(i16::to_string).collect();
    BudgetForm {
        name: Field::new(&budget.name),
        limit: Field::new(NanoUsd::new(budget.limit_nano_usd).to_string()),
        window: Field::new(&budget.time_window),
        team: Field::new(budget.team_id.map_or(String::new(), |id| TeamId(id).to_string())),
        member: Field::new(budget.member_id.map_or(String::new(), |id| MemberId(id).to_string())),
        api_key: Field::new(budget.api_key_id.map_or(String::new(), |id| ApiKeyId(id).to_string())),
        provider: Field::new(budget.provider.clone().unwrap_or_default()),
        models: Field::new(
            budget.models.as_ref().map_or(String::new(), |models| models.join("\n")),
        ),
        on_exceed: Field::new(&budget.on_exceed),
        on_outage: Field::new(budget.on_outage.clone().unwrap_or_default()),
        alert_at: Field::new(percents.join(", ")),
        mode: Field::new(&budget.mode),
        error: None,
    }
}

/// The fields with the mistakes of an error at them; other errors go on.
pub fn with_mistakes(mut fields: BudgetForm, error: ApiError) -> Result<BudgetForm, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    for (pointer, label, field) in [
        ("/name", "Name", &mut fields.name),
        ("/limit", "Limit in USD", &mut fields.limit),
        ("/window", "Window", &mut fields.window),
        ("/team", "Team", &mut fields.team),
        ("/member", "Member", &mut fields.member),
        ("/api_key", "API key", &mut fields.api_key),
        ("/provider", "Provider", &mut fields.provider),
        ("/models", "Models", &mut fields.models),
        ("/on_exceed", "When a request does not fit", &mut fields.on_exceed),
        ("/on_outage", "When counters are out of reach", &mut fields.on_outage),
        ("/alert_at", "Alert at percent", &mut fields.alert_at),
        ("/mode", "Mode", &mut fields.mode),
    ] {
        mistakes.at(pointer, label, field);
    }
    fields.error = mistakes.rest();
    Ok(fields)
}

/// What the form asks for, or all mistakes at once.
pub fn settings(form: &Form) -> Result<Settings, ApiError> {
    let mut errors = Vec::new();
    let limit: Result<NanoUsd, _> =
        form.get("limit").trim_start_matches('$').replace(',', "").parse();
    let limit_nano_usd = limit.map(NanoUsd::as_nanos).unwrap_or_else(|error| {
        errors.push(FieldError::new("/limit", error.to_string()));
        1
    });
    let alert_at = percents(form.get("alert_at")).unwrap_or_else(|message| {
        errors.push(FieldError::new("/alert_at", message));
        Vec::new()
    });
    let optional = |name: &str| Some(form.get(name).to_owned()).filter(|text| !text.is_empty());
    let settings = Settings {
        name: form.get("name").to_owned(),
        limit_nano_usd,
        time_window: form.get("window").to_owned(),
        team: kept(form.parsed("team", "one of the list"), &mut errors),
        member: kept(form.parsed("member", "one of the list"), &mut errors),
        api_key: kept(form.parsed("api_key", "one of the list"), &mut errors),
        provider: optional("provider"),
        models: Some(form.lines("models")).filter(|models| !models.is_empty()),
        on_exceed: form.get("on_exceed").to_owned(),
        on_outage: optional("on_outage"),
        alert_at,
        mode: form.get("mode").to_owned(),
    };
    if let Err(ApiError::Invalid(found)) = budgets::check(settings.clone()) {
        errors.extend(found);
    }
    if errors.is_empty() { Ok(settings) } else { Err(ApiError::Invalid(errors)) }
}

fn kept<T>(parsed: Result<Option<T>, FieldError>, errors: &mut Vec<FieldError>) -> Option<T> {
    parsed.unwrap_or_else(|error| {
        errors.push(error);
        None
    })
}

/// Percentages as people write them: `50, 80 %, 100`.
fn percents(text: &str) -> Result<Vec<i16>, &'static str> {
    let parts = text.split([',', ';', ' ', '\n']).map(|part| part.trim().trim_end_matches('%'));
    let numbers = parts.filter(|part| !part.is_empty()).map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .map_err(|_| "must be whole percentages with commas between, as in 50, 80, 100")
}

/// What the selects of the scope offer. What is chosen is among it even if it is gone, so that saving does not widen
/// the scope unseen.
pub async fn choices<P>(visit: &Visit<P>, form: &BudgetForm) -> Result<ScopeChoices, ApiError> {
    let (state, actor) = (&visit.state, &visit.actor);
    let filter = Filter { limit: CHOICES_MAX, ..Filter::default() };
    let teams = teams::list(state, actor, None, CHOICES_MAX).await?;
    let members = members::list(state, actor, None, CHOICES_MAX).await?;
    let keys = api_keys::list(state, actor, filter).await?;
    let providers = providers::list(state, actor).await?;
    let members = members.into_iter().filter(|member| !member.invited);
    let mut scope = ScopeChoices {
        teams: teams
            .into_iter()
            .map(|row| Choice::new(TeamId(row.id).to_string(), row.name))
            .collect(),
        members: members.map(|row| Choice::new(MemberId(row.id).to_string(), row.email)).collect(),
        api_keys: keys
            .into_iter()
            .map(|row| Choice::new(ApiKeyId(row.id).to_string(), row.name))
            .collect(),
        providers: providers
            .into_iter()
            .map(|row| Choice::new(row.name.clone(), row.name))
            .collect(),
    };
    let chosen = [&form.team.value, &form.member.value, &form.api_key.value].map(String::as_str);
    let mut tx = state.db.tenant(actor.tenant).await?;
    let names = report::names(&mut tx, chosen.into_iter()).await?;
    let all = [&mut scope.teams, &mut scope.members, &mut scope.api_keys];
    for (choices, id) in all.into_iter().zip(chosen) {
        choices.sort_by_key(|choice| choice.label.to_lowercase());
        if let Some(name) = names.get(id) {
            keep_chosen(choices, id, name);
        }
    }
    if !form.provider.value.is_empty() {
        keep_chosen(&mut scope.providers, &form.provider.value, &form.provider.value);
    }
    Ok(scope)
}

fn keep_chosen(choices: &mut Vec<Choice>, value: &str, name: &str) {
    if !choices.iter().any(|choice| choice.value == value) {
        choices.push(Choice::new(value, format!("{name} (gone)")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_read_as_people_write_them() {
        for (text, expected) in [
            ("50, 80, 100", vec![50, 80, 100]),
            ("50 80", vec![50, 80]),
            ("90%;95%", vec![90, 95]),
            ("", vec![]),
            ("-1", vec![-1]),
        ] {
            assert_eq!(percents(text), Ok(expected), "{text}");
        }
        for wrong in ["half", "99.5", "50-80"] {
            assert!(percents(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_chosen_stays_a_choice_when_it_is_gone() {
        let mut choices = vec![Choice::new("a", "A")];
        keep_chosen(&mut choices, "a", "A");
        keep_chosen(&mut choices, "b", "B");
        assert_eq!(choices, [Choice::new("a", "A"), Choice::new("b", "B (gone)")]);
    }

    #[test]
    fn all_mistakes_are_told_at_their_fields() {
        let error = settings(&Form::default()).unwrap_err();
        let fields = with_mistakes(BudgetForm::blank(), error).unwrap();
        let wrong: Vec<_> = fields.errors().iter().map(|error| error.id).collect();
        assert_eq!(wrong, ["name", "limit", "window", "on_exceed", "mode"]);
        assert_eq!(fields.error, None);
    }
}
