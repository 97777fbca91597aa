//! What forms are made of: fields that keep what was typed and say what is wrong with it.

/// An input as it was typed, with what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// What was typed; never a secret.
    pub value: String,
    /// What is wrong, as a sentence for the person.
    pub error: Option<String>,
}

impl Field {
    /// A field that holds `value` and has nothing wrong with it.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), error: None }
    }

    /// The same field with something wrong.
    #[must_use]
    pub fn with_error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

/// An option of a select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
}

impl Choice {
    /// An option that sends `value` and reads `label`.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// A line of the summary above a form: a field's error, and where the field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The `id` of the input.
    pub id: &'static str,
    /// What is wrong.
    pub text: String,
}

/// The errors of `fields`, each given with the `id` of its input.
pub(crate) fn field_errors(fields: &[(&'static str, &Field)]) -> Vec<FieldError> {
    fields
        .iter()
        .filter_map(|(id, field)| field.error.clone().map(|text| FieldError { id, text }))
        .collect()
}
