-- depends: 0009.empty_groups

-- A user without a row has both on.
CREATE TABLE settings (
    user_id  bigint  PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    receipts boolean NOT NULL DEFAULT true,
    typing   boolean NOT NULL DEFAULT true
);

-- What others see of a marker that has moved while receipts were off; 0 is none. Null: the marker.
ALTER TABLE participants ADD COLUMN shown_read_message_id bigint;
