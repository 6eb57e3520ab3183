//! `completions` and `man`: each names every command, and needs no ledger.

use crate::program::Sandbox;

/// The commands that `--help` lists.
pub(crate) fn commands(sandbox: &Sandbox) -> Vec<String> {
    let help = sandbox.run(["--help"]).expect(0).text();
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let command = |line: &str| {
        let is_command = line.starts_with("  ") && line.chars().nth(2).is_some_and(char::is_alphabetic);
        is_command.then(|| line.split_whitespace().next().unwrap().to_owned())
    };
    let commands: Vec<String> = listed.lines().filter_map(command).filter(|name| name != "help").collect();
    assert!(commands.len() > 10, "{help}");
    commands
}

#[test]
fn every_shell_gets_a_script_that_names_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.run(["completions", shell]).expect(0).text();
        for command in commands(&sandbox) {
            assert!(script.contains(&command), "{command} is missing for {shell}");
        }
        assert!(script.contains("correlation") && !script.contains("demo-writer"), "{shell}");
    }
    sandbox.run(["completions", "abacus"]).expect(2);
    assert!(!sandbox.ledger().exists());
}

#[test]
fn bash_takes_the_script() {
    let sandbox = Sandbox::new();
    let script = sandbox.run(["completions", "bash"]).expect(0).stdout;
    let Ok(mut shell) =
        std::process::Command::new("bash").arg("-n").stdin(std::process::Stdio::piped()).spawn()
    else {
        eprintln!("skipped: there is no bash");
        return;
    };
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), &script).unwrap();
    assert!(shell.wait().unwrap().success());
}

#[test]
fn the_manual_page_has_a_section_for_every_command_and_none_for_hidden_ones() {
    let sandbox = Sandbox::new();
    let page = sandbox.run(["man"]).expect(0).text();
    for command in commands(&sandbox) {
        assert!(page.contains(&format!(".SH \"RUNLEDGER {}\"", command.to_uppercase())), "{command}: {page}");
    }
    assert!(
        page.contains(".TH runledger 1") && page.contains("Exit codes") && !page.contains("demo\\-writer")
    );
    assert!(page.contains("\\-\\-ignore\\-case") && page.contains("RUNLEDGER INDEX REBUILD"));
    assert!(!sandbox.ledger().exists());
}

#[test]
fn the_page_of_the_program_has_a_row_for_every_command() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let table: String = page.lines().filter(|line| line.starts_with("| `")).collect();
    for command in commands(&Sandbox::new()) {
        let is_named = table.contains(&format!("`{command}`")) || table.contains(&format!("`{command} "));
        assert!(is_named, "{command}");
    }
}
