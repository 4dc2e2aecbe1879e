//! The fake cameras as a program of their own, without the recorder: `cargo run --example testcam -- --help`.
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: nvr_testcam::TestcamArgs,
}

fn main() -> Result<(), nvr_testcam::TestcamError> {
    Cli::parse().args.run(&mut std::io::stdout())
}
