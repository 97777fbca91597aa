//! What is wrong with a form: from the domain's errors to the fields of a page.

use crate::error::{ApiError, FieldError};
use tollgate_web::form::Field;

/// What is told to a person whose page was overtaken by somebody else's change.
const STALE: &str = "Somebody changed it meanwhile. What you typed is kept: look at it again, and save it to replace theirs.";

/// Mistakes that a person can correct. Each is taken to its field; what is left is about the whole form.
#[derive(Debug, Default)]
pub struct Mistakes {
    errors: Vec<FieldError>,
}

impl Mistakes {
    /// The mistakes of an error, if it can be corrected in the form; other errors are no matter of the form.
    pub fn of(error: ApiError) -> Result<Self, ApiError> {
        let whole = |message: String| Ok(Self { errors: vec![FieldError::new("", message)] });
        match error {
            ApiError::Invalid(errors) => Ok(Self { errors }),
            ApiError::Malformed(error) => Ok(Self { errors: vec![error] }),
            ApiError::Conflict(message) => whole(message),
            ApiError::Stale => whole(STALE.to_owned()),
            other => Err(other),
        }
    }

    /// Takes the mistakes at `pointer` and below it to a field, which people call `label`.
    pub fn at(&mut self, pointer: &str, label: &str, field: &mut Field) {
        if let Some(text) = self.take(pointer, label) {
            field.error = Some(text);
        }
    }

    /// The mistakes at `pointer` and below it, as sentences about `label`.
    pub fn take(&mut self, pointer: &str, label: &str) -> Option<String> {
        let here = |error: &FieldError| {
            error
                .pointer
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (found, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.errors).into_iter().partition(here);
        self.errors = rest;
        let mut sentences: Vec<_> =
            found.iter().map(|error| sentence(label, &error.message)).collect();
        sentences.dedup();
        if sentences.is_empty() { None } else { Some(sentences.join(" ")) }
    }

    /// What belongs to no field.
    pub fn rest(self) -> Option<String> {
        let sentences: Vec<_> = self
            .errors
            .iter()
            .map(|error| sentence(error.pointer.trim_start_matches('/'), &error.message))
            .collect();
        if sentences.is_empty() { None } else { Some(sentences.join(" ")) }
    }
}

/// Both, or the mistakes of both.
pub fn both<A, B>(
    first: Result<A, ApiError>,
    second: Result<B, ApiError>,
) -> Result<(A, B), ApiError> {
    match (first, second) {
        (Err(ApiError::Invalid(mut errors)), Err(ApiError::Invalid(more))) => {
            errors.extend(more);
            Err(ApiError::Invalid(errors))
        }
        (first, second) => Ok((first?, second?)),
    }
}

/// `must be 1 to 5` about `Weight` as `Weight must be 1 to 5.`
fn sentence(label: &str, message: &str) -> String {
    let predicate = ["must ", "is ", "has "].iter().any(|verb| message.starts_with(verb));
    let text = match (label.is_empty(), predicate) {
        (true, _) => message.to_owned(),
        (false, true) => format!("{label} {message}"),
        (false, false) => format!("{label}: {message}"),
    };
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_go_to_their_field_and_the_rest_to_the_form() {
        let error = ApiError::Invalid(vec![
            FieldError::new("/name", "must have 1 to 64 characters"),
            FieldError::new("/models/0", "must be a glob"),
            FieldError::new("/models/3", "must be a glob"),
            FieldError::new("/models_other", "at most 3"),
            FieldError::new("", "The team does not exist."),
        ]);
        let mut mistakes = Mistakes::of(error).unwrap();
        let (mut name, mut models) = (Field::new("x"), Field::default());
        mistakes.at("/name", "Name", &mut name);
        mistakes.at("/models", "Models", &mut models);
        assert_eq!(name, Field::new("x").with_error("Name must have 1 to 64 characters."));
        assert_eq!(models.error.as_deref(), Some("Models must be a glob."));
        assert_eq!(
            mistakes.rest().as_deref(),
            Some("models_other: at most 3. The team does not exist.")
        );
    }

    #[test]
    fn what_nobody_can_correct_in_a_form_goes_on() {
        assert!(matches!(Mistakes::of(ApiError::NotFound), Err(ApiError::NotFound)));
        assert!(matches!(Mistakes::of(ApiError::Unavailable("x")), Err(ApiError::Unavailable(_))));
        assert_eq!(
            Mistakes::of(ApiError::Conflict("Taken.".to_owned())).unwrap().rest().as_deref(),
            Some("Taken.")
        );
        assert!(Mistakes::of(ApiError::Stale).unwrap().rest().unwrap().contains("meanwhile"));
    }
}
