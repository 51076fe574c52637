//! The `edgevae` command.
//!
//! Exit codes: 0 done; 1 anomalies found, only with `score --exit-code`, or slower, with `bench --compare`; 2 an error, told in one message; 130 Ctrl-C.

// See `terminal`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

#[macro_use]
mod terminal;
mod args;
mod bench;
mod cli;
mod cmd;
mod latent_map;
mod report;
mod summary;
mod sweep;

use std::process::ExitCode;

use clap::Parser;
use edgevae_trainer::base::output;
use edgevae_trainer::run::checkpoint;

fn main() -> ExitCode {
    let cli = parsed();
    let handler = ctrlc::set_handler(|| {
        let none = if output::remove_unfinished() { "; no results were written" } else { "" };
        let next = checkpoint::latest().map(|path| format!("; go on with `edgevae train --resume {}`", path.display()));
        note!("interrupted{none}{}", next.unwrap_or_default());
        std::process::exit(130);
    });
    if let Err(error) = handler {
        let cause = if let ctrlc::Error::System(cause) = &error { cause as &dyn std::fmt::Display } else { &error };
        note!("warning: Ctrl-C may leave a temporary file behind, because what waits for it cannot start: {cause}");
    }
    match cli.command.run() {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note!("error: {}", message(&error));
            ExitCode::from(2)
        }
    }
}

/// The command line; where it has an error, the process ends. The standard library's words for a number that is none name
/// no expectation.
fn parsed() -> cli::Cli {
    const WORDS: [&str; 3] = [
        "invalid digit found in string",
        "cannot parse integer from empty string",
        "number too large to fit in target type",
    ];
    cli::Cli::try_parse().unwrap_or_else(|error| {
        let text = error.to_string();
        let Some(words) = WORDS.iter().find(|words| text.contains(**words)) else { error.exit() };
        note!("{}", text.replace(words, "expected a whole number, 0 or above").trim_end());
        std::process::exit(2)
    })
}

/// An error and its causes, each once: many of our messages hold their cause, because a next step follows it.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            if !text.is_empty() {
                text += ": ";
            }
            text += &cause;
        }
    }
    text
}

/// Whether the reader of our standard output went away, as `head` does: no fault, and nobody left to tell.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
