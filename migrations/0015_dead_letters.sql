-- Dead letters: task instances that came to nothing, and messages of the queue that no worker could read.

CREATE TABLE dead_letters (
    letter_id     uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind IN ('task', 'message')),
    state         text NOT NULL CHECK (state IN ('open', 'resolved', 'discarded')),
    -- Whose it is, by names, which outlive the run; and the instance, as long as there is one.
    dag_id        text NOT NULL CHECK (length(dag_id) BETWEEN 1 AND 250),
    dag_run_id    text NOT NULL CHECK (length(dag_run_id) BETWEEN 1 AND 250),
    task_id       text NOT NULL CHECK (length(task_id) BETWEEN 1 AND 250),
    map_index     integer NOT NULL DEFAULT -1 CHECK (map_index >= -1),
    logical_date  timestamptz NOT NULL,
    instance_id   uuid REFERENCES task_instances ON DELETE SET NULL,
    -- The last try, why it failed, and what it said.
    try_number    integer NOT NULL CHECK (try_number >= 1),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 64),
    message       text CHECK (length(message) <= 16384),
    -- Every try up to then, as rows of `tries`; and what the last was given, as in `rendered_inputs`.
    history       jsonb NOT NULL CHECK (jsonb_typeof(history) = 'array'),
    rendered      text CHECK (length(rendered) <= 32768),
    -- Of a message: the queue it came from, its first bytes, and how many it had.
    queue         text CHECK (length(queue) <= 120),
    body          bytea CHECK (length(body) <= 16384),
    body_bytes    bigint CHECK (body_bytes >= 0),
    -- How often it came here while it was open, the first time, and the last.
    times         integer NOT NULL DEFAULT 1 CHECK (times >= 1),
    first_at      timestamptz NOT NULL,
    at            timestamptz NOT NULL,
    -- When its task was last run again, and how often.
    retried_at    timestamptz,
    retries       integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
    -- When it was resolved or discarded, how or by whom, and a remark.
    closed_at     timestamptz,
    resolution    text CHECK (resolution IN ('succeeded', 'skipped', 'marked_success', 'marked_skipped')),
    discarded_by  text CHECK (length(discarded_by) <= 200),
    note          text CHECK (length(note) <= 4000),
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((state = 'resolved') = (resolution IS NOT NULL)),
    CHECK ((state = 'discarded') = (discarded_by IS NOT NULL)),
    CHECK ((retried_at IS NULL) = (retries = 0)),
    CHECK ((body IS NULL) = (body_bytes IS NULL))
);
-- One open letter of a kind for each instance, whoever writes it.
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (instance_id, kind) WHERE state = 'open';
CREATE INDEX dead_letters_instance ON dead_letters (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX dead_letters_listed ON dead_letters (tenant_id, at DESC, letter_id DESC);
CREATE INDEX dead_letters_listed_open ON dead_letters (tenant_id, at DESC, letter_id DESC) WHERE state = 'open';
CREATE INDEX dead_letters_closed ON dead_letters (closed_at) WHERE closed_at IS NOT NULL;

SELECT cofferdam_secure('dead_letters'::regclass);
