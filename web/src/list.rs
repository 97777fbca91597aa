//! Lists: what their address says (search, filters, sort), and the way to the next page.

/// The address of a list: a path with the filters that are set. Links to a variant of the list are made from it.
#[derive(Debug, Clone, Default)]
pub struct Query {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// The list at `path` with these parameters. Empty values, `cursor`, `format` and `fragment` are left out: they
    /// belong to one answer, not to the list.
    pub fn new(path: impl Into<String>, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let kept = |(key, value): &(String, String)| {
            !value.is_empty() && !["cursor", "format", "fragment"].contains(&key.as_str())
        };
        Self { path: path.into(), pairs: pairs.into_iter().filter(kept).collect() }
    }

    /// The path without parameters.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a parameter; empty if it is not set.
    pub fn get(&self, key: &str) -> &str {
        self.pairs.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// Whether a parameter has this value.
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == value
    }

    /// Whether anything narrows the list, apart from its order.
    pub fn is_filtered(&self) -> bool {
        self.pairs.iter().any(|(key, _)| key != "sort")
    }

    /// The address with one parameter set to another value; an empty one takes it out.
    pub fn with(&self, key: &str, value: &str) -> String {
        let others = self.pairs.iter().filter(|(name, _)| name != key);
        let mut pairs: Vec<_> =
            others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if !value.is_empty() {
            pairs.push((key, value));
        }
        let mut url = self.path.clone();
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&percent_encoded(key));
            url.push('=');
            url.push_str(&percent_encoded(value));
        }
        url
    }

    /// The address that sorts by `key`: falling first, rising at the second click. A falling order is `sort=-key`.
    pub fn sorted_by(&self, key: &str) -> String {
        let falling = format!("-{key}");
        if self.is("sort", &falling) { self.with("sort", key) } else { self.with("sort", &falling) }
    }

    /// The `aria-sort` of the column `key`.
    pub fn order(&self, key: &str) -> &'static str {
        match self.get("sort") {
            sort if sort == key => "ascending",
            sort if sort.strip_prefix('-') == Some(key) => "descending",
            _ => "none",
        }
    }

    /// The list as CSV.
    pub fn csv(&self) -> String {
        self.with("format", "csv")
    }

    /// The page that starts after `cursor`, for a [`Pager`].
    pub fn after(&self, cursor: &str) -> String {
        self.with("cursor", cursor)
    }
}

/// The ways from one page of a list to others.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// The next page, if there is one.
    pub next: Option<String>,
    /// The first page, unless this is it.
    pub first: Option<String>,
}

/// Text inside a URL's path segment or query: everything but unreserved characters as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Query::new("/console/api-keys", [pair("q", "a&b"), pair("status", ""), pair("cursor", "9")])
    }

    #[test]
    fn links_keep_the_filters_and_start_at_the_first_page() {
        assert_eq!(query().with("status", "active"), "/console/api-keys?q=a%26b&status=active");
        assert_eq!(query().with("q", ""), "/console/api-keys");
        assert_eq!(query().csv(), "/console/api-keys?q=a%26b&format=csv");
        assert!(query().is_filtered());
    }

    #[test]
    fn a_column_sorts_falling_then_rising() {
        let pairs = |sort: &str| [("sort".to_owned(), sort.to_owned())];
        let falling = Query::new("/k", pairs("-spend"));
        assert_eq!(query().order("spend"), "none");
        assert_eq!(Query::new("/k", []).sorted_by("spend"), "/k?sort=-spend");
        assert_eq!(falling.order("spend"), "descending");
        assert_eq!(falling.sorted_by("spend"), "/k?sort=spend");
        assert_eq!(Query::new("/k", pairs("spend")).order("spend"), "ascending");
    }
}
