//! Lists come by cursor: `?limit=&after=`.

use crate::error::ApiError;
use serde::{Deserialize, Serialize};

/// `?limit=&after=`.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many at most, 1 to 200; 50 by default.
    pub limit: Option<i64>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items.
    pub data: Vec<T>,
    /// What to send as `after` for the next page; null on the last.
    pub next: Option<String>,
}

impl PageQuery {
    /// How many items.
    pub fn limit(&self) -> Result<i64, ApiError> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            _ => Err(ApiError::invalid("/limit", "must be 1 to 200")),
        }
    }

    /// The cursor, parsed.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, ApiError> {
        let wrong = |_| ApiError::invalid("/after", "must be the `next` of the page before");
        self.after.as_deref().map(str::parse).transpose().map_err(wrong)
    }
}

impl<T> Page<T> {
    /// A page from one item more than was asked for: the surplus tells that there is a next page.
    pub fn new(mut data: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| more).map(cursor);
        Self { data, next }
    }
}
