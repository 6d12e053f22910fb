-- Callbacks of tasks and runs, which run as task instances that count for nothing, and deadlines.

-- Whether it is that of a callback: not among the tasks of its run, and without a part in how that ends.
ALTER TABLE task_instances ADD COLUMN is_callback boolean NOT NULL DEFAULT false;

-- What each was called for. Made in the transaction in which that happened.
CREATE TABLE callbacks (
    instance_id       uuid PRIMARY KEY REFERENCES task_instances ON DELETE CASCADE,
    tenant_id         uuid NOT NULL,
    run_key           uuid NOT NULL,
    -- The task to whose instance it happened; -1 when it happened to the run.
    subject_index     integer NOT NULL CHECK (subject_index >= -1),
    subject_map_index integer NOT NULL CHECK (subject_map_index >= -1),
    subject_task_id   text CHECK (length(subject_task_id) BETWEEN 1 AND 250),
    event             text NOT NULL CHECK (event IN ('on_success', 'on_failure', 'on_retry', 'on_skipped', 'deadline')),
    -- The try of the task; of a run, how often that has happened to it.
    try_number        integer NOT NULL CHECK (try_number >= 0),
    state             text NOT NULL CHECK (length(state) <= 64),
    reason            text CHECK (length(reason) <= 64),
    message           text CHECK (length(message) <= 8000),
    deadline          timestamptz,
    called_at         timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE,
    -- Nothing is called for twice.
    UNIQUE (run_key, subject_index, subject_map_index, event, try_number),
    CHECK ((subject_index = -1) = (subject_task_id IS NULL)),
    CHECK ((event = 'deadline') = (deadline IS NOT NULL))
);
CREATE INDEX callbacks_run ON callbacks (tenant_id, run_key);

-- By when runs and tasks of runs have to have ended: made with the run, removed when that has ended in time.
CREATE TABLE deadlines (
    run_key       uuid NOT NULL,
    -- The task, with all its instances; -1 for the run.
    subject_index integer NOT NULL CHECK (subject_index >= -1),
    tenant_id     uuid NOT NULL,
    task_id       text CHECK (length(task_id) BETWEEN 1 AND 250),
    counted_from  text NOT NULL CHECK (counted_from IN ('queued_at', 'started_at', 'logical_date')),
    after_ms      bigint NOT NULL CHECK (after_ms > 0),
    -- Null until the moment has come from which it is counted.
    due_at        timestamptz,
    missed_at     timestamptz,
    PRIMARY KEY (run_key, subject_index),
    FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE,
    CHECK ((subject_index = -1) = (task_id IS NULL)),
    CHECK (missed_at IS NULL OR missed_at >= due_at)
);
CREATE INDEX deadlines_run ON deadlines (tenant_id, run_key);
CREATE INDEX deadlines_due ON deadlines (due_at) WHERE due_at IS NOT NULL AND missed_at IS NULL;
CREATE INDEX deadlines_not_counted ON deadlines (run_key) WHERE due_at IS NULL;

SELECT cofferdam_secure(t::regclass) FROM unnest(ARRAY['callbacks', 'deadlines']) AS t;
