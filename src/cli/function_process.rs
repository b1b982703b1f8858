//! `turnpike function-process`: the keeper of one process of a function, which nodes start.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::functions::User;
use crate::functions::keeper::{self, Order};

/// Keep one process of a function.
#[derive(Args)]
pub(super) struct Arguments {
    /// MB of memory that it may have.
    #[arg(long)]
    memory: u32,
    /// MB that a file of it may have.
    #[arg(long)]
    file: u32,
    /// UID:GID that it runs as.
    #[arg(long, value_parser = User::find)]
    user: Option<User>,
    /// Where it runs.
    #[arg(long)]
    directory: PathBuf,
    /// What to run, with its arguments.
    #[arg(last = true, required = true)]
    program: Vec<String>,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    keeper::run(Order {
        memory: arguments.memory,
        file: arguments.file,
        user: arguments.user.map(|user| (user.uid, user.gid)),
        directory: arguments.directory,
        program: arguments.program,
    })
}
