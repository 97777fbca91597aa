//! `tollgate-control`.

use clap::Parser as _;
use control_api::{commands, settings::Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    // One provider for all of TLS, chosen before anything can ask for it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    commands::run(Cli::parse().command)
}
