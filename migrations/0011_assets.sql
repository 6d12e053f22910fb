-- Assets, what happens to them, and the runs that follow from that or from the end of other dags' runs.

CREATE TABLE assets (
    asset_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    uri        text NOT NULL CHECK (octet_length(uri) BETWEEN 1 AND 1500),
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, uri),
    UNIQUE (tenant_id, asset_id)
);

-- Which tasks of the current versions of dags produce which assets.
CREATE TABLE asset_producers (
    tenant_id uuid NOT NULL,
    asset_id  bigint NOT NULL,
    dag_key   uuid NOT NULL,
    task_id   text NOT NULL CHECK (length(task_id) BETWEEN 1 AND 250),
    PRIMARY KEY (dag_key, task_id, asset_id),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, asset_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE
);
CREATE INDEX asset_producers_asset ON asset_producers (tenant_id, asset_id);
CREATE INDEX asset_producers_dag ON asset_producers (tenant_id, dag_key);

-- Which conditions of the schedules of dags name which assets. Conditions are numbered by their place in the schedule.
CREATE TABLE asset_consumers (
    tenant_id uuid NOT NULL,
    asset_id  bigint NOT NULL,
    dag_key   uuid NOT NULL,
    condition integer NOT NULL CHECK (condition >= 0),
    PRIMARY KEY (dag_key, condition, asset_id),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, asset_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE
);
CREATE INDEX asset_consumers_asset ON asset_consumers (tenant_id, asset_id);
CREATE INDEX asset_consumers_dag ON asset_consumers (tenant_id, dag_key);

-- Which dags run when a run of another dag has ended.
CREATE TABLE dag_end_consumers (
    tenant_id       uuid NOT NULL,
    dag_key         uuid NOT NULL,
    upstream_dag_id text NOT NULL CHECK (length(upstream_dag_id) BETWEEN 1 AND 250),
    state           text NOT NULL CHECK (state IN ('success', 'failed', 'any')),
    PRIMARY KEY (dag_key, upstream_dag_id),
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE
);
CREATE INDEX dag_end_consumers_upstream ON dag_end_consumers (tenant_id, upstream_dag_id);
CREATE INDEX dag_end_consumers_dag ON dag_end_consumers (tenant_id, dag_key);

CREATE TABLE asset_events (
    event_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        uuid NOT NULL,
    asset_id         bigint NOT NULL,
    at               timestamptz NOT NULL,
    extra            jsonb,
    -- The task that produced it, by names, which outlive the run; all null when somebody told it over the API.
    source_dag_id    text CHECK (length(source_dag_id) <= 250),
    source_run_id    text CHECK (length(source_run_id) <= 250),
    source_task_id   text CHECK (length(source_task_id) <= 250),
    source_map_index integer NOT NULL DEFAULT -1,
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, asset_id) ON DELETE CASCADE,
    CHECK ((source_dag_id IS NULL) = (source_run_id IS NULL) AND (source_dag_id IS NULL) = (source_task_id IS NULL))
);
CREATE INDEX asset_events_asset ON asset_events (tenant_id, asset_id, event_id DESC);

-- What happened and has not made a run yet: written in the transaction in which it happened.
CREATE TABLE pending_triggers (
    pending_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    -- The dag that is to run.
    dag_key    uuid NOT NULL,
    -- For an asset: the condition that it is a part of, and what happened.
    condition  integer CHECK (condition >= 0),
    event_id   bigint REFERENCES asset_events ON DELETE CASCADE,
    -- For the end of a run: that run.
    ended_run  uuid REFERENCES dag_runs ON DELETE CASCADE,
    -- Whether a scheduler has yet to look at it. A condition that does not hold yet waits for more.
    fresh      boolean NOT NULL DEFAULT true,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE,
    CHECK ((event_id IS NULL) = (condition IS NULL)),
    CHECK ((event_id IS NULL) <> (ended_run IS NULL))
);
CREATE INDEX pending_triggers_fresh ON pending_triggers (dag_key) WHERE fresh;
CREATE INDEX pending_triggers_dag ON pending_triggers (tenant_id, dag_key);
CREATE INDEX pending_triggers_event ON pending_triggers (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX pending_triggers_run ON pending_triggers (ended_run) WHERE ended_run IS NOT NULL;

-- Which events made which runs.
CREATE TABLE run_asset_events (
    tenant_id uuid NOT NULL,
    run_key   uuid NOT NULL,
    event_id  bigint NOT NULL REFERENCES asset_events ON DELETE CASCADE,
    PRIMARY KEY (run_key, event_id),
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE
);
CREATE INDEX run_asset_events_event ON run_asset_events (event_id);
CREATE INDEX run_asset_events_run ON run_asset_events (tenant_id, run_key);

SELECT cofferdam_secure(t::regclass)
FROM unnest(ARRAY['assets', 'asset_producers', 'asset_consumers', 'dag_end_consumers', 'asset_events', 'pending_triggers',
    'run_asset_events']) AS t;
