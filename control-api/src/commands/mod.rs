//! Subcommands: what each does for the person at the terminal.

pub mod audit;
pub mod document;
pub mod ledger;
pub mod migrate;
pub mod prices;
pub mod records;
pub mod serve;

use crate::{
    keys,
    settings::{
        AuditCommand, Command, Kek, LedgerCommand, NodeCommand, OperatorCommand, PricesCommand,
        TenantCommand, TokenCommand,
    },
    store::Db,
};
use std::{future::Future, process::ExitCode};

/// What went wrong and what to do, one line each.
pub type Mistakes = Vec<String>;

/// Runs a subcommand: 0 if it did what was asked, 1 if it found a difference, 2 if it could not run.
pub fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Serve(settings) => serve::run(settings).map(|()| true),
        Command::Migrate(settings) => block_on(migrate::run(settings)),
        Command::Kek(Kek::New { file }) => {
            keys::new_key_file(&file).map(|()| true).map_err(|error| vec![error.to_string()])
        }
        Command::Tenant(TenantCommand::Add { name, owner, time_zone, if_missing, database }) => {
            block_on(records::add_tenant(database, name, owner, time_zone, if_missing))
        }
        Command::Operator(OperatorCommand::Link { email, public_url, database }) => {
            block_on(records::operator_link(database, email, public_url))
        }
        Command::Token(TokenCommand::New { tenant, name, role, days, database }) => {
            block_on(records::new_token(database, tenant, name, role, days))
        }
        Command::Node(NodeCommand::Add { name, if_missing, database, kek }) => {
            block_on(records::add_node(database, kek, name, if_missing))
        }
        Command::Ledger(LedgerCommand::Verify { database, redis_url, wait }) => {
            block_on(async move {
                ledger::verify(&database, &redis_url, wait).await.map_err(|message| vec![message])
            })
        }
        Command::Prices(PricesCommand::Import(settings)) => block_on(prices::import(settings)),
        Command::Prices(PricesCommand::List { kind, model, database }) => {
            block_on(prices::list(database, kind, model))
        }
        Command::Prices(PricesCommand::Show { kind, model, database }) => {
            block_on(prices::show(database, kind, model))
        }
        Command::Audit(AuditCommand::Verify { database }) => block_on(audit::verify(database)),
        Command::Validate(file) => document::validate(&file.file).map(|_| true),
        Command::Apply(settings) => block_on(document::apply(settings)),
        Command::Export(remote) => block_on(document::export(remote)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(mistakes) => {
            for mistake in mistakes {
                complain(&mistake);
            }
            ExitCode::from(2)
        }
    }
}

fn block_on(work: impl Future<Output = Result<bool, Mistakes>>) -> Result<bool, Mistakes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| vec![format!("the runtime cannot start: {error}")])?;
    runtime.block_on(work)
}

/// The database of a subcommand.
pub(crate) fn open(database: &crate::settings::Database) -> Result<Db, Mistakes> {
    let (app, system) = database.options().map_err(|error| vec![error.to_string()])?;
    Ok(Db::new(app, system, 2))
}

/// To the person at the terminal, not to the log.
pub(crate) fn say(text: &str) {
    #[expect(clippy::print_stdout, reason = "this is the command's output")]
    {
        println!("{text}");
    }
}

fn complain(text: &str) {
    #[expect(clippy::print_stderr, reason = "this is the command's output")]
    {
        eprintln!("tollgate-control: {text}");
    }
}
