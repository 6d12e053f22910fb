//! Arguments of the commands that look after small things of a tenant: variables, connections, events, API keys.

use super::OrderedPageArgs;
use clap::{Args, Subcommand, ValueEnum};

/// What can be done with variables.
#[derive(Debug, Subcommand)]
pub enum VariableCommand {
    /// List variables
    List {
        #[command(flatten)]
        page: OrderedPageArgs,
    },
    /// Print the value of a variable
    Get {
        /// The variable
        key: cofferdam_ids::VariableKey,
    },
    /// Make a variable, or give it another value
    Set {
        /// The variable
        key: cofferdam_ids::VariableKey,
        /// Its value; - reads it from standard input, which keeps it out of the shell's history
        value: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Shows the value to tasks only
        #[arg(long)]
        secret: bool,
    },
    /// Delete a variable
    Delete {
        /// The variable
        key: cofferdam_ids::VariableKey,
    },
}

/// What can be done with pools.
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// List pools, with what is taken of them
    List {
        #[command(flatten)]
        page: OrderedPageArgs,
    },
    /// Show a pool, with what is taken of it
    Get {
        /// The pool
        name: cofferdam_ids::PoolName,
    },
    /// Make a pool, or give it another number of slots
    Set {
        /// The pool
        name: cofferdam_ids::PoolName,
        /// How many slots it has
        slots: u32,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Whether tasks that wait for an event keep their slots
        #[arg(long, value_name = "BOOL")]
        include_deferred: Option<bool>,
    },
    /// Delete a pool that nobody uses
    Delete {
        /// The pool
        name: cofferdam_ids::PoolName,
    },
}

/// What can be done with connections.
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// List connections
    List {
        #[command(flatten)]
        page: OrderedPageArgs,
    },
    /// Show a connection, without its password
    Get {
        /// The connection
        connection_id: cofferdam_ids::ConnectionId,
    },
    /// Add a connection
    Add(Box<ConnectionAddArgs>),
    /// Delete a connection
    Delete {
        /// The connection
        connection_id: cofferdam_ids::ConnectionId,
    },
}

/// Arguments of `connection add`.
#[derive(Debug, Args)]
pub struct ConnectionAddArgs {
    /// The connection
    pub connection_id: cofferdam_ids::ConnectionId,
    /// What it leads to, such as http or postgres
    #[arg(long = "type", value_name = "TYPE", default_value = "http")]
    pub conn_type: String,
    /// The host; secrets are sent to no other
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// The port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// The name to sign in with
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
    /// Reads the password or token from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The schema
    #[arg(long, value_name = "SCHEMA")]
    pub schema: Option<String>,
    /// Everything else: a JSON object, or @FILE
    #[arg(long, value_name = "JSON")]
    pub extra: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Send an event: the tasks that wait for it go on
    Send {
        /// Its name
        name: String,
    },
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an API key; it is shown this once
    Create {
        /// A name, to tell it from others
        name: String,
        /// What it may do at the most [default: what you may]
        #[arg(long, value_enum)]
        role: Option<RoleName>,
        /// When it stops working
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// List API keys
    List,
    /// Take an API key back
    Revoke {
        /// The id of the key
        api_key_id: cofferdam_ids::ApiKeyId,
    },
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Read
    Viewer,
    /// Trigger, cancel, pause
    Operator,
    /// Upload components and apply dags
    Editor,
    /// Manage users and keys
    Admin,
}
