//! `nvr`: the network video recorder. Reads the command line and hands it to one command.
//!
//! Promises: errors are one sentence on standard error, exit codes are 0, 1 (failed) and 2 (wrong call).
//! Leaves to others: everything else; `wiring` is the picture of the recorder.

mod access;
mod analysis;
mod answers;
mod args;
mod child;
mod commands;
mod desk;
mod door;
mod log;
mod operations;
mod rates;
mod recorder;
mod reload;
mod sayings;
mod settings;
mod status;
mod terminal;
mod wiring;

use args::{BenchCommand, Cli, Command, DeskCommand};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::from_env();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            if error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
            {
                return ExitCode::SUCCESS; // `nvr timeline | head`
            }
            terminal::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Serve => wiring::serve(&cli.config, cli.verbose),
        Command::Check(args) => commands::check::run(cli, args),
        Command::Status(args) => commands::status::run(cli, args),
        Command::Timeline(args) => commands::timeline::run(cli, args),
        Command::Export(args) => commands::export::run(cli, args),
        Command::Verify => commands::verify::run(cli),
        Command::Rebuild => commands::rebuild::run(cli),
        Command::Lock(args) => commands::lock::run(cli, args, true),
        Command::Unlock(args) => commands::lock::run(cli, args, false),
        Command::Desk(DeskCommand::Alerts(args)) => commands::alerts::run(cli, args),
        Command::Desk(DeskCommand::Counts(args)) => commands::counts::counts(cli, args),
        Command::Desk(DeskCommand::Blind(args)) => commands::counts::blind(cli, args),
        Command::Picture(args) => commands::picture::run(cli, args),
        Command::Replay(args) => commands::replay::run(cli, args),
        Command::Plugins { command } => commands::plugins::run(cli, command),
        Command::Models { command } => commands::models::run(cli, command),
        Command::Doctor(args) => commands::doctor::run(cli, args),
        Command::Bench(args) => match &args.command {
            BenchCommand::Record(args) => commands::bench::record::run(cli, args),
            BenchCommand::Analyse(args) => commands::bench::analyse::run(cli, args),
            BenchCommand::Weather(args) => commands::bench::weather::run(cli, args),
        },
        Command::Testcam(args) => commands::testcam::run(cli, args),
        Command::Completions(args) => {
            Ok(commands::completions::run(args, &mut std::io::stdout())?).map(|()| ExitCode::SUCCESS)
        }
        Command::Man => Ok(commands::man::run(&mut std::io::stdout())?).map(|()| ExitCode::SUCCESS),
    }
}
