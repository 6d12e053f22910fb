-- Dags, their runs, and what happened to each task. Written by `crates/store/src/execution`, read everywhere.
--
-- Two rules hold for every statement that changes a run or one of its instances:
--   * the row of the run is locked first (runs in order of their key), so changes of one run happen one after another;
--   * the WHERE names the state and the try that it expects, and the rows affected are checked.

CREATE TABLE dags (
    dag_key             uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL REFERENCES tenants,
    dag_id              text NOT NULL CHECK (length(dag_id) BETWEEN 1 AND 250),
    current_version_id  uuid NOT NULL,
    paused              boolean NOT NULL DEFAULT false,
    description         text CHECK (length(description) <= 4000),
    tags                text[] NOT NULL DEFAULT '{}',
    owners              text[] NOT NULL DEFAULT '{}',
    -- Copied from the current version, for the scheduler.
    schedule            text CHECK (length(schedule) <= 250),
    timezone            text NOT NULL DEFAULT 'UTC' CHECK (length(timezone) <= 64),
    max_active_runs     integer NOT NULL CHECK (max_active_runs BETWEEN 1 AND 100000),
    -- The next scheduled run: its data interval, and when it is due (the interval's end).
    next_interval_start timestamptz,
    next_interval_end   timestamptz,
    next_due_at         timestamptz,
    -- Counts changes, for ETag and If-Match.
    revision            bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    UNIQUE (tenant_id, dag_id),
    UNIQUE (tenant_id, dag_key),
    CHECK ((next_due_at IS NULL) = (next_interval_start IS NULL)),
    CHECK ((next_due_at IS NULL) = (next_interval_end IS NULL))
);
CREATE INDEX dags_due ON dags (next_due_at) WHERE next_due_at IS NOT NULL AND NOT paused;
CREATE INDEX dags_current_version ON dags (current_version_id);

CREATE TABLE dag_versions (
    dag_version_id  uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    dag_key         uuid NOT NULL,
    version_number  integer NOT NULL CHECK (version_number >= 1),
    -- SHA-256 of definition and plan: applying the same again makes no version.
    content_hash    text NOT NULL CHECK (length(content_hash) = 64),
    definition      jsonb NOT NULL,
    plan            jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by      uuid REFERENCES users ON DELETE SET NULL,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE,
    UNIQUE (dag_key, version_number)
);
CREATE INDEX dag_versions_dag ON dag_versions (tenant_id, dag_key);
CREATE INDEX dag_versions_created_by ON dag_versions (created_by);
ALTER TABLE dags ADD CONSTRAINT dags_current_version_fkey
    FOREIGN KEY (current_version_id) REFERENCES dag_versions DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE pools (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    slots       integer NOT NULL CHECK (slots BETWEEN 0 AND 1000000),
    description text CHECK (length(description) <= 1000),
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE dag_runs (
    run_key             uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    dag_key             uuid NOT NULL,
    dag_version_id      uuid NOT NULL REFERENCES dag_versions,
    dag_run_id          text NOT NULL CHECK (length(dag_run_id) BETWEEN 1 AND 250),
    run_type            text NOT NULL CHECK (run_type IN ('manual', 'scheduled', 'backfill', 'event')),
    state               text NOT NULL CHECK (state IN ('queued', 'running', 'success', 'failed')),
    reason              text CHECK (length(reason) <= 64),
    logical_date        timestamptz NOT NULL,
    data_interval_start timestamptz NOT NULL,
    data_interval_end   timestamptz NOT NULL,
    conf                jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(conf) = 'object'),
    note                text CHECK (length(note) <= 4000),
    -- Instances that are not finished. The run ends when it reaches nought.
    unfinished          integer NOT NULL CHECK (unfinished >= 0),
    cancel_requested_at timestamptz,
    queued_at           timestamptz NOT NULL,
    started_at          timestamptz,
    ended_at            timestamptz,
    triggered_by        uuid REFERENCES users ON DELETE SET NULL,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE,
    UNIQUE (dag_key, dag_run_id),
    UNIQUE (tenant_id, run_key),
    CHECK ((state IN ('success', 'failed')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'running' OR started_at IS NOT NULL),
    CHECK (data_interval_start <= data_interval_end)
) WITH (fillfactor = 70);
-- One scheduled run for each interval, whoever inserts it.
CREATE UNIQUE INDEX dag_runs_scheduled ON dag_runs (dag_key, logical_date) WHERE run_type = 'scheduled';
CREATE INDEX dag_runs_active ON dag_runs (dag_key, queued_at) WHERE state IN ('queued', 'running');
CREATE INDEX dag_runs_of_dag ON dag_runs (tenant_id, dag_key, logical_date DESC);
CREATE INDEX dag_runs_version ON dag_runs (dag_version_id);
CREATE INDEX dag_runs_triggered_by ON dag_runs (triggered_by) WHERE triggered_by IS NOT NULL;

CREATE TABLE task_instances (
    instance_id              uuid PRIMARY KEY,
    tenant_id                uuid NOT NULL,
    run_key                  uuid NOT NULL,
    task_index               integer NOT NULL CHECK (task_index >= 0),
    map_index                integer NOT NULL DEFAULT -1 CHECK (map_index >= -1),
    task_id                  text NOT NULL CHECK (length(task_id) BETWEEN 1 AND 250),
    state                    text NOT NULL CHECK (state IN ('none', 'scheduled', 'queued', 'running', 'success', 'failed',
                                 'up_for_retry', 'up_for_reschedule', 'deferred', 'upstream_failed', 'skipped', 'removed', 'restarting')),
    reason                   text CHECK (length(reason) <= 64),
    -- The current try, from 1; nought before the first.
    try_number               integer NOT NULL DEFAULT 0 CHECK (try_number >= 0),
    -- Tries begun before it was last cleared: they do not count against the retry policy.
    tries_before             integer NOT NULL DEFAULT 0 CHECK (tries_before >= 0),
    -- What the trigger rule looks at: how many upstream instances there are, and how those that finished ended.
    upstream_total           integer NOT NULL DEFAULT 0,
    upstream_success         integer NOT NULL DEFAULT 0,
    upstream_failed          integer NOT NULL DEFAULT 0,
    upstream_upstream_failed integer NOT NULL DEFAULT 0,
    upstream_skipped         integer NOT NULL DEFAULT 0,
    is_leaf                  boolean NOT NULL,
    -- The highest lease that wrote here; a lower one is refused.
    lease_token              bigint NOT NULL DEFAULT 0,
    worker_id                uuid,
    deferred_event           text CHECK (length(deferred_event) <= 250),
    cancel_requested_at      timestamptz,
    queued_at                timestamptz,
    started_at               timestamptz,
    ended_at                 timestamptz,
    -- Before when it must not start (a retry, a reschedule), or when a deferral ends without its event.
    due_at                   timestamptz,
    -- When a reconciler has to look at it: for a queued or running one whether the queue still holds it, for a waiting one
    -- whether its time has come. One index serves every reconciler.
    attend_at                timestamptz,
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE,
    UNIQUE (run_key, task_index, map_index),
    CHECK ((state IN ('scheduled', 'queued', 'running', 'up_for_retry', 'up_for_reschedule', 'deferred', 'restarting')) = (attend_at IS NOT NULL)),
    CHECK ((state IN ('success', 'failed', 'upstream_failed', 'skipped', 'removed')) = (ended_at IS NOT NULL)),
    CHECK (state NOT IN ('queued', 'running') OR (try_number >= 1 AND queued_at IS NOT NULL)),
    CHECK (state NOT IN ('running', 'restarting') OR (started_at IS NOT NULL AND worker_id IS NOT NULL)),
    CHECK (state NOT IN ('up_for_retry', 'up_for_reschedule', 'deferred') OR due_at IS NOT NULL),
    CHECK ((state = 'deferred') = (deferred_event IS NOT NULL)),
    CHECK (upstream_success + upstream_failed + upstream_upstream_failed + upstream_skipped <= upstream_total)
) WITH (fillfactor = 60);
CREATE INDEX task_instances_attend ON task_instances (attend_at) WHERE attend_at IS NOT NULL;
CREATE INDEX task_instances_tenant_run ON task_instances (tenant_id, run_key);

CREATE TABLE tries (
    instance_id       uuid NOT NULL REFERENCES task_instances ON DELETE CASCADE,
    try_number        integer NOT NULL CHECK (try_number >= 1),
    tenant_id         uuid NOT NULL REFERENCES tenants,
    ending            text NOT NULL CHECK (ending IN ('success', 'failure', 'skip', 'reschedule', 'defer')),
    reason            text CHECK (length(reason) <= 64),
    message           text CHECK (length(message) <= 16384),
    worker_id         uuid,
    lease_token       bigint NOT NULL,
    queued_at         timestamptz NOT NULL,
    started_at        timestamptz,
    ended_at          timestamptz NOT NULL,
    fuel              bigint NOT NULL CHECK (fuel >= 0),
    peak_memory_bytes bigint NOT NULL CHECK (peak_memory_bytes >= 0),
    wall_us           bigint NOT NULL CHECK (wall_us >= 0),
    cpu_us            bigint NOT NULL CHECK (cpu_us >= 0),
    input_bytes       bigint NOT NULL CHECK (input_bytes >= 0),
    output_bytes      bigint NOT NULL CHECK (output_bytes >= 0),
    stdio_bytes       bigint NOT NULL CHECK (stdio_bytes >= 0),
    log_bytes         bigint NOT NULL CHECK (log_bytes >= 0),
    PRIMARY KEY (instance_id, try_number),
    CHECK ((ending = 'failure') <= (reason IS NOT NULL))
);
CREATE INDEX tries_tenant ON tries (tenant_id, ended_at);

CREATE TABLE xcoms (
    tenant_id   uuid NOT NULL,
    run_key     uuid NOT NULL,
    task_id     text NOT NULL CHECK (length(task_id) BETWEEN 1 AND 250),
    map_index   integer NOT NULL DEFAULT -1,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 250),
    -- JSON, as the task wrote it; or, when it is large, the name of the object that holds it.
    value       text,
    object      text CHECK (length(object) <= 1024),
    size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (run_key, task_id, map_index, key),
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE,
    CHECK ((value IS NULL) <> (object IS NULL))
);
CREATE INDEX xcoms_tenant_run ON xcoms (tenant_id, run_key);

-- Where the log of a try lies: a range of an object that holds many.
CREATE TABLE log_index (
    instance_id  uuid NOT NULL REFERENCES task_instances ON DELETE CASCADE,
    try_number   integer NOT NULL CHECK (try_number >= 1),
    segment_id   uuid NOT NULL,
    tenant_id    uuid NOT NULL REFERENCES tenants,
    offset_bytes bigint NOT NULL CHECK (offset_bytes >= 0),
    length_bytes bigint NOT NULL CHECK (length_bytes >= 0),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (instance_id, try_number, segment_id, offset_bytes)
);
CREATE INDEX log_index_tenant ON log_index (tenant_id, created_at);

SELECT cofferdam_secure(t::regclass)
FROM unnest(ARRAY['dags', 'dag_versions', 'pools', 'dag_runs', 'task_instances', 'tries', 'xcoms', 'log_index']) AS t;
