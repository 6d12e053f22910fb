-- The instances of a run are found by the unique (run_key, task_index, map_index) as well, and each index is written for each instance of
-- each run.

DROP INDEX task_instances_tenant_run;
