//! `nvr man`: the manual page, on standard output.
//!
//! Promises: one page with every command, its options and examples, made from the command line itself.
//! Leaves to others: putting it where `man` looks (packaging).

use crate::args::Cli;
use clap::CommandFactory;
use std::io::{self, Write};

/// Writes the page in troff form to `out`.
///
/// # Errors
/// What `out` reports.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(cli.clone()).render(&mut page)?;
    let mut todo: Vec<(String, clap::Command)> = named_subcommands("nvr", &cli);
    while !todo.is_empty() {
        let (name, command) = todo.remove(0);
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = clap_mangen::Man::new(command.clone());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_extra_section(&mut page)?;
        let below = named_subcommands(&name, &command);
        todo.splice(0..0, below);
    }
    out.write_all(&page)
}

fn named_subcommands(parent: &str, command: &clap::Command) -> Vec<(String, clap::Command)> {
    command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .map(|sub| (format!("{parent} {}", sub.get_name()), sub.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_every_command_and_option() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        for part in
            [".TH nvr 1", "NVR SERVE", "NVR BENCH RECORD", r"\-\-manifest", r"\-\-pacing", "NVR_CONFIG"]
        {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}
