//! Lists as CSV.

use crate::error::ApiError;
use actix_web::HttpResponse;

/// How many rows a file has at most.
pub const ROWS_MAX: i64 = 10_000;

/// A table as a file to keep: RFC 4180, in UTF-8.
pub fn file(
    name: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<HttpResponse, ApiError> {
    let mut body = line(header.iter().copied());
    for row in rows {
        body.push_str(&line(row.iter().map(String::as_str)));
    }
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}.csv\"")))
        .body(body))
}

fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let cells: Vec<_> = cells.map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// A spreadsheet computes what begins like a formula, so such a text gets an apostrophe before it. Numbers do not.
fn cell(text: &str) -> String {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_needed_and_never_formulas() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1),", "\"'@SUM(A1),\""),
            ("-0.50", "-0.50"),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
