//! `nvr man`: the manual page, on standard output.
//!
//! Promises: one page with every command, its options and examples, made from the command line itself.
//! Leaves to others: putting it where `man` looks (packaging).

use crate::args::Cli;
use clap::CommandFactory;
use std::io::{self, Write};

/// What clap does not know: sections at the end of the page.
const END: &str = "\
.SH \"EXIT STATUS\"
0 when all went well, 1 when it failed or something is wrong, 2 when the command line is.
.SH ENVIRONMENT
.TP
.B NVR_CONFIG
The configuration file, when \\-\\-config is not given.
.TP
.B NVR_LOG
What is logged, such as debug or nvr_ingest=trace.
.TP
.B LC_ALL, LC_MESSAGES, LANG
The language: French when the first that is set begins with fr, else English.
.SH FILES
.TP
.I /etc/nvr/nvr.toml
The configuration.
";

/// Writes the page in troff form to `out`.
///
/// # Errors
/// What `out` reports.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let cli = Cli::command().disable_help_subcommand(true);
    let man = clap_mangen::Man::new(cli.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_extra_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    let mut waiting = named_subcommands("nvr", &cli);
    while !waiting.is_empty() {
        let (name, command) = waiting.remove(0);
        let below = named_subcommands(&name, &command);
        writeln!(page, ".SS \"{name}\"")?;
        let man = clap_mangen::Man::new(command.disable_help_flag(true).disable_version_flag(true));
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        man.render_extra_section(&mut section)?;
        // The command's name is the headline; its parts are paragraphs.
        let section = String::from_utf8_lossy(&section).into_owned();
        let body = section.lines().map(|line| if line.starts_with(".SH") { ".PP" } else { line });
        for line in body {
            writeln!(page, "{line}")?;
        }
        waiting.splice(0..0, below);
    }
    let page = String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH EXAMPLES");
    out.write_all(page.as_bytes())?;
    out.write_all(END.as_bytes())
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
            [".TH nvr 1", "nvr serve", "nvr bench record", r"\-\-manifest", r"\-\-pacing", "NVR_CONFIG"]
        {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}
