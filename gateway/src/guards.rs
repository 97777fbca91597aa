//! Inspection of prompts. No byte reaches a provider that has not passed here: the upstream call takes an
//! [`Inspected`], and only this module can make one.

use crate::{
    error::GatewayError,
    formats::{facts::Request, media::Form},
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use tollgate_contract::{
    event::GuardFinding,
    guard::{Guard, GuardMode},
    world::Tenant,
};

/// A request that passed its tenant's guards.
#[derive(Debug, Clone)]
pub struct Inspected(Request);

impl Inspected {
    /// The request as it may go out.
    pub const fn request(&self) -> &Request {
        &self.0
    }
}

/// Applies the tenant's guards to every text of a request, wherever it stands. What they find is added to `findings`,
/// also where it is refused for it: 400 `content_blocked`.
pub fn inspect(
    tenant: &Tenant,
    request: Request,
    findings: &mut Vec<GuardFinding>,
) -> Result<Inspected, GatewayError> {
    let looking = tenant.guards.iter().filter(|guard| guard.mode != GuardMode::Off);
    let guards: Vec<&Guard> = looking.map(AsRef::as_ref).collect();
    if guards.is_empty() {
        return Ok(Inspected(request));
    }
    let mut found: Vec<Option<&str>> = vec![None; guards.len()];
    let whole = each_text(&request, &mut |text| {
        for (guard, found) in guards.iter().zip(&mut found) {
            *found = found.or_else(|| guard.finds(text));
        }
    });
    for (guard, found) in guards.iter().zip(found) {
        let Some(found) = found else { continue };
        findings.push(GuardFinding {
            guard: guard.name.clone(),
            found: found.to_owned(),
            blocked: guard.blocks(),
        });
    }
    if let Some(finding) = findings.iter().find(|finding| finding.blocked) {
        return Err(GatewayError::content_blocked(&finding.guard, &finding.found));
    }
    if !whole && guards.iter().any(|guard| guard.blocks()) {
        let message = "The guards of this tenant cannot look into the whole request: it is nested too deeply.";
        return Err(GatewayError::invalid("content_blocked", None, message));
    }
    Ok(Inspected(request))
}

/// Every text of a body, as an app meant it: escapes undone, names and numbers too, and what stands twice both times.
/// Files of forms are not looked into. False if there is something that cannot be looked into.
fn each_text(request: &Request, see: &mut dyn FnMut(&str)) -> bool {
    if !request.api.is_multipart() {
        let mut json = serde_json::Deserializer::from_slice(&request.body);
        return Texts(see).deserialize(&mut json).is_ok();
    }
    let Ok(form) = Form::read(request.head.content_type.as_deref(), &request.body) else {
        return false;
    };
    for field in form.fields.iter().filter(|field| field.file_name.is_none()) {
        let value = request.body.get(field.value.clone()).unwrap_or_default();
        see(&String::from_utf8_lossy(value));
    }
    true
}

/// Walks JSON and shows every text in it.
struct Texts<'s>(&'s mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.0)(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        (self.0)(&number.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        (self.0)(&number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        (self.0)(&number.to_string());
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Texts(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Texts(&mut *self.0))?.is_some() {
            map.next_value_seed(Texts(&mut *self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{facts::Api, understand::understand};
    use std::sync::Arc;
    use tollgate_contract::guard::{GuardAction, pattern};

    fn tenant(action: GuardAction, mode: GuardMode) -> Tenant {
        let patterns = vec![("case_no".to_owned(), pattern("CASE-[0-9]{6}").unwrap())];
        let guard = Guard { name: "pii".to_owned(), patterns, action, mode };
        let world = crate::world::fixture::world(&[crate::world::fixture::Feed::new("ten_a")]);
        let tenant = Arc::unwrap_or_clone(world.tenants["ten_a"].clone());
        Tenant { guards: vec![Arc::new(guard)], ..tenant }
    }

    fn inspected(tenant: &Tenant, body: &str) -> (Option<String>, Vec<GuardFinding>) {
        let request = understand(Api::Chat, Default::default(), body.to_owned().into()).unwrap();
        let mut findings = Vec::new();
        let error = inspect(tenant, request, &mut findings).err();
        (error.map(|error| error.code.to_string()), findings)
    }

    #[test]
    fn what_a_guard_finds_is_refused_however_it_is_written_and_wherever_it_stands() {
        let blocking = tenant(GuardAction::Block, GuardMode::Enforce);
        let tool = r#""tools":[{"type":"function","function":{"name":"f","description":"as in CASE-123456"}}]"#;
        for body in [
            r#"{"model":"m","messages":[{"role":"user","content":"see CASE-123456"}]}"#.to_owned(),
            r#"{"model":"m","messages":[{"role":"user","content":"see \u0043ASE\u002d123456"}]}"#.to_owned(),
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"CASE-123456"}]}]}"#.to_owned(),
            r#"{"model":"m","messages":[{"role":"user","content":"x","name":"CASE-123456","name":"y"}]}"#.to_owned(),
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{tool}}}"#),
        ] {
            let (error, findings) = inspected(&blocking, &body);
            assert_eq!(error.as_deref(), Some("content_blocked"), "{body}");
            assert_eq!((findings[0].found.as_str(), findings[0].blocked), ("case_no", true));
        }
        let good = r#"{"model":"m","messages":[{"role":"user","content":"see CASE-12345"}]}"#;
        assert_eq!(inspected(&blocking, good), (None, vec![]));
    }

    #[test]
    fn a_guard_that_only_looks_says_what_it_found_and_one_that_is_off_nothing() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"see CASE-123456"}]}"#;
        for (action, mode, found) in [
            (GuardAction::Log, GuardMode::Enforce, 1),
            (GuardAction::Block, GuardMode::Shadow, 1),
            (GuardAction::Block, GuardMode::Off, 0),
        ] {
            let (error, findings) = inspected(&tenant(action, mode), body);
            assert_eq!((error, findings.len()), (None, found), "{action:?} {mode:?}");
        }
    }
}
