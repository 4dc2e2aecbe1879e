//! The fake cameras as a program of their own, without the recorder: `cargo run --example testcam -- --help`.
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: nvr_testcam::TestcamArgs,
}

fn main() -> ExitCode {
    match Cli::parse().args.run(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "testcam: {e}");
            ExitCode::FAILURE
        }
    }
}
