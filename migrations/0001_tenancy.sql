-- Tenants and who may act in them, their components, and what was done. Also the walls between tenants.

-- The two roles that the services act as. A connection signs in as whoever the URL names, then assumes one of them.
-- Roles belong to the whole cluster, so two databases may be migrated at the same moment: losing that race is no error.
DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY['cofferdam_api', 'cofferdam_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', service);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        FOR attempt IN 1..10 LOOP
            EXIT WHEN pg_has_role(current_user, service, 'USAGE');
            BEGIN
                EXECUTE format('GRANT %I TO %I', service, current_user);
            EXCEPTION WHEN internal_error THEN
                -- "tuple concurrently updated": another migration granted it.
                PERFORM pg_sleep(0.05);
            END;
        END LOOP;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), service);
    END LOOP;
END
$$;

-- The tenant of this transaction, or null when none was set; no row has a null tenant.
CREATE FUNCTION cofferdam_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('cofferdam.tenant', true), '')::uuid $$;

-- Puts a table with a tenant_id behind the wall: the API's role sees the rows of its transaction's tenant only, the
-- system's role sees all. FORCE makes it hold for the owner of the table too.
CREATE FUNCTION cofferdam_secure(secured regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', secured);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', secured);
    EXECUTE format('CREATE POLICY own_tenant ON %s TO cofferdam_api '
        'USING (tenant_id = cofferdam_tenant()) WITH CHECK (tenant_id = cofferdam_tenant())', secured);
    EXECUTE format('CREATE POLICY every_tenant ON %s TO cofferdam_system USING (true) WITH CHECK (true)', secured);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO cofferdam_api, cofferdam_system', secured);
END
$$;

CREATE TABLE tenants (
    tenant_id    uuid PRIMARY KEY,
    name         text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    created_at   timestamptz NOT NULL,
    -- Policy: the most tasks of the tenant that run at once (null: no limit), its share beside the others, and limits of
    -- a try that are tighter than the installation's.
    max_leased   integer CHECK (max_leased BETWEEN 1 AND 1000000),
    weight       integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    limits       jsonb CHECK (jsonb_typeof(limits) = 'object')
);

CREATE TABLE users (
    user_id       uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    username      text NOT NULL CHECK (length(username) BETWEEN 1 AND 120),
    -- An argon2 PHC string; null for an account that only has API keys.
    password_hash text CHECK (length(password_hash) BETWEEN 1 AND 500),
    display_name  text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin')),
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (tenant_id, username),
    UNIQUE (tenant_id, user_id)
);

CREATE TABLE api_keys (
    api_key_id   uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    -- SHA-256 of the secret. The secret is random and long, so a slow hash would add nothing.
    secret_hash  bytea NOT NULL CHECK (length(secret_hash) = 32),
    -- At most the user's own role counts, whatever stands here.
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin')),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE,
    CHECK (expires_at > created_at)
);
CREATE INDEX api_keys_user ON api_keys (tenant_id, user_id);

CREATE TABLE sessions (
    session_id          uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    user_id             uuid NOT NULL,
    -- SHA-256 of the refresh token in force, and of the one before it: who shows the earlier one holds a stolen copy.
    token_hash          bytea NOT NULL CHECK (length(token_hash) = 32),
    previous_token_hash bytea CHECK (length(previous_token_hash) = 32),
    created_at          timestamptz NOT NULL,
    rotated_at          timestamptz,
    expires_at          timestamptz NOT NULL,
    revoked_at          timestamptz,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE,
    CHECK (expires_at > created_at),
    CHECK ((previous_token_hash IS NULL) = (rotated_at IS NULL))
);
CREATE INDEX sessions_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE components (
    component_id uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    created_at   timestamptz NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, component_id)
);

