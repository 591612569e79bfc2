-- Layout 1. Keys are bytes, so that their order is the order of their bytes whatever the collation.
CREATE TABLE dezky_rows (
    partition bytea NOT NULL,
    sort bytea NOT NULL,
    version text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (partition, sort)
);
-- What is in a body is compressed already; a second try would only cost time.
ALTER TABLE dezky_rows ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE dezky_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    -- Bytes, since a text column takes no NUL.
    body bytea NOT NULL,
    deliveries integer NOT NULL DEFAULT 0,
    -- Visible since ever: a clock that jumps back must not hide what was sent.
    visible_at timestamptz NOT NULL DEFAULT '-infinity',
    receipt text
);
CREATE INDEX dezky_messages_due ON dezky_messages (queue, visible_at, id);
CREATE UNIQUE INDEX dezky_messages_receipt ON dezky_messages (receipt) WHERE receipt IS NOT NULL;
