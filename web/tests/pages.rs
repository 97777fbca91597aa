//! Promises that hold for every page.

#[path = "../examples/preview/samples/mod.rs"]
mod samples;

use samples::Samples;
use std::{fs, path::Path};
use tollgate_web::layout::Theme;

const HOSTILE: &str = "<svg/onload=alert(1)>{{7*7}}\"'`";

#[test]
fn no_text_becomes_markup() {
    for (name, html) in (Samples { hostile: Some(HOSTILE), theme: Theme::Dark }).pages() {
        // The one page without any text of its own.
        let is_fixed = name == "sign-in-link-expired";
        assert!(is_fixed || html.contains("svg/onload"), "{name} shows the texts that it is given");
        assert!(!html.contains("<svg/onload"), "{name}: markup");
        assert!(!html.contains("{{7*7}}\""), "{name}: a quote would end an attribute");
        assert!(!html.contains(">49"), "{name}: a text was evaluated");
    }
}

#[test]
fn no_page_needs_what_the_content_security_policy_forbids() {
    for (name, html) in (Samples { hostile: None, theme: Theme::Auto }).pages() {
        for forbidden in
            [" style=", " onclick=", " onload=", "javascript:", "<style", "hx-on", "hx-vals=\"js:"]
        {
            assert!(!html.contains(forbidden), "{name}: {forbidden}");
        }
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/static/"), "{name}: an inline script");
        }
    }
}

#[test]
fn every_form_that_posts_carries_the_csrf_token() {
    for (name, html) in (Samples { hostile: None, theme: Theme::Auto }).pages() {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let posts = form.split('>').next().unwrap_or_default().contains("method=\"post\"");
            assert!(!posts || form.contains("name=\"csrf\""), "{name}: {form}");
        }
    }
}

#[test]
fn ids_are_unique_and_what_refers_to_them_finds_them() {
    for (name, html) in (Samples { hostile: None, theme: Theme::Auto }).pages() {
        let values = |attribute: &str| -> Vec<String> {
            let start = format!(" {attribute}=\"");
            let parts = html.split(start.as_str()).skip(1);
            parts.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
        };
        let ids = values("id");
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{name}: two elements are {id}");
        }
        if !html.starts_with("<!doctype") {
            continue;
        }
        for attribute in ["for", "aria-describedby", "aria-labelledby", "list"] {
            for value in values(attribute) {
                for id in value.split(' ') {
                    assert!(ids.iter().any(|known| known == id), "{name}: {attribute}={id}");
                }
            }
        }
    }
}

#[test]
fn templates_leave_escaping_on_and_contain_no_style_or_script() {
    let mut seen = 0;
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut |path, text| {
        seen += 1;
        for forbidden in ["|safe", "| safe", "escape(\"none\")", "style=", "onclick", "<style"] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", path.display());
        }
        for script in text.split("<script").skip(1) {
            assert!(script.starts_with(" src="), "{}: an inline script", path.display());
        }
    });
    assert!(seen > 20, "the templates were found");
}

fn visit(directory: &Path, check: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            visit(&path, check);
        } else {
            check(&path, &fs::read_to_string(&path).expect("templates are text"));
        }
    }
}
