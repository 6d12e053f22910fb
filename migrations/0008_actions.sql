-- What people do to runs and tasks: notes on task instances, pools that count deferred tasks, numbers for the audit log.

ALTER TABLE task_instances ADD COLUMN note text CHECK (length(note) <= 4000);

-- Whether tasks that wait for an event keep their slots of the pool.
ALTER TABLE pools ADD COLUMN include_deferred boolean NOT NULL DEFAULT false;

-- Airflow's clients know entries of the log by a number.
ALTER TABLE audit_log ADD COLUMN event_log_id bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX audit_log_number ON audit_log (event_log_id);
