//! The query of an operation, made of two parts; a name that neither knows is a mistake.

use crate::error::{ApiError, FieldError};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Query};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};
use utoipa::IntoParams;

/// Two parts of a query.
pub struct Params<A, B>(pub A, pub B);

impl<A, B> FromRequest for Params<A, B>
where
    A: DeserializeOwned + IntoParams,
    B: DeserializeOwned + IntoParams,
{
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()))
    }
}

fn parse<A, B>(query: &str) -> Result<Params<A, B>, ApiError>
where
    A: DeserializeOwned + IntoParams,
    B: DeserializeOwned + IntoParams,
{
    fn read<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
        Ok(Query::<T>::from_query(query).map_err(|error| unreadable(&error))?.into_inner())
    }
    let known: Vec<String> = [A::into_params(|| None), B::into_params(|| None)]
        .concat()
        .into_iter()
        .map(|p| p.name)
        .collect();
    let given =
        Query::<Vec<(String, String)>>::from_query(query).map_err(|error| unreadable(&error))?;
    if let Some((name, _)) = given.iter().find(|(name, _)| !known.contains(name)) {
        let message = format!("there is no parameter {name:?}; there are: {}", known.join(", "));
        return Err(ApiError::Malformed(FieldError::new("", message)));
    }
    Ok(Params(read(query)?, read(query)?))
}

fn unreadable(error: &impl std::fmt::Display) -> ApiError {
    ApiError::Malformed(FieldError::new("", format!("The query cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, IntoParams)]
    struct A {
        one: Option<u8>,
    }

    #[derive(Debug, serde::Deserialize, IntoParams)]
    struct B {
        two: Option<String>,
    }

    #[test]
    fn each_part_takes_its_own_and_what_is_unknown_is_named() {
        let Params(a, b) = parse::<A, B>("two=x&one=3").unwrap();
        assert_eq!((a.one, b.two.as_deref()), (Some(3), Some("x")));
        let said = |query| format!("{:?}", parse::<A, B>(query).map(|_| ()).unwrap_err());
        assert!(said("three=1").contains("three"));
        assert!(said("one=x").contains("cannot be read"));
    }
}
