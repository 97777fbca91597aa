//! Writes every page with sample content into a directory, to look at them without a server:
//! `cargo run -p tollgate-web --example preview -- /tmp/preview`, then serve that directory.

mod samples;

use samples::Samples;
use std::{fs, path::Path};
use tollgate_web::{assets, layout::Theme};

fn main() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "preview".to_owned());
    let directory = Path::new(&directory);
    for theme in Theme::ALL {
        let pages = Samples { hostile: None, theme }.pages();
        let links: String =
            pages.iter().map(|(name, _)| format!("<li><a href={name}.html>{name}</a>")).collect();
        fs::create_dir_all(directory.join(theme.name()))?;
        fs::write(
            directory.join(theme.name()).join("index.html"),
            format!("<!doctype html><ul>{links}</ul>"),
        )?;
        for (name, html) in pages {
            fs::write(directory.join(theme.name()).join(format!("{name}.html")), html)?;
        }
    }
    fs::create_dir_all(directory.join("static"))?;
    for asset in assets::all() {
        fs::write(directory.join(asset.path.trim_start_matches('/')), asset.bytes)?;
    }
    Ok(())
}
