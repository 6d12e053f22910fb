-- Webhooks: what runs dags from outside, without a user.

CREATE TABLE webhooks (
    tenant_id        uuid NOT NULL,
    dag_key          uuid PRIMARY KEY,
    -- The secret that deliveries are signed with, sealed like a variable.
    sealed           bytea NOT NULL CHECK (length(sealed) <= 4096),
    key_id           text NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    last_received_at timestamptz,
    FOREIGN KEY (tenant_id, dag_key) REFERENCES dags (tenant_id, dag_key) ON DELETE CASCADE
);
CREATE INDEX webhooks_tenant ON webhooks (tenant_id, dag_key);
CREATE INDEX webhooks_key_id ON webhooks (key_id, tenant_id, dag_key);

-- What was received lately, so that the same event makes one run.
CREATE TABLE webhook_deliveries (
    tenant_id   uuid NOT NULL,
    dag_key     uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id    text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 1200),
    received_at timestamptz NOT NULL,
    -- Null when `overlap` left its run out, or the run was deleted.
    run_key     uuid REFERENCES dag_runs ON DELETE SET NULL,
    PRIMARY KEY (dag_key, event_id)
);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (dag_key, received_at);
CREATE INDEX webhook_deliveries_run ON webhook_deliveries (run_key) WHERE run_key IS NOT NULL;
CREATE INDEX webhook_deliveries_tenant ON webhook_deliveries (tenant_id, dag_key);

SELECT cofferdam_secure(t::regclass) FROM unnest(ARRAY['webhooks', 'webhook_deliveries']) AS t;
