-- What tries send to other servers, what tenants may reach besides, and who approved which version of a component.

ALTER TABLE tries
    ADD COLUMN http_calls bigint NOT NULL DEFAULT 0 CHECK (http_calls >= 0),
    ADD COLUMN http_bytes bigint NOT NULL DEFAULT 0 CHECK (http_bytes >= 0);

-- Ranges of addresses and hosts outside of the public internet that the tenant's tasks may reach when their grant names them.
-- Set by the operator of the installation, not by the tenant: these are the installation's own networks.
ALTER TABLE tenants ADD COLUMN egress_private jsonb CHECK (jsonb_typeof(egress_private) = 'array');

-- A version that asks for more than the approved one before it waits for an administrator. What was there before this
-- migration was usable, and stays so; the default is for those rows only.
ALTER TABLE component_versions
    ADD COLUMN asks_more   text[] NOT NULL DEFAULT '{}' CHECK (cardinality(asks_more) <= 100),
    ADD COLUMN approved_at timestamptz DEFAULT now(),
    ADD COLUMN approved_by text CHECK (length(approved_by) <= 200),
    ADD CHECK (approved_at IS NOT NULL OR cardinality(asks_more) > 0);
ALTER TABLE component_versions ALTER COLUMN approved_at DROP DEFAULT;
