//! `completions` and `man`: what a shell and a reader of manuals know of this program, made from its own arguments.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Context;
use crate::arguments::{Arguments, CompletionsArguments};
use crate::exit::Exit;

/// Runs `completions`.
pub(super) fn completions(arguments: &CompletionsArguments, context: &mut Context) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut for_people(), "runledger", &mut script);
    context.output.write_all(&script)?;
    Ok(Exit::Fine)
}

/// Runs `man`: one page, in which each command has a section of its own.
pub(super) fn man(context: &mut Context) -> Result<Exit> {
    let mut command = for_people().disable_help_subcommand(true);
    command.build();
    let manual = Man::new(command.clone());
    let mut page = Vec::new();
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    manual.render_options_section(&mut page)?;
    manual.render_extra_section(&mut page)?;
    add_commands(&command, &mut page)?;
    manual.render_version_section(&mut page)?;
    context.output.write_all(&page)?;
    Ok(Exit::Fine)
}

/// The command line without what is hidden, which clap's own scripts and pages would name.
fn for_people() -> clap::Command {
    let whole = Arguments::command();
    let shown = whole.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    clap::Command::new("runledger")
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
}

/// Adds the sections of a command's own commands, and of theirs. Options of all commands stand in the first part alone.
fn add_commands(command: &clap::Command, page: &mut Vec<u8>) -> Result<()> {
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_bin_name().unwrap_or_else(|| subcommand.get_name()).to_uppercase();
        writeln!(page, ".SH \"{name}\"")?;
        let manual = Man::new(subcommand.clone().mut_args(|argument| {
            let is_of_all = argument.is_global_set() || argument.get_id() == "help";
            argument.hide(is_of_all)
        }));
        let mut section = Vec::new();
        manual.render_synopsis_section(&mut section)?;
        manual.render_description_section(&mut section)?;
        manual.render_options_section(&mut section)?;
        // Subsections of the command's section, where a page of its own would have sections; and what each part of a page
        // begins with stands at the top already.
        for line in String::from_utf8(section)?.lines() {
            match line.strip_prefix(".SH ") {
                Some(heading) => writeln!(page, ".SS {heading}")?,
                None if line.starts_with(".ie ") || line.starts_with(".el ") => {}
                None => writeln!(page, "{line}")?,
            }
        }
        add_commands(subcommand, page)?;
    }
    Ok(())
}