CREATE TABLE component_versions (
    component_version_id uuid PRIMARY KEY,
    tenant_id            uuid NOT NULL,
    component_id         uuid NOT NULL,
    -- Its place among the versions, from 1.
    version_number       integer NOT NULL CHECK (version_number >= 1),
    -- SHA-256 of the bytes, in hexadecimal.
    digest               text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    label                text CHECK (length(label) BETWEEN 1 AND 120),
    size_bytes           bigint NOT NULL CHECK (size_bytes >= 0),
    -- How it is entered: 'task', 'command', ...
    kind                 text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    -- What the upload's inspection found: exports, imports, WIT text.
    inspection           jsonb NOT NULL CHECK (jsonb_typeof(inspection) = 'object'),
    uploaded_by          uuid REFERENCES users ON DELETE SET NULL,
    created_at           timestamptz NOT NULL,
    compiled_at          timestamptz,
    FOREIGN KEY (tenant_id, component_id) REFERENCES components (tenant_id, component_id) ON DELETE CASCADE,
    UNIQUE (tenant_id, component_id, digest)
);
CREATE UNIQUE INDEX component_versions_number ON component_versions (component_id, version_number);
CREATE UNIQUE INDEX component_versions_label ON component_versions (component_id, label) WHERE label IS NOT NULL;
CREATE INDEX component_versions_digest ON component_versions (tenant_id, digest);
CREATE INDEX component_versions_uploaded_by ON component_versions (uploaded_by) WHERE uploaded_by IS NOT NULL;

CREATE TABLE audit_log (
    audit_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    -- The name at that time: a deleted user stays readable here.
    principal   text NOT NULL CHECK (length(principal) BETWEEN 1 AND 200),
    action      text NOT NULL CHECK (length(action) BETWEEN 1 AND 120),
    target_kind text NOT NULL CHECK (length(target_kind) BETWEEN 1 AND 60),
    target      text NOT NULL CHECK (length(target) <= 600),
    detail      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    request_id  text NOT NULL DEFAULT '' CHECK (length(request_id) <= 120)
);
CREATE INDEX audit_log_tenant ON audit_log (tenant_id, audit_id DESC);

CREATE TABLE idempotency_keys (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- The endpoint: one key may be used once at each.
    scope        text NOT NULL CHECK (length(scope) BETWEEN 1 AND 250),
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    -- The answer that was given; both null while the request is at work.
    status       smallint CHECK (status BETWEEN 100 AND 599),
    body         jsonb,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, scope, key),
    CHECK (body IS NULL OR status IS NOT NULL)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Worker processes serve every tenant, so they have none.
CREATE TABLE workers (
    worker_id    uuid PRIMARY KEY,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 250),
    version      text NOT NULL CHECK (length(version) BETWEEN 1 AND 60),
    queues       text[] NOT NULL CHECK (cardinality(queues) BETWEEN 1 AND 100),
    slots        integer NOT NULL CHECK (slots BETWEEN 1 AND 1000000),
    started_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    stopped_at   timestamptz,
    CHECK (last_seen_at >= started_at)
);
CREATE INDEX workers_seen ON workers (last_seen_at) WHERE stopped_at IS NULL;
GRANT SELECT ON workers TO cofferdam_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO cofferdam_system;

SELECT cofferdam_secure(t::regclass)
FROM unnest(ARRAY['tenants', 'users', 'api_keys', 'sessions', 'components', 'component_versions', 'audit_log', 'idempotency_keys']) AS t;

-- Nobody rewrites history, and the API neither founds nor removes a tenant.
REVOKE UPDATE, DELETE ON audit_log FROM cofferdam_api, cofferdam_system;
REVOKE INSERT, DELETE ON tenants FROM cofferdam_api;

-- The way in. Before a request has a tenant, the API must find the one that a name, an API key or a session belongs to;
-- these three say that and nothing else. They run as the owner, who has the rights of cofferdam_system.
CREATE FUNCTION cofferdam_tenant_named(wanted text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS $$ SELECT tenant_id FROM tenants WHERE name = wanted $$;
CREATE FUNCTION cofferdam_tenant_of_api_key(wanted uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS $$ SELECT tenant_id FROM api_keys WHERE api_key_id = wanted $$;
CREATE FUNCTION cofferdam_tenant_of_session(wanted uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS $$ SELECT tenant_id FROM sessions WHERE session_id = wanted $$;
REVOKE EXECUTE ON FUNCTION cofferdam_tenant_named, cofferdam_tenant_of_api_key, cofferdam_tenant_of_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cofferdam_tenant_named, cofferdam_tenant_of_api_key, cofferdam_tenant_of_session TO cofferdam_api, cofferdam_system;
