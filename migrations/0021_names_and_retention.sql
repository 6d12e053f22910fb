-- What users are called, how long tenants keep dead letters, and which schedulers are at work.

-- As an admin gives them; `display_name` is what people are shown.
ALTER TABLE users
    ADD COLUMN first_name text CHECK (length(first_name) BETWEEN 1 AND 256),
    ADD COLUMN last_name  text CHECK (length(last_name) BETWEEN 1 AND 256),
    ADD COLUMN email      text CHECK (length(email) BETWEEN 1 AND 320);

-- How long dead letters are kept once they were resolved or discarded, at most ten years; null: as the configuration says.
ALTER TABLE tenants ADD COLUMN letters_kept_s bigint CHECK (letters_kept_s BETWEEN 0 AND 315360000);

-- Letters are forgotten tenant by tenant.
CREATE INDEX dead_letters_closed_of ON dead_letters (tenant_id, closed_at) WHERE closed_at IS NOT NULL;
DROP INDEX dead_letters_closed;

-- Scheduler processes serve every tenant, so they have none. A row goes when its process ends.
CREATE TABLE schedulers (
    scheduler_id uuid PRIMARY KEY,
    started_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    CHECK (last_seen_at >= started_at)
);
GRANT SELECT ON schedulers TO cofferdam_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedulers TO cofferdam_system;
