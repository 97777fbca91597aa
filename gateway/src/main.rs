//! Settings → telemetry → server → drain.

use clap::Parser;
use gateway::{
    explain, run,
    settings::{Cli, Command, RouteCommand},
};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Check { config }) => run::check(&config),
        Some(Command::Route { command: RouteCommand::Explain(options) }) => {
            explain::explain(&options)
        }
        None => run::serve(cli.serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistakes) => {
            for mistake in &mistakes {
                #[expect(
                    clippy::print_stderr,
                    reason = "the log may not be up yet, and people read this"
                )]
                {
                    eprintln!("tollgate-gateway: {mistake}");
                }
            }
            ExitCode::from(2)
        }
    }
}
