//! `nvr completions`: the completions of a shell, on standard output.
//!
//! Promises: made from the command line itself, so they cannot lag behind it.
//! Leaves to others: putting them where the shell looks (packaging).

use crate::args::{Cli, CompletionsArgs};
use clap::CommandFactory;
use std::io::{self, Write};

/// Writes the completions of a shell to `out`.
///
/// # Errors
/// What `out` reports.
pub(crate) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "nvr", &mut text);
    out.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        use clap::ValueEnum;
        for shell in clap_complete::Shell::value_variants() {
            let mut out = Vec::new();
            run(&CompletionsArgs { shell: *shell }, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            for command in ["serve", "timeline", "testcam"] {
                assert!(text.contains(command), "{shell}: {command}");
            }
        }
    }
}
