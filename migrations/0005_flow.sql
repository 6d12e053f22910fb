-- Runs that a task made, time limits of runs, and what holds task instances back.

-- The task instance that made a run (`run_dag`), the try that did, and whether it waits for the run. When it waits no more, the run
-- is cancelled.
ALTER TABLE dag_runs
    ADD COLUMN parent_instance_id uuid REFERENCES task_instances ON DELETE SET NULL,
    ADD COLUMN parent_try         integer CHECK (parent_try >= 1),
    ADD COLUMN parent_waits       boolean NOT NULL DEFAULT false,
    -- How many runs stand above it: each made by a task of the one before.
    ADD COLUMN depth              integer NOT NULL DEFAULT 0 CHECK (depth >= 0),
    -- How long it may take once it runs; and whether that was why it was cancelled.
    ADD COLUMN timeout_ms         bigint CHECK (timeout_ms > 0),
    ADD COLUMN timed_out          boolean NOT NULL DEFAULT false;
CREATE INDEX dag_runs_parent ON dag_runs (parent_instance_id) WHERE parent_instance_id IS NOT NULL;
CREATE INDEX dag_runs_awaited ON dag_runs (run_key) WHERE parent_waits AND state IN ('queued', 'running');
CREATE INDEX dag_runs_bounded ON dag_runs (started_at) WHERE timeout_ms IS NOT NULL AND state = 'running';

-- What an instance must pass before it is queued, set when its trigger rule is satisfied: the room of its dag, of its task and of its
-- key, each the name of a gate, and the name under which it waits for the run before. Instances with the same gate count together.
ALTER TABLE task_instances
    ADD COLUMN gate_dag      text CHECK (length(gate_dag) <= 600),
    ADD COLUMN gate_task     text CHECK (length(gate_task) <= 600),
    ADD COLUMN gate_key      text CHECK (length(gate_key) <= 600),
    ADD COLUMN gate_past     text CHECK (length(gate_past) <= 600),
    ADD COLUMN gate_priority integer NOT NULL DEFAULT 0;
-- Each serves the count of those that passed, and the search for the next that waits.
CREATE INDEX task_instances_gate_dag ON task_instances (gate_dag, (state = 'scheduled'), gate_priority DESC, queued_at)
    WHERE gate_dag IS NOT NULL AND state IN ('scheduled', 'queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting');
CREATE INDEX task_instances_gate_task ON task_instances (gate_task, (state = 'scheduled'), gate_priority DESC, queued_at)
    WHERE gate_task IS NOT NULL AND state IN ('scheduled', 'queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting');
CREATE INDEX task_instances_gate_key ON task_instances (gate_key, (state = 'scheduled'), gate_priority DESC, queued_at)
    WHERE gate_key IS NOT NULL AND state IN ('scheduled', 'queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting');
CREATE INDEX task_instances_gate_past ON task_instances (gate_past) WHERE gate_past IS NOT NULL AND state = 'scheduled';
