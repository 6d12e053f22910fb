-- Lists across dags and runs, with millions of task instances: pages are read from indexes.

CREATE INDEX dag_runs_latest ON dag_runs (tenant_id, logical_date DESC, run_key DESC);
CREATE INDEX dag_runs_last_ended ON dag_runs (tenant_id, ended_at DESC NULLS LAST, run_key DESC);
CREATE INDEX dag_runs_states ON dag_runs (tenant_id, dag_key, state);
-- States that few instances stay in. Those under way are found by `attend_at`; of those that succeeded there are so many that any page
-- of runs has some.
CREATE INDEX task_instances_unusual ON task_instances (tenant_id, state, run_key)
    WHERE state IN ('failed', 'upstream_failed', 'skipped', 'removed', 'up_for_retry', 'up_for_reschedule', 'deferred', 'restarting');
