//! The corpora of the fuzz targets, as plain tests: every input that was ever found interesting runs each time.

#[path = "../fuzz/drive.rs"]
mod drive;

use std::{fs, path::Path};

fn run(target: &str, drive: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut ran = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is there") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a readable input");
        drive(&bytes);
        ran += 1;
    }
    assert!(ran > 10, "the corpus of {target} has {ran} inputs");
}

#[test]
fn streams() {
    run("streams", drive::streams);
}

#[test]
fn frames() {
    run("frames", drive::frames);
}

#[test]
fn bodies() {
    run("bodies", drive::bodies);
}

#[test]
fn answers() {
    run("answers", drive::answers);
}

#[test]
fn config() {
    run("config", drive::config);
}
