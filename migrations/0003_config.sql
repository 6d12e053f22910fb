-- Variables, connections, checkpoints and artifacts: what tasks read of their tenant, keep for themselves, and leave behind.

-- The values are sealed (`crates/domain/src/seal.rs`): tenant, kind, name and field are authenticated with them, so a sealed
-- value opens in its own row only. `key_id` repeats the name of the key, for the command that seals everything anew.
CREATE TABLE variables (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 250),
    sealed      bytea NOT NULL CHECK (length(sealed) <= 131072),
    key_id      text NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
    -- Whether only tasks are shown the value.
    secret      boolean NOT NULL DEFAULT false,
    description text CHECK (length(description) <= 4000),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX variables_key_id ON variables (key_id, tenant_id, key);

CREATE TABLE connections (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id text NOT NULL CHECK (length(connection_id) BETWEEN 1 AND 250),
    conn_type     text NOT NULL CHECK (length(conn_type) BETWEEN 1 AND 500),
    description   text CHECK (length(description) <= 4000),
    host          text CHECK (length(host) <= 500),
    port          integer CHECK (port BETWEEN 0 AND 65535),
    login         text CHECK (length(login) <= 500),
    schema        text CHECK (length(schema) <= 500),
    -- A JSON object of `password` and `extra`.
    sealed        bytea NOT NULL CHECK (length(sealed) <= 131072),
    key_id        text NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
    has_password  boolean NOT NULL,
    has_extra     boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, connection_id)
);
CREATE INDEX connections_key_id ON connections (key_id, tenant_id, connection_id);

-- What a task instance keeps for its own next try. Written by the try that holds the lease, removed with the transition to
-- an end that needs it no more.
CREATE TABLE checkpoints (
    instance_id uuid PRIMARY KEY REFERENCES task_instances ON DELETE CASCADE,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    -- The lease that wrote it; a lower one is refused.
    lease_token bigint NOT NULL,
    data        bytea CHECK (length(data) <= 1048576),
    -- When it is large, the name of the object that holds it.
    object      text CHECK (length(object) <= 1024),
    size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),
    updated_at  timestamptz NOT NULL,
    CHECK ((data IS NULL) <> (object IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX checkpoints_tenant ON checkpoints (tenant_id);

CREATE TABLE artifacts (
    tenant_id    uuid NOT NULL,
    run_key      uuid NOT NULL,
    task_id      text NOT NULL CHECK (length(task_id) BETWEEN 1 AND 250),
    map_index    integer NOT NULL DEFAULT -1,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 250),
    content_type text NOT NULL CHECK (length(content_type) BETWEEN 1 AND 120),
    size_bytes   bigint NOT NULL CHECK (size_bytes >= 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- The name of the object that holds the bytes.
    object       text NOT NULL CHECK (length(object) BETWEEN 1 AND 1024),
    -- The try that wrote it.
    try_number   integer NOT NULL CHECK (try_number >= 1),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (run_key, task_id, map_index, name),
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE
);
CREATE INDEX artifacts_tenant_run ON artifacts (tenant_id, run_key);

-- Who waits for an event.
CREATE INDEX task_instances_deferred ON task_instances (tenant_id, deferred_event) WHERE deferred_event IS NOT NULL;

SELECT cofferdam_secure(t::regclass)
FROM unnest(ARRAY['variables', 'connections', 'checkpoints', 'artifacts']) AS t;
