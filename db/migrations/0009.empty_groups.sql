-- depends: 0008.groups

-- Groups that everybody has left, which are about to be deleted.
CREATE INDEX conversations_empty ON conversations (id) WHERE member_count = 0;
