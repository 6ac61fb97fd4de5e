-- depends: 0010.settings

-- The user name of a group's maker when they made it: a repeat of that request may have it.
ALTER TABLE conversations ADD COLUMN made_as text;
