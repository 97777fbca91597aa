//! Forms as browsers send them.

use crate::{
    api::body,
    error::{ApiError, FieldError},
};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::{future::Future, pin::Pin};
use tollgate_web::form::Field;

/// The fields of a form, at most 1 MiB of them.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A field, without the white space around it; empty if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// A field as it was sent: passwords keep their white space.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Whether a box was ticked.
    pub fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// The lines of a field that are not empty.
    pub fn lines(&self, name: &str) -> Vec<String> {
        self.get(name)
            .split(['\n', ','])
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The field for the page that is shown again.
    pub fn field(&self, name: &str) -> Field {
        Field::new(self.get(name))
    }

    /// An optional identifier or number. What cannot be read is a mistake at `/name`.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, FieldError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|_| FieldError::new(format!("/{name}"), format!("must be {what}")))
    }
}

impl FromRequest for Form {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut payload = payload.take();
        Box::pin(async move {
            let bytes = body::read(&mut payload).await?;
            let pairs = serde_urlencoded::from_bytes(&bytes);
            pairs
                .map(Self)
                .map_err(|_| ApiError::Malformed(FieldError::new("", "The form cannot be read.")))
        })
    }
}
