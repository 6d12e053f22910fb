use super::session::Session;
use crate::failure::{Exit, Failure};
use crate::output::Table;
use crate::output::style::{Tone, paint};
use cofferdam_client::api::{DeepHealth, HealthStatus};

/// Asks the server how it is. Fails when it is not well.
pub async fn run(session: &Session, deep: bool) -> Result<(), Failure> {
    let client = session.anonymous()?;
    let status = if deep {
        let health = client.health_deep().await.map_err(|error| session.failure(error))?;
        session.output.print(&health, table)?;
        health.status
    } else {
        let health = client.health_ready().await.map_err(|error| session.failure(error))?;
        session.output.say(&health, |health| format!("{} is {}.", session.url(), word(health.status)))?;
        health.status
    };
    match status {
        HealthStatus::Healthy | HealthStatus::Degraded => Ok(()),
        HealthStatus::Unhealthy => Err(Failure::new(Exit::Failed, "the server is not well").at(session.url())),
    }
}

fn word(status: HealthStatus) -> String {
    match status {
        HealthStatus::Healthy => paint(Tone::Good, "healthy"),
        HealthStatus::Degraded => paint(Tone::Warn, "degraded"),
        HealthStatus::Unhealthy => paint(Tone::Bad, "unhealthy"),
    }
}

fn table(health: &DeepHealth) -> Table {
    let mut table = Table::new(&["part", "status", "latency", "detail"], "");
    table.row(["all".to_owned(), word(health.status), String::new(), format!("version {}", health.version)]);
    for (name, part) in &health.checks {
        table.row([
            name.clone(),
            word(part.status),
            format!("{:.1} ms", part.latency_ms),
            part.detail.clone().unwrap_or_default(),
        ]);
    }
    for worker in &health.workers {
        let status = if worker.draining { paint(Tone::Warn, "draining") } else { word(HealthStatus::Healthy) };
        let queues: Vec<&str> = worker.queues.iter().map(|queue| queue.as_str()).collect();
        let detail = format!("{} of {} sandboxes busy; queues {}", worker.busy, worker.slots, queues.join(", "));
        table.row([format!("worker {}", worker.name), status, String::new(), detail]);
    }
    table
}
