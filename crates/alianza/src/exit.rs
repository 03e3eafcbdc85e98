//! How the process ends: exit codes that scripts can rely on, and the one sentence that people read.
//!
//! Invariant: a code never changes its meaning.

use std::fmt;
use std::process::ExitCode;

/// Exit codes, as `alianza --help` lists them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  error: the command failed, or a node could not start
  2  usage: the command line, a setting or a request is wrong
  3  not found: no such item, bucket or node
  4  conflict: siblings stand side by side, a plan has changed, a change is refused
  5  unavailable: no node answers, too few replicas, overload, full disk
  6  denied: a token is needed, or it does not allow this

Data goes to standard output, everything else to standard error.";

/// Why the process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    /// The command failed.
    Error = 1,
    /// The command line, a setting or a request is wrong.
    Usage = 2,
    /// There is no such item, bucket or node.
    NotFound = 3,
    /// Things are not as the command takes them to be.
    Conflict = 4,
    /// Try again, or elsewhere.
    Unavailable = 5,
    /// Show a token, or one with more scopes.
    Denied = 6,
}

/// A command did not do what it was asked to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    code: Code,
    sentence: String,
}

impl Failure {
    /// A failure with a sentence that says what to do.
    pub(crate) fn new(code: Code, sentence: impl Into<String>) -> Failure {
        Failure { code, sentence: sentence.into() }
    }

    /// The command failed.
    pub(crate) fn error(sentence: impl Into<String>) -> Failure {
        Failure::new(Code::Error, sentence)
    }

    /// The command line or a setting is wrong.
    pub(crate) fn usage(sentence: impl Into<String>) -> Failure {
        Failure::new(Code::Usage, sentence)
    }

    /// Nothing answers, or not now.
    pub(crate) fn unavailable(sentence: impl Into<String>) -> Failure {
        Failure::new(Code::Unavailable, sentence)
    }

    /// True if trying again may help.
    pub(crate) fn is_passing(&self) -> bool {
        self.code == Code::Unavailable
    }

    /// The same failure, with more of what to do.
    pub(crate) fn adding(self, more: &str) -> Failure {
        Failure { sentence: format!("{}; {more}", self.sentence.trim_end_matches('.')), ..self }
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Tells the person, and gives the code for the shell.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", failure.sentence.trim_end_matches('.'));
    ExitCode::from(failure.code as u8)
}

/// Shows help or version, or what is wrong with the command line.
pub(crate) fn of_command_line(error: &clap::Error) -> ExitCode {
    // Whoever closed the stream does not want to read it.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Code::Usage as u8 } else { 0 })
}
