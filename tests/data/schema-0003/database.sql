-- What a server of schema 0003.activity left behind, by pg_dump; the .sse files beside it are what
-- its streams replayed of each user's feed. Conversations, reads, a new name and picture, a message
-- without a clientId of its client's, one that is deleted, and a participant who has left.

INSERT INTO users (id, username, avatar_url, created_at) OVERRIDING SYSTEM VALUE VALUES (1, 'john', NULL, '2026-11-30 05:32:47.522382+00');
INSERT INTO users (id, username, avatar_url, created_at) OVERRIDING SYSTEM VALUE VALUES (3, 'caroline', NULL, '2026-11-30 05:32:47.530371+00');
INSERT INTO users (id, username, avatar_url, created_at) OVERRIDING SYSTEM VALUE VALUES (4, 'dave', NULL, '2026-11-30 05:32:47.542606+00');
INSERT INTO users (id, username, avatar_url, created_at) OVERRIDING SYSTEM VALUE VALUES (2, 'janet', NULL, '2026-11-30 05:32:47.523384+00');

INSERT INTO conversations (id, low_user_id, high_user_id, created_at, active_at, active_id) OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, '2026-11-30 05:32:47.526613+00', '2026-11-30 05:32:47.536717+00', 3);
INSERT INTO conversations (id, low_user_id, high_user_id, created_at, active_at, active_id) OVERRIDING SYSTEM VALUE VALUES (2, 1, 3, '2026-11-30 05:32:47.531484+00', '2026-11-30 05:32:47.540464+00', 4);
INSERT INTO conversations (id, low_user_id, high_user_id, created_at, active_at, active_id) OVERRIDING SYSTEM VALUE VALUES (3, 1, 4, '2026-11-30 05:32:47.54298+00', '2026-11-30 05:32:47.544299+00', 5);

INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 1, 'conversation', 1, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.526837+00', 2, 'jane', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 1, 'conversation', 1, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.526957+00', 1, 'john', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 2, 'conversation', 2, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.531568+00', 3, 'carol', '/avatars/1');
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (3, 1, 'conversation', 2, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.531595+00', 1, 'john', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 3, 'message', 1, 1, NULL, NULL, NULL, '2026-11-30 05:32:47.534996+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 2, 'message', 1, 1, NULL, NULL, NULL, '2026-11-30 05:32:47.535031+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 4, 'message', 1, 2, NULL, NULL, NULL, '2026-11-30 05:32:47.536017+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 3, 'message', 1, 2, NULL, NULL, NULL, '2026-11-30 05:32:47.536089+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 5, 'message', 1, 3, NULL, NULL, NULL, '2026-11-30 05:32:47.536801+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 4, 'message', 1, 3, NULL, NULL, NULL, '2026-11-30 05:32:47.536823+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 6, 'read', 1, NULL, 2, 3, NULL, '2026-11-30 05:32:47.53924+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 5, 'read', 1, NULL, 2, 3, 0, '2026-11-30 05:32:47.539283+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 7, 'read', 1, NULL, 1, 2, 1, '2026-11-30 05:32:47.539937+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (2, 6, 'read', 1, NULL, 1, 2, NULL, '2026-11-30 05:32:47.539969+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 8, 'message', 2, 4, NULL, NULL, NULL, '2026-11-30 05:32:47.540731+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (3, 2, 'message', 2, 4, NULL, NULL, NULL, '2026-11-30 05:32:47.540757+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 9, 'read', 2, NULL, 1, 4, 0, '2026-11-30 05:32:47.541483+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (3, 3, 'read', 2, NULL, 1, 4, NULL, '2026-11-30 05:32:47.541511+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 10, 'user', NULL, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.542273+00', 3, 'caroline', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (3, 4, 'user', NULL, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.542299+00', 3, 'caroline', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 11, 'conversation', 3, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.54333+00', 4, 'dave', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (4, 1, 'conversation', 3, NULL, NULL, NULL, NULL, '2026-11-30 05:32:47.543358+00', 1, 'john', NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 12, 'message', 3, 5, NULL, NULL, NULL, '2026-11-30 05:32:47.544432+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (4, 2, 'message', 3, 5, NULL, NULL, NULL, '2026-11-30 05:32:47.544466+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (1, 13, 'read', 3, NULL, 4, 5, NULL, '2026-11-30 05:32:47.545204+00', NULL, NULL, NULL);
INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id, unread_count, created_at, shown_user_id, shown_username, shown_avatar_url) VALUES (4, 3, 'read', 3, NULL, 4, 5, 0, '2026-11-30 05:32:47.545233+00', NULL, NULL, NULL);

INSERT INTO feeds (user_id, last_seq) VALUES (2, 6);
INSERT INTO feeds (user_id, last_seq) VALUES (3, 4);
INSERT INTO feeds (user_id, last_seq) VALUES (1, 13);
INSERT INTO feeds (user_id, last_seq) VALUES (4, 3);

INSERT INTO github_accounts (provider, id, user_id, name) VALUES ('api.github.com', 1, 3, 'caroline');

INSERT INTO messages (id, conversation_id, user_id, content, created_at, client_id, client_id_given) OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'line
line    \ " '' % <b>&amp;</b> é 🐪 end', '2026-11-30 05:32:47.534651+00', '00000000-0000-0000-0000-000000000001', true);
INSERT INTO messages (id, conversation_id, user_id, content, created_at, client_id, client_id_given) OVERRIDING SYSTEM VALUE VALUES (3, 1, 2, 'without a client id of its own', '2026-11-30 05:32:47.536717+00', '00000000-0000-0000-0000-000000000003', false);
INSERT INTO messages (id, conversation_id, user_id, content, created_at, client_id, client_id_given) OVERRIDING SYSTEM VALUE VALUES (4, 2, 3, 'hello', '2026-11-30 05:32:47.540464+00', '00000000-0000-0000-0000-000000000004', true);
INSERT INTO messages (id, conversation_id, user_id, content, created_at, client_id, client_id_given) OVERRIDING SYSTEM VALUE VALUES (5, 3, 1, 'dave has left since', '2026-11-30 05:32:47.544299+00', '00000000-0000-0000-0000-000000000005', true);

INSERT INTO meta (only_row, epoch, system_identifier, timeline, database_oid) VALUES (true, 'e', NULL, NULL, NULL);

INSERT INTO participants (user_id, conversation_id, last_read_message_id) VALUES (3, 2, NULL);
INSERT INTO participants (user_id, conversation_id, last_read_message_id) VALUES (2, 1, 3);
INSERT INTO participants (user_id, conversation_id, last_read_message_id) VALUES (1, 1, 2);
INSERT INTO participants (user_id, conversation_id, last_read_message_id) VALUES (1, 2, 4);
INSERT INTO participants (user_id, conversation_id, last_read_message_id) VALUES (1, 3, NULL);

SELECT setval('conversations_id_seq', 3, true);

SELECT setval('messages_id_seq', 5, true);

SELECT setval('sessions_id_seq', 1, false);

SELECT setval('users_id_seq', 4, true);
