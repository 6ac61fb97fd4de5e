-- depends: 0006.used_once

-- What people see; null: the user name.
ALTER TABLE users ADD COLUMN display_name text
    CHECK (char_length(display_name) BETWEEN 1 AND 60);

-- Finds users by a word of their display name. `words` is the rest of the name from that word on,
-- without case and accents.
CREATE TABLE name_words (
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    words   text   NOT NULL,
    PRIMARY KEY (user_id, words)
);

CREATE INDEX name_words_words ON name_words (words COLLATE "C", user_id);
