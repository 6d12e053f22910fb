-- Fills a tenant with runs of the dags that it has: `rows` task instances, ten to a run. psql variables: tenant, rows.
\set ON_ERROR_STOP on
BEGIN;
CREATE TEMP TABLE filled ON COMMIT DROP AS
WITH dags AS (
    SELECT d.dag_key, d.dag_id, d.current_version_id, row_number() OVER (ORDER BY d.dag_id) - 1 AS number, count(*) OVER () AS dags
    FROM dags d WHERE d.tenant_id = :'tenant'
), runs AS (
    SELECT n, dags.* FROM generate_series(0, :rows / 10 - 1) AS n JOIN dags ON dags.number = n % dags.dags
)
SELECT gen_random_uuid() AS run_key, dag_key, current_version_id, n,
    date_trunc('minute', now()) - interval '1 minute' * (n / dags) AS logical_date,
    CASE WHEN n < 100 THEN 'running' WHEN (n + n / dags) % 37 = 0 THEN 'failed' ELSE 'success' END AS state
FROM runs;
INSERT INTO dag_runs (run_key, tenant_id, dag_key, dag_version_id, dag_run_id, run_type, state, reason, logical_date, data_interval_start,
    data_interval_end, unfinished, queued_at, started_at, ended_at)
SELECT run_key, :'tenant', dag_key, current_version_id, 'scheduled__' || to_char(logical_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
    'scheduled', state, NULL, logical_date, logical_date, logical_date + interval '1 minute', CASE WHEN state = 'running' THEN 1 ELSE 0 END,
    logical_date + interval '60 seconds', logical_date + interval '61 seconds',
    CASE WHEN state <> 'running' THEN logical_date + interval '70 seconds' + interval '1 millisecond' * (n % 9000) END
FROM filled;
INSERT INTO task_instances (instance_id, tenant_id, run_key, task_index, task_id, state, reason, try_number, is_leaf, worker_id, queued_at,
    started_at, ended_at, attend_at)
SELECT gen_random_uuid(), :'tenant', run_key, i, 'step_' || i, s.state, CASE s.state WHEN 'failed' THEN 'guest_error' END,
    CASE WHEN s.state = 'upstream_failed' THEN 0 ELSE 1 END, i = 9,
    CASE WHEN s.state IN ('success', 'failed', 'running') THEN '00000000-0000-7000-8000-000000000001'::uuid END,
    CASE WHEN s.state <> 'upstream_failed' THEN logical_date + interval '1 second' * (60 + i) END,
    CASE WHEN s.state <> 'upstream_failed' THEN logical_date + interval '1 second' * (60 + i) + interval '20 milliseconds' END,
    CASE WHEN s.state <> 'running' THEN logical_date + interval '1 second' * (60 + i) + interval '1 millisecond' * (50 + n % 900) END,
    -- Far away: nobody is to look after them.
    CASE WHEN s.state = 'running' THEN now() + interval '1 year' END
FROM filled CROSS JOIN generate_series(0, 9) AS i
CROSS JOIN LATERAL (SELECT CASE
    WHEN filled.state = 'running' AND i = 9 THEN 'running'
    WHEN filled.state = 'failed' AND i = 6 THEN 'failed'
    WHEN filled.state = 'failed' AND i > 6 THEN 'upstream_failed'
    ELSE 'success' END AS state) AS s;
INSERT INTO tries (instance_id, try_number, tenant_id, ending, reason, message, worker_id, lease_token, queued_at, started_at, ended_at, fuel,
    peak_memory_bytes, wall_us, cpu_us, input_bytes, output_bytes, stdio_bytes, log_bytes)
SELECT instance_id, 1, tenant_id, CASE state WHEN 'failed' THEN 'failure' ELSE 'success' END, CASE state WHEN 'failed' THEN 'guest_error' END,
    CASE state WHEN 'failed' THEN 'the source answered with status 500' END, worker_id, 1, queued_at, started_at, ended_at, 120000, 1200000,
    28000, 300, 210, 480, 0, 90
FROM task_instances WHERE tenant_id = :'tenant' AND try_number = 1 AND state IN ('success', 'failed');
COMMIT;
VACUUM ANALYZE dag_runs;
VACUUM ANALYZE task_instances;
VACUUM ANALYZE tries;
