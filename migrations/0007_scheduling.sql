-- Schedules of several parts, intervals that were left out, and backfills.

-- A list of schedules is kept as JSON.
ALTER TABLE dags DROP CONSTRAINT dags_schedule_check;
ALTER TABLE dags ADD CONSTRAINT dags_schedule_check CHECK (length(schedule) <= 70000);
-- The logical date of the last interval that `overlap: skip` left out: it is not made up for.
ALTER TABLE dags ADD COLUMN skipped_until timestamptz;

-- Runs of intervals that have passed, made a few at a time.
CREATE TABLE backfills (
    backfill_id     uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    dag_key         uuid NOT NULL,
    -- The intervals that begin from the one date up to the other, both included.
    from_date       timestamptz NOT NULL,
    to_date         timestamptz NOT NULL,
    run_backwards   boolean NOT NULL,
    reprocess       text NOT NULL CHECK (reprocess IN ('none', 'failed', 'completed')),
    max_active_runs integer NOT NULL CHECK (max_active_runs BETWEEN 1 AND 1000),
    conf            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(conf) = 'object'),
    state           text NOT NULL CHECK (state IN ('running', 'paused', 'completed', 'cancelled')),
    total           integer NOT NULL CHECK (total BETWEEN 1 AND 10000),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    created_by      uuid REFERENCES users ON DELETE SET NULL,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE,
    UNIQUE (tenant_id, backfill_id),
    CHECK (from_date <= to_date),
    CHECK ((state IN ('completed', 'cancelled')) = (ended_at IS NOT NULL))
);
CREATE INDEX backfills_dag ON backfills (tenant_id, dag_key, backfill_id DESC);
CREATE INDEX backfills_running ON backfills (backfill_id) WHERE state = 'running';
CREATE INDEX backfills_created_by ON backfills (created_by) WHERE created_by IS NOT NULL;

-- One row for each interval of a backfill, in the order in which they are run.
CREATE TABLE backfill_intervals (
    backfill_id    uuid NOT NULL,
    position       integer NOT NULL CHECK (position >= 0),
    tenant_id      uuid NOT NULL,
    interval_start timestamptz NOT NULL,
    interval_end   timestamptz NOT NULL,
    -- Null until its turn has come; then whether a run was made, or left out since there was one.
    outcome        text CHECK (outcome IN ('made', 'left_out')),
    run_key        uuid REFERENCES dag_runs ON DELETE SET NULL,
    PRIMARY KEY (backfill_id, position),
    FOREIGN KEY (tenant_id, backfill_id) REFERENCES backfills (tenant_id, backfill_id) ON DELETE CASCADE,
    CHECK (interval_start <= interval_end),
    CHECK (run_key IS NULL OR outcome = 'made')
);
CREATE INDEX backfill_intervals_run ON backfill_intervals (run_key) WHERE run_key IS NOT NULL;
CREATE INDEX backfill_intervals_left ON backfill_intervals (backfill_id, position) WHERE outcome IS NULL;
CREATE INDEX backfill_intervals_tenant ON backfill_intervals (tenant_id, backfill_id);

SELECT cofferdam_secure(t::regclass) FROM unnest(ARRAY['backfills', 'backfill_intervals']) AS t;
