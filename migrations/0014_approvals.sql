-- What people are asked by tasks that wait for them, and what they decided.

CREATE TABLE approvals (
    instance_id    uuid NOT NULL REFERENCES task_instances ON DELETE CASCADE,
    -- A try that is run anew asks anew.
    try_number     integer NOT NULL CHECK (try_number >= 1),
    tenant_id      uuid NOT NULL REFERENCES tenants,
    message        text NOT NULL CHECK (length(message) <= 8000),
    -- Who may decide: these users, and whoever has one of these roles or a higher one.
    approver_users text[] NOT NULL,
    approver_roles text[] NOT NULL,
    options        text[] NOT NULL,
    asked_at       timestamptz NOT NULL,
    expires_at     timestamptz,
    on_expiry      text NOT NULL CHECK (on_expiry IN ('fail', 'skip', 'approve')),
    -- The decision; all of it is null until there is one.
    verdict        text CHECK (verdict IN ('approved', 'rejected', 'expired')),
    decided_at     timestamptz,
    decided_by     text CHECK (length(decided_by) <= 200),
    choice         text CHECK (length(choice) <= 120),
    note           text CHECK (length(note) <= 4000),
    PRIMARY KEY (instance_id, try_number),
    CHECK ((verdict IS NULL) = (decided_at IS NULL)),
    CHECK (verdict IS NOT NULL OR (decided_by IS NULL AND choice IS NULL AND note IS NULL)),
    CHECK ((verdict IN ('approved', 'rejected')) <= (decided_by IS NOT NULL))
);
CREATE INDEX approvals_tenant ON approvals (tenant_id, asked_at DESC);
CREATE INDEX approvals_waiting ON approvals (tenant_id, asked_at DESC) WHERE verdict IS NULL;

SELECT cofferdam_secure('approvals'::regclass);
