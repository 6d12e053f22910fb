-- What webhooks refused, so that it is seen when a sender has the wrong secret.

ALTER TABLE webhooks
    ADD COLUMN refused         bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
    ADD COLUMN last_refused_at timestamptz,
    -- Why: one of the words of `WebhookRefusal`.
    ADD COLUMN last_refusal    text CHECK (length(last_refusal) BETWEEN 1 AND 64),
    ADD CONSTRAINT webhooks_refused CHECK ((refused = 0) = (last_refused_at IS NULL)),
    ADD CONSTRAINT webhooks_refusal CHECK ((last_refused_at IS NULL) = (last_refusal IS NULL));
