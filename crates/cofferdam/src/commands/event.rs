use super::session::Session;
use crate::cli::EventCommand;
use crate::failure::Failure;

/// Sends events.
pub async fn run(session: &Session, command: EventCommand) -> Result<(), Failure> {
    let EventCommand::Send { name } = command;
    let sent = session.client().await?.send_event(&name).await.map_err(|error| session.failure(error))?;
    session.output.say(&sent, |sent| match sent.woken {
        0 => format!("Nobody waits for '{name}'."),
        1 => format!("One task waited for '{name}' and goes on."),
        woken => format!("{woken} tasks waited for '{name}' and go on."),
    })
}
