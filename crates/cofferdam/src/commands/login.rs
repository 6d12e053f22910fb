use super::session::Session;
use crate::cli::LoginArgs;
use crate::failure::{Exit, Failure};
use cofferdam_client::Credentials;
use cofferdam_client::api::LoginRequest;
use console::Term;
use serde_json::json;
use std::io::BufRead;

/// Signs in and keeps the tokens.
pub async fn login(session: &Session, args: &LoginArgs) -> Result<(), Failure> {
    let tenant = args.tenant.as_deref().map(str::parse).transpose();
    let tenant = tenant.map_err(|error: cofferdam_ids::NameError| Failure::usage(error.to_string()).at("--tenant"))?;
    let terminal = Term::stderr();
    let username = match &args.username {
        Some(username) => username.clone(),
        None if terminal.is_term() && !args.password_stdin => ask(&terminal, "User name: ", Term::read_line)?,
        None => return Err(Failure::usage("no user name was given").remedy("give --username")),
    };
    let password = if args.password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\n', '\r']).to_owned()
    } else if terminal.is_term() {
        ask(&terminal, "Password: ", Term::read_secure_line)?
    } else {
        return Err(Failure::usage("there is no terminal to ask for the password on").remedy("give --password-stdin"));
    };
    let client = session.sign_in(session.anonymous()?, &LoginRequest { tenant, username, password }).await?;
    let user = client.me().await.map_err(|error| session.failure(error))?.user;
    let user = user.ok_or_else(|| Failure::new(Exit::Server, "the server does not know the tokens that it just gave"))?;
    let file = session.credential_file()?.path().display().to_string();
    session.output.say(&json!({ "url": session.url(), "user": user, "credentials": file }), |_| {
        format!(
            "Signed in to {} as {} ({}, tenant {}).\nThe credentials are in {file}.",
            session.url(),
            user.username,
            user.role,
            user.tenant
        )
    })
}

fn ask(terminal: &Term, prompt: &str, read: impl Fn(&Term) -> std::io::Result<String>) -> Result<String, Failure> {
    terminal.write_str(prompt)?;
    Ok(read(terminal)?)
}

/// Ends the session and forgets the tokens.
pub async fn logout(session: &Session) -> Result<(), Failure> {
    let file = session.credential_file()?;
    let kept = file.get(session.url())?;
    if let Some(kept) = &kept {
        // The tokens are forgotten here even when the server cannot be told.
        let client = session.anonymous()?.with_credentials(Credentials::Tokens(kept.tokens.clone()));
        if let Err(error) = client.logout().await {
            session.output.note(&format!("The server was not told: {error}."));
        }
        file.set(session.url(), None)?;
    }
    session.output.say(&json!({ "url": session.url(), "was_signed_in": kept.is_some() }), |_| match kept.is_some() {
        true => format!("Signed out of {}.", session.url()),
        false => format!("Nobody was signed in to {}.", session.url()),
    })
}
