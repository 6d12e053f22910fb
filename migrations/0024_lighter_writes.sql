-- What every task instance costs when it is made and when it ends.

-- These two only served the removal of runs. The primary key of `xcoms` and the unique constraint of `task_instances` begin with the
-- run, which alone is a key of `dag_runs`, and serve that too.
DROP INDEX task_instances_tenant_run;
DROP INDEX xcoms_tenant_run;

-- Their instance is in `task_instances`, whose run has the tenant as part of its foreign key. Checking the tenant again locked its
-- row, the same for all, in each of the transactions that record results at the same time.
ALTER TABLE tries DROP CONSTRAINT tries_tenant_id_fkey;
ALTER TABLE log_index DROP CONSTRAINT log_index_tenant_id_fkey;

-- Until a table has been analyzed for the first time, all indexes that begin with a tenant look equally good to the planner for a row
-- of that tenant, and it takes the one that was made last; a foreign key that is checked so reads all runs of the tenant for each task
-- instance. The key that runs are found by is therefore made last. A test holds this.
ALTER TABLE artifacts DROP CONSTRAINT artifacts_tenant_id_run_key_fkey;
ALTER TABLE callbacks DROP CONSTRAINT callbacks_tenant_id_run_key_fkey;
ALTER TABLE deadlines DROP CONSTRAINT deadlines_tenant_id_run_key_fkey;
ALTER TABLE run_asset_events DROP CONSTRAINT run_asset_events_tenant_id_run_key_fkey;
ALTER TABLE task_instances DROP CONSTRAINT task_instances_tenant_id_run_key_fkey;
ALTER TABLE xcoms DROP CONSTRAINT xcoms_tenant_id_run_key_fkey;
ALTER TABLE dag_runs DROP CONSTRAINT dag_runs_tenant_id_run_key_key;
ALTER TABLE dag_runs ADD UNIQUE (run_key, tenant_id);
ALTER TABLE artifacts ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
ALTER TABLE callbacks ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
ALTER TABLE deadlines ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
ALTER TABLE run_asset_events ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
ALTER TABLE task_instances ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
ALTER TABLE xcoms ADD FOREIGN KEY (tenant_id, run_key) REFERENCES dag_runs (tenant_id, run_key) ON DELETE CASCADE;
