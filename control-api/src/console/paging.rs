//! Pages of a list.

use tollgate_web::list::{Pager, Query};

/// How many rows a page has.
pub const ROWS: i64 = 50;

/// Takes the surplus row away, of which one more than a page was asked for, and tells the ways to other pages.
pub fn pager<T>(
    rows: &mut Vec<T>,
    query: &Query,
    cursor: &str,
    cursor_of: impl Fn(&T) -> String,
) -> Pager {
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    Pager {
        next: rows.last().filter(|_| more).map(|row| query.after(&cursor_of(row))),
        first: Some(query.with("cursor", "")).filter(|_| !cursor.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_next_page_only_if_a_row_is_left_over() {
        let query = Query::new("/k", [("q".to_owned(), "x".to_owned())]);
        let mut rows: Vec<i64> = (0..ROWS).collect();
        let first = pager(&mut rows, &query, "", i64::to_string);
        assert_eq!((first.next, first.first), (None, None));
        rows.push(ROWS);
        let middle = pager(&mut rows, &query, "7", i64::to_string);
        assert_eq!(rows.len(), 50);
        assert_eq!(
            (middle.next.as_deref(), middle.first.as_deref()),
            (Some("/k?q=x&cursor=49"), Some("/k?q=x"))
        );
    }
}
