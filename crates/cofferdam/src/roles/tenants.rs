//! `tenant`: what binds the tenants of an installation. It works on the database, since no tenant may change it.

use super::base::connect_store;
use super::migrate::database;
use crate::cli::{TenantCommand, TenantSetArgs};
use crate::commands::limits_over;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Table};
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::context::Context;
use cofferdam_domain::limits::Limits;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::tenants::{self, Tenant, TenantRules};
use cofferdam_store::{Access, Store, StoreError};
use serde_json::{Map, Value, json};

/// Who does it, for the database and the audit log.
const OPERATOR: &str = "tenant";

/// Does what the command says.
pub async fn tenants(settings: &Settings, output: &Output, command: TenantCommand) -> Result<(), Failure> {
    let installation = settings.installation("tenant", &["database_url"])?;
    let store = connect_store(&installation.database_url, Access::System, OPERATOR, settings).await?;
    let failed = |error: StoreError| database(&error);
    let all = all(&store).await.map_err(failed)?;
    match command {
        TenantCommand::List(_) => {
            let shown: Vec<_> = all.iter().map(document).collect();
            output.print(&shown, |_| table(&all))
        }
        TenantCommand::Set(args) => {
            let Some(tenant) = all.into_iter().find(|tenant| tenant.name == args.name) else {
                return Err(Failure::new(Exit::NotFound, format!("there is no tenant '{}'", args.name)));
            };
            let tenant = changed(tenant, &args)?;
            set(&store, &tenant).await.map_err(failed)?;
            output.say(&document(&tenant), |_| {
                format!(
                    "The tenant '{}' is bound by this; tries that are queued more than five seconds later obey it.",
                    tenant.name
                )
            })
        }
    }
}

async fn all(store: &Store) -> Result<Vec<Tenant>, StoreError> {
    let mut tx = store.begin_across_tenants(OPERATOR).await?;
    tenants::list(&mut tx).await
}

fn changed(tenant: Tenant, args: &TenantSetArgs) -> Result<Tenant, Failure> {
    let before = tenant.limits.filter(|_| !args.no_limits);
    let limits = if args.limits.is_empty() {
        before
    } else {
        Some(limits_over(&args.limits, before.unwrap_or_else(Limits::hard_caps))?.tightened_by(&Limits::hard_caps()))
    };
    let private_targets = match (args.no_private_targets, args.private_targets.as_slice()) {
        (true, _) => Vec::new(),
        (false, []) => tenant.private_targets,
        (false, given) => given.to_vec(),
    };
    let max_leased = match args.max_running {
        Some(0) => None,
        Some(most) => Some(most),
        None => tenant.max_leased,
    };
    Ok(Tenant { limits, private_targets, max_leased, weight: args.weight.unwrap_or(tenant.weight), ..tenant })
}

async fn set(store: &Store, tenant: &Tenant) -> Result<(), StoreError> {
    let mut tx = store.begin(&Context::system(tenant.id, OPERATOR)).await?;
    let rules = TenantRules { limits: tenant.limits.clone(), private_targets: tenant.private_targets.clone() };
    tenants::set_policy(&mut tx, tenant.max_leased, tenant.weight, &rules).await?;
    let done = Action { action: "tenant.set", target_kind: "tenant", target: tenant.name.as_str() };
    audit::append(&mut tx, done, &document(tenant), SystemClock.now()).await?;
    tx.commit().await
}

fn document(tenant: &Tenant) -> Value {
    json!({
        "name": tenant.name,
        "display_name": tenant.display_name,
        "max_running": tenant.max_leased,
        "weight": tenant.weight,
        "limits": tighter(tenant),
        "private_targets": tenant.private_targets,
    })
}

/// The limits of a tenant that are tighter than the installation's.
fn tighter(tenant: &Tenant) -> Map<String, Value> {
    let fields =
        |limits: &Limits| serde_json::to_value(limits).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    let caps = fields(&Limits::hard_caps());
    let own = tenant.limits.as_ref().map(fields).unwrap_or_default();
    own.into_iter().filter(|(name, value)| caps.get(name) != Some(value)).collect()
}

fn table(all: &[Tenant]) -> Table {
    let mut rows = Table::new(&["tenant", "max running", "weight", "limits", "private targets"], "There are no tenants.");
    for tenant in all {
        let limits: Vec<_> = tighter(tenant).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let targets: Vec<_> = tenant.private_targets.iter().map(ToString::to_string).collect();
        rows.row([
            tenant.name.to_string(),
            tenant.max_leased.map(|most| most.to_string()).unwrap_or_default(),
            tenant.weight.to_string(),
            limits.join(" "),
            targets.join(" "),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: TenantSetArgs,
    }

    fn set(tenant: &Tenant, line: &[&str]) -> Result<Tenant, Failure> {
        let line = Line::try_parse_from([&["set", "weather"], line].concat()).unwrap();
        changed(tenant.clone(), &line.args)
    }

    #[test]
    fn what_is_not_given_stays() {
        let tenant = Tenant {
            id: cofferdam_ids::TenantId::generate(),
            name: "weather".parse().unwrap(),
            display_name: "Weather".to_owned(),
            created_at: SystemClock.now(),
            max_leased: None,
            weight: 1,
            limits: None,
            private_targets: Vec::new(),
        };
        let tight = set(&tenant, &["--limit", "memory=64MiB", "--limit", "http_calls=5", "--max-running", "7"]).unwrap();
        assert_eq!(Value::Object(tighter(&tight)), json!({ "memory_bytes": 64 << 20, "http_calls": 5 }));
        assert_eq!((tight.max_leased, tight.weight), (Some(7), 1));
        let more = set(&tight, &["--limit", "timeout=1m", "--private-target", "10.1.0.0/16", "--weight", "3"]).unwrap();
        assert_eq!(tighter(&more).keys().collect::<Vec<_>>(), ["http_calls", "memory_bytes", "wall_ms"]);
        assert_eq!((more.max_leased, more.weight, more.private_targets.len()), (Some(7), 3, 1));
        let free = set(&more, &["--no-limits", "--no-private-targets", "--max-running", "0"]).unwrap();
        assert_eq!((free.limits, free.private_targets.len(), free.max_leased), (None, 0, None));
        assert!(set(&tenant, &["--limit", "memroy=1"]).unwrap_err().what.contains("memroy"));
    }
}
