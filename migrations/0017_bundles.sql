-- Bundles: directories and git repositories that dags come from.

CREATE TABLE bundles (
    bundle_id  uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    name       text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    kind       text NOT NULL CHECK (kind IN ('directory', 'git')),
    -- The directory or the URL, without credentials, and the branch, tag or commit.
    location   text NOT NULL CHECK (length(location) <= 2000),
    reference  text CHECK (length(reference) <= 250),
    -- The commit that it was read at last.
    commit_id  text CHECK (length(commit_id) <= 64),
    -- Whether a server reads it by itself.
    watched    boolean NOT NULL,
    -- Why it could not be read at all, when that is so.
    problem    text CHECK (length(problem) <= 8000),
    checked_at timestamptz NOT NULL,
    synced_at  timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, bundle_id)
);

CREATE TABLE bundle_files (
    file_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    bundle_id    uuid NOT NULL,
    path         text NOT NULL CHECK (length(path) BETWEEN 1 AND 1000),
    -- Of the bytes that were looked at last, whether or not they were right.
    content_hash text NOT NULL CHECK (length(content_hash) <= 64),
    -- What is wrong with it: diagnostics as the API sends them. Null for a file that is applied.
    problems     jsonb CHECK (jsonb_typeof(problems) = 'array'),
    changed_at   timestamptz NOT NULL,
    UNIQUE (bundle_id, path),
    FOREIGN KEY (tenant_id, bundle_id) REFERENCES bundles (tenant_id, bundle_id) ON DELETE CASCADE
);
CREATE INDEX bundle_files_bundle ON bundle_files (tenant_id, bundle_id);
CREATE INDEX bundle_files_broken ON bundle_files (tenant_id, file_id) WHERE problems IS NOT NULL;

SELECT cofferdam_secure(t::regclass) FROM unnest(ARRAY['bundles', 'bundle_files']) AS t;

-- The file that a dag comes from. A dag whose file is gone has no path, and since when that is so.
ALTER TABLE dags
    ADD COLUMN bundle_id uuid REFERENCES bundles ON DELETE SET NULL,
    ADD COLUMN bundle_path text CHECK (length(bundle_path) BETWEEN 1 AND 1000),
    ADD COLUMN stale_since timestamptz,
    -- Whether it was paused for that reason, and goes on when its file is back.
    ADD COLUMN stale_paused boolean NOT NULL DEFAULT false;
CREATE INDEX dags_bundle ON dags (bundle_id, bundle_path) WHERE bundle_id IS NOT NULL;

-- Where a version came from.
ALTER TABLE dag_versions
    ADD COLUMN bundle text CHECK (length(bundle) <= 63),
    ADD COLUMN bundle_path text CHECK (length(bundle_path) <= 1000),
    ADD COLUMN bundle_commit text CHECK (length(bundle_commit) <= 64);
