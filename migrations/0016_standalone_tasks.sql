-- Tasks by themselves: dags of one task, made and changed as such.
ALTER TABLE dags ADD COLUMN standalone boolean NOT NULL DEFAULT false;
CREATE INDEX dags_standalone ON dags (tenant_id, dag_id) WHERE standalone;
