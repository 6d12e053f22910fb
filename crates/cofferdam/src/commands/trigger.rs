use super::follow;
use super::session::Session;
use crate::cli::TriggerArgs;
use crate::document::Document;
use crate::failure::Failure;
use cofferdam_client::api::TriggerDagRun;
use serde_json::{Map, Value};
use std::path::Path;

/// Starts a run by hand and, when asked, waits for its end.
pub async fn trigger(session: &Session, args: TriggerArgs) -> Result<(), Failure> {
    let conf = args.conf.as_deref().map(conf).transpose()?;
    let client = session.client().await?;
    let request = TriggerDagRun {
        dag_run_id: args.run_id,
        logical_date: args.logical_date,
        data_interval_start: args.data_interval_start,
        data_interval_end: args.data_interval_end,
        conf,
        note: args.note,
    };
    let run =
        client.trigger(&args.dag_id, &request, args.idempotency_key.as_deref()).await.map_err(|error| session.failure(error))?;
    if !args.wait {
        return session.output.say(&run, |run| format!("{} of {} is {}.", run.dag_run_id, run.dag_id, run.state));
    }
    if !session.output.json {
        session.output.note(&format!("Triggered {} of {}.", run.dag_run_id, run.dag_id));
    }
    follow::watch(session, &client, &run.dag_id, &run.dag_run_id, args.timeout).await
}

/// A JSON object, or `@` and the name of a file that has one.
pub fn conf(text: &str) -> Result<Map<String, Value>, Failure> {
    let document = match text.strip_prefix('@') {
        Some(file) => Document::read(Path::new(file))?,
        None => {
            let value = serde_json::from_str(text);
            let value = value.map_err(|error| Failure::usage("--conf is not JSON").at(text).because(&error))?;
            return object(value);
        }
    };
    object(document.value)
}

fn object(value: Value) -> Result<Map<String, Value>, Failure> {
    match value {
        Value::Object(conf) => Ok(conf),
        other => Err(Failure::usage("--conf must be a JSON object")
            .at(other.to_string())
            .remedy("as in --conf '{\"city\": \"Oslo\"}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn conf_is_an_object_given_or_in_a_file() {
        assert_eq!(conf(r#"{"a": 1}"#).unwrap()["a"], 1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf.yaml");
        std::fs::write(&path, "a: 2\n").unwrap();
        assert_eq!(conf(&format!("@{}", path.display())).unwrap()["a"], 2);
        assert_eq!(conf("[1]").unwrap_err().exit, Exit::Usage);
        assert_eq!(conf("{").unwrap_err().exit, Exit::Usage);
        assert_eq!(conf("@/nowhere").unwrap_err().exit, Exit::NotFound);
    }
}
