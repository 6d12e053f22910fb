//! The names that templates know, with those of their attributes.

/// A name, and what can follow it.
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) attributes: Attributes,
}

pub(super) enum Attributes {
    /// It is a value: its attributes are those of its type.
    Value,
    /// It is a moment, or none.
    Moment,
    /// It has these.
    These(&'static [&'static str]),
    /// `params`: the dag's parameters.
    Params,
    /// `var`: variables.
    Variables,
    /// `conn`: connections.
    Connections,
}

const fn value(name: &'static str) -> Name {
    Name { name, attributes: Attributes::Value }
}

const fn moment(name: &'static str) -> Name {
    Name { name, attributes: Attributes::Moment }
}

const fn with(name: &'static str, attributes: &'static [&'static str]) -> Name {
    Name { name, attributes: Attributes::These(attributes) }
}

const INSTANCE: &[&str] = &[
    "task_id",
    "dag_id",
    "run_id",
    "try_number",
    "max_tries",
    "map_index",
    "pool",
    "queue",
    "priority_weight",
    "state",
    "xcom_pull",
];

/// Names that only the input of a callback knows.
pub(super) const OF_CALLBACKS: &[&str] = &["event", "exception", "reason", "deadline", "context"];

/// The name that only `map_index_template` knows.
pub(super) const OF_INSTANCES: &str = "input";

/// The name that only what is mapped knows.
pub(super) const OF_MAPPED: &str = "item";

pub(super) const ALL: &[Name] = &[
    value("ds"),
    value("ds_nodash"),
    value("ts"),
    value("ts_nodash"),
    value("ts_nodash_with_tz"),
    moment("logical_date"),
    moment("execution_date"),
    moment("data_interval_start"),
    moment("data_interval_end"),
    value("yesterday_ds"),
    value("yesterday_ds_nodash"),
    value("tomorrow_ds"),
    value("tomorrow_ds_nodash"),
    moment("prev_data_interval_start_success"),
    moment("prev_data_interval_end_success"),
    moment("prev_start_date_success"),
    moment("prev_end_date_success"),
    value("triggering_asset_events"),
    value("triggering_dataset_events"),
    value("run_id"),
    value("task_instance_key_str"),
    Name { name: "params", attributes: Attributes::Params },
    Name { name: "var", attributes: Attributes::Variables },
    Name { name: "conn", attributes: Attributes::Connections },
    with(
        "dag_run",
        &[
            "run_id",
            "dag_id",
            "run_type",
            "conf",
            "logical_date",
            "execution_date",
            "data_interval_start",
            "data_interval_end",
            "queued_at",
            "external_trigger",
            "state",
        ],
    ),
    with("ti", INSTANCE),
    with("task_instance", INSTANCE),
    with("task", &["task_id", "pool", "queue", "priority_weight", "retries"]),
    with("dag", &["dag_id", "description", "tags", "owner", "owners", "timezone"]),
    with("macros", &["ds_add", "ds_format", "datetime", "timedelta", "json"]),
    value("range"),
    value("input"),
    value("item"),
    value("event"),
    value("exception"),
    value("reason"),
    moment("deadline"),
    value("context"),
];

/// Every name that a template can begin with.
pub const NAMES: &[&str] = &{
    let mut names = [""; ALL.len()];
    let mut index = 0;
    while index < ALL.len() {
        names[index] = ALL[index].name;
        index += 1;
    }
    names
};

/// What a name of Airflow's that there is not is replaced by.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "conf" => "Airflow's configuration is not there; what a run was triggered with is dag_run.conf",
        "next_ds" | "next_ds_nodash" | "next_execution_date" => "use data_interval_end | ds",
        "prev_ds" | "prev_ds_nodash" | "prev_execution_date" => {
            "use (data_interval_start - (data_interval_end - data_interval_start)) | ds"
        }
        "inlets" | "outlets" | "inlet_events" | "outlet_events" => "what a task produces has no name in templates",
        "expanded_ti_count" => "how many instances there are is known to the API only",
        "test_mode" => "`cofferdam task test` runs a component without a dag, and so without templates",
        "dict" | "namespace" | "cycler" | "joiner" => "write {...} or use {% set %}",
        "now" => {
            "a template says the same whenever it is rendered: the current time is not there; use logical_date or data_interval_end"
        }
        _ => return None,
    })
}

/// What a moment has: parts, and methods.
pub(super) const MOMENT: &[&str] = &[
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "microsecond",
    "quarter",
    "day_of_week",
    "day_of_year",
    "week_of_year",
    "int_timestamp",
    "timezone_name",
    "add",
    "subtract",
    "replace",
    "start_of",
    "end_of",
    "strftime",
    "isoformat",
    "date",
    "weekday",
    "isoweekday",
    "timestamp",
    "in_timezone",
    "in_tz",
    "astimezone",
    "to_date_string",
    "to_datetime_string",
    "to_iso8601_string",
];

/// Fields of a connection that a template can name.
pub(super) const CONNECTION: &[&str] =
    &["conn_id", "conn_type", "description", "host", "port", "login", "password", "schema", "extra_dejson"];
