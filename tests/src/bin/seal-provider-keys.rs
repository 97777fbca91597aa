//! `seal-provider-keys`: a sealed provider key for each line `TENANT RECORD` of its input, as
//! `TENANT,RECORD,\xENVELOPE`. For databases that are filled without the control plane, with more tenants than anybody
//! would make by hand.

use std::{
    error::Error,
    io::{self, BufRead as _, BufWriter, Write as _},
    path::PathBuf,
};

use clap::Parser;
use tollgate_contract::{
    feed::{from_hex, to_hex},
    node::PROVIDER_KEY_PURPOSE,
    sealed::{Binding, WrappingKey},
};
use zeroize::Zeroizing;

/// Seals a made-up provider key for each line `TENANT RECORD` of the input.
#[derive(Debug, Parser)]
#[command(name = "seal-provider-keys", version)]
struct Options {
    /// The file with the key-encryption key.
    kek_file: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let kek = read(&std::fs::read_to_string(Options::parse().kek_file)?)
        .ok_or("the file has no key-encryption key")?;
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (tenant, record) = line.split_once(' ').ok_or("a line is not TENANT RECORD")?;
        let binding = Binding { purpose: PROVIDER_KEY_PURPOSE, tenant, record, version: 1 };
        let secret = format!("sk-{record}");
        let envelope = kek.seal(&binding, secret.as_bytes(), &rand::random())?;
        writeln!(out, "{tenant},{record},\\x{}", to_hex(&envelope))?;
    }
    Ok(out.flush()?)
}

/// The first key of the file.
fn read(text: &str) -> Option<WrappingKey> {
    let (id, key) = text.lines().next()?.split_once(' ')?;
    let key = <[u8; 32]>::try_from(from_hex(key.trim())?).ok()?;
    Some(WrappingKey::new(id.parse().ok()?, Zeroizing::new(key)))
}
