-- What tries were given once their templates and references were filled in.

CREATE TABLE rendered_inputs (
    instance_id uuid NOT NULL REFERENCES task_instances ON DELETE CASCADE,
    try_number  integer NOT NULL CHECK (try_number >= 1),
    tenant_id   uuid NOT NULL REFERENCES tenants,
    -- JSON text: an object of `input`, `args`, `env`, `truncated`; masked and bounded by `domain/src/rendered.rs`.
    rendered    text NOT NULL CHECK (length(rendered) <= 32768),
    PRIMARY KEY (instance_id, try_number)
);
CREATE INDEX rendered_inputs_tenant ON rendered_inputs (tenant_id);

SELECT cofferdam_secure('rendered_inputs'::regclass);
