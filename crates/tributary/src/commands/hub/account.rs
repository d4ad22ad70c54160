//! `hub account`: who signs in to the review pages.

use crate::ui::Table;
use anyhow::{Context, Result, bail};
use hub::accounts::{self, Role};
use hub::context::Hub;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an account; its password is asked for, or read from standard input
    Add {
        /// What they sign in with: lower-case letters, digits, dots and hyphens; it stands in the audit
        name: String,
        /// A reviewer looks at images and decides; an approver may also approve rules that somebody else proposed
        #[arg(long, value_parser = ["reviewer", "approver"])]
        role: String,
    },
    /// List the accounts
    List,
    /// Let nobody sign in with an account any more; who is signed in is signed out
    ///
    /// An account is never deleted: decisions name it.
    Disable {
        /// The account
        name: String,
    },
    /// Give an account another password; who is signed in is signed out
    Password {
        /// The account
        name: String,
    },
}

pub(super) async fn run(hub: &Hub, command: &Command, actor: &str) -> Result<ExitCode> {
    match command {
        Command::Add { name, role } => {
            let role = Role::parse(role).context("no such role")?;
            accounts::add(hub, name, role, &password()?, actor).await?;
            println!("{name} may sign in as {}", role.as_str());
        }
        Command::List => {
            let mut table = Table::new(&["account", "role", "made", ""]);
            for account in hub.store.accounts().await? {
                let state = account.disabled.map(|at| format!("disabled {}", at.date())).unwrap_or_default();
                table.row([account.name, account.role, account.made.date().to_string(), state]);
            }
            print!("{table}");
        }
        Command::Disable { name } => {
            accounts::disable(hub, name, actor).await?;
            println!("nobody signs in as {name} any more");
        }
        Command::Password { name } => {
            accounts::set_password(hub, name, &password()?, actor).await?;
            println!("{name} has another password");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asked for twice on a terminal; else one line of standard input. Never an argument: others could read it there.
fn password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ")?;
        if first != rpassword::prompt_password("The same again: ")? {
            bail!("the two are not the same");
        }
        return Ok(first);
    }
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).context("standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
