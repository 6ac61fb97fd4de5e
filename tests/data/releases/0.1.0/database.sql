--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: microseconds(timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.microseconds(at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN ((EXTRACT(epoch FROM at) * (1000000)::numeric))::bigint;


--
-- Name: rfc3339(timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rfc3339(at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    RETURN to_char((at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: _yoyo_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._yoyo_log (
    id character varying(36) NOT NULL,
    migration_hash character varying(64),
    migration_id character varying(255),
    operation character varying(10),
    username character varying(255),
    hostname character varying(255),
    comment character varying(255),
    created_at_utc timestamp without time zone
);


--
-- Name: _yoyo_migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._yoyo_migration (
    migration_hash character varying(64) NOT NULL,
    migration_id character varying(255),
    applied_at_utc timestamp without time zone
);


--
-- Name: _yoyo_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._yoyo_version (
    version integer NOT NULL,
    installed_at_utc timestamp without time zone
);


--
-- Name: avatars; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.avatars (
    user_id bigint NOT NULL,
    path text NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT avatars_content_check CHECK ((octet_length(content) <= 262144)),
    CONSTRAINT avatars_media_type_check CHECK ((media_type = ANY (ARRAY['image/png'::text, 'image/jpeg'::text, 'image/webp'::text])))
);


--
-- Name: conversations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.conversations (
    id bigint NOT NULL,
    low_user_id bigint,
    high_user_id bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    active_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    active_id bigint DEFAULT 0 NOT NULL,
    CONSTRAINT conversations_check CHECK ((low_user_id < high_user_id))
)
WITH (fillfactor='80');


--
-- Name: conversations_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.conversations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.conversations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: feed_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.feed_events (
    user_id bigint NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    conversation_id bigint,
    message_id bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload jsonb
);


--
-- Name: feeds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.feeds (
    user_id bigint NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');


--
-- Name: github_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.github_accounts (
    provider text NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    name text NOT NULL
);


--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    content text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    client_id uuid NOT NULL,
    client_id_given boolean NOT NULL,
    CONSTRAINT messages_content_check CHECK (((char_length(content) >= 1) AND (char_length(content) <= 4000)))
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='10000');


--
-- Name: messages_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.messages ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.messages_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: meta; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.meta (
    only_row boolean DEFAULT true NOT NULL,
    epoch text NOT NULL,
    system_identifier text,
    timeline integer,
    database_oid oid,
    CONSTRAINT meta_epoch_check CHECK ((epoch ~ '^[a-z0-9]+$'::text)),
    CONSTRAINT meta_only_row_check CHECK (only_row)
);


--
-- Name: participants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.participants (
    user_id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    last_read_message_id bigint
)
WITH (fillfactor='80');


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    user_agent text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: sessions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.sessions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id bigint NOT NULL,
    username text NOT NULL,
    avatar_url text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT users_username_check CHECK ((username ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$'::text))
);


--
-- Name: users_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: yoyo_lock; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.yoyo_lock (
    locked integer DEFAULT 1 NOT NULL,
    ctime timestamp without time zone,
    pid integer NOT NULL
);


--
-- Data for Name: _yoyo_log; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._yoyo_log VALUES ('d6debcf2-eca1-11f1-9934-02fc00000001', '76dcbafdee440d2ed03cad8f299af19dfdd14a37a7f1a6330d58c733522c1ed2', '0001.messenger', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:46.401');
INSERT INTO public._yoyo_log VALUES ('d6f2caa8-eca1-11f1-9934-02fc00000001', '846843df51af82d232bd8acae62f98d4fe76effe5f3cac200fd34b18cfa831a9', '0002.github', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:46.532314');
INSERT INTO public._yoyo_log VALUES ('d6f48730-eca1-11f1-9934-02fc00000001', 'ff5ca9217780863e3769e461fcfc246a2a3853b8f6bf70e25ea797b5b6ec7a7e', '0003.activity', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:46.543681');
INSERT INTO public._yoyo_log VALUES ('d708a760-eca1-11f1-9934-02fc00000001', 'fc59080d9bce993cc4e42541198839c29313effcba9b063b6ae12bb0d90657b9', '0004.payload', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:46.67562');


--
-- Data for Name: _yoyo_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._yoyo_migration VALUES ('76dcbafdee440d2ed03cad8f299af19dfdd14a37a7f1a6330d58c733522c1ed2', '0001.messenger', '2026-11-30 09:38:46.410596');
INSERT INTO public._yoyo_migration VALUES ('846843df51af82d232bd8acae62f98d4fe76effe5f3cac200fd34b18cfa831a9', '0002.github', '2026-11-30 09:38:46.532925');
INSERT INTO public._yoyo_migration VALUES ('ff5ca9217780863e3769e461fcfc246a2a3853b8f6bf70e25ea797b5b6ec7a7e', '0003.activity', '2026-11-30 09:38:46.544066');
INSERT INTO public._yoyo_migration VALUES ('fc59080d9bce993cc4e42541198839c29313effcba9b063b6ae12bb0d90657b9', '0004.payload', '2026-11-30 09:38:46.677222');


--
-- Data for Name: _yoyo_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._yoyo_version VALUES (2, '2026-11-30 09:38:46.053573');


--
-- Data for Name: avatars; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: conversations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.conversations OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, '2026-11-30 09:38:50.72746+00', '2026-11-30 09:38:51.093916+00', 20);


--
-- Data for Name: feed_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.feed_events VALUES (1, 1, 'conversation', 1, NULL, '2026-11-30 09:38:50.727948+00', '{"id": "2", "username": "jane", "avatar_url": null}');
INSERT INTO public.feed_events VALUES (2, 1, 'conversation', 1, NULL, '2026-11-30 09:38:50.731213+00', '{"id": "1", "username": "john", "avatar_url": null}');
INSERT INTO public.feed_events VALUES (1, 2, 'message', 1, 1, '2026-11-30 09:38:50.818446+00', NULL);
INSERT INTO public.feed_events VALUES (2, 2, 'message', 1, 1, '2026-11-30 09:38:50.818482+00', NULL);
INSERT INTO public.feed_events VALUES (1, 3, 'message', 1, 2, '2026-11-30 09:38:50.834003+00', NULL);
INSERT INTO public.feed_events VALUES (2, 3, 'message', 1, 2, '2026-11-30 09:38:50.834022+00', NULL);
INSERT INTO public.feed_events VALUES (1, 4, 'message', 1, 3, '2026-11-30 09:38:50.84689+00', NULL);
INSERT INTO public.feed_events VALUES (2, 4, 'message', 1, 3, '2026-11-30 09:38:50.846909+00', NULL);
INSERT INTO public.feed_events VALUES (1, 5, 'message', 1, 4, '2026-11-30 09:38:50.867116+00', NULL);
INSERT INTO public.feed_events VALUES (2, 5, 'message', 1, 4, '2026-11-30 09:38:50.867136+00', NULL);
INSERT INTO public.feed_events VALUES (1, 6, 'message', 1, 5, '2026-11-30 09:38:50.908942+00', NULL);
INSERT INTO public.feed_events VALUES (2, 6, 'message', 1, 5, '2026-11-30 09:38:50.908961+00', NULL);
INSERT INTO public.feed_events VALUES (1, 7, 'message', 1, 6, '2026-11-30 09:38:50.920153+00', NULL);
INSERT INTO public.feed_events VALUES (2, 7, 'message', 1, 6, '2026-11-30 09:38:50.92017+00', NULL);
INSERT INTO public.feed_events VALUES (1, 8, 'message', 1, 7, '2026-11-30 09:38:50.92342+00', NULL);
INSERT INTO public.feed_events VALUES (2, 8, 'message', 1, 7, '2026-11-30 09:38:50.923442+00', NULL);
INSERT INTO public.feed_events VALUES (1, 9, 'message', 1, 8, '2026-11-30 09:38:50.939091+00', NULL);
INSERT INTO public.feed_events VALUES (2, 9, 'message', 1, 8, '2026-11-30 09:38:50.939116+00', NULL);
INSERT INTO public.feed_events VALUES (1, 10, 'message', 1, 9, '2026-11-30 09:38:50.960297+00', NULL);
INSERT INTO public.feed_events VALUES (2, 10, 'message', 1, 9, '2026-11-30 09:38:50.960315+00', NULL);
INSERT INTO public.feed_events VALUES (1, 11, 'message', 1, 10, '2026-11-30 09:38:50.969513+00', NULL);
INSERT INTO public.feed_events VALUES (2, 11, 'message', 1, 10, '2026-11-30 09:38:50.969537+00', NULL);
INSERT INTO public.feed_events VALUES (1, 12, 'message', 1, 11, '2026-11-30 09:38:50.972514+00', NULL);
INSERT INTO public.feed_events VALUES (2, 12, 'message', 1, 11, '2026-11-30 09:38:50.972529+00', NULL);
INSERT INTO public.feed_events VALUES (1, 13, 'message', 1, 12, '2026-11-30 09:38:50.978942+00', NULL);
INSERT INTO public.feed_events VALUES (2, 13, 'message', 1, 12, '2026-11-30 09:38:50.978956+00', NULL);
INSERT INTO public.feed_events VALUES (1, 14, 'message', 1, 13, '2026-11-30 09:38:51.003348+00', NULL);
INSERT INTO public.feed_events VALUES (2, 14, 'message', 1, 13, '2026-11-30 09:38:51.003377+00', NULL);
INSERT INTO public.feed_events VALUES (1, 15, 'message', 1, 14, '2026-11-30 09:38:51.010993+00', NULL);
INSERT INTO public.feed_events VALUES (2, 15, 'message', 1, 14, '2026-11-30 09:38:51.01102+00', NULL);
INSERT INTO public.feed_events VALUES (1, 16, 'message', 1, 15, '2026-11-30 09:38:51.027716+00', NULL);
INSERT INTO public.feed_events VALUES (2, 16, 'message', 1, 15, '2026-11-30 09:38:51.027744+00', NULL);
INSERT INTO public.feed_events VALUES (1, 17, 'message', 1, 16, '2026-11-30 09:38:51.04175+00', NULL);
INSERT INTO public.feed_events VALUES (2, 17, 'message', 1, 16, '2026-11-30 09:38:51.041779+00', NULL);
INSERT INTO public.feed_events VALUES (1, 18, 'message', 1, 17, '2026-11-30 09:38:51.047823+00', NULL);
INSERT INTO public.feed_events VALUES (2, 18, 'message', 1, 17, '2026-11-30 09:38:51.047844+00', NULL);
INSERT INTO public.feed_events VALUES (1, 19, 'message', 1, 18, '2026-11-30 09:38:51.05521+00', NULL);
INSERT INTO public.feed_events VALUES (2, 19, 'message', 1, 18, '2026-11-30 09:38:51.05523+00', NULL);
INSERT INTO public.feed_events VALUES (1, 20, 'message', 1, 19, '2026-11-30 09:38:51.077646+00', NULL);
INSERT INTO public.feed_events VALUES (2, 20, 'message', 1, 19, '2026-11-30 09:38:51.077668+00', NULL);
INSERT INTO public.feed_events VALUES (1, 21, 'message', 1, 20, '2026-11-30 09:38:51.094101+00', NULL);
INSERT INTO public.feed_events VALUES (2, 21, 'message', 1, 20, '2026-11-30 09:38:51.094127+00', NULL);
INSERT INTO public.feed_events VALUES (1, 22, 'read', 1, NULL, '2026-11-30 09:38:58.871032+00', '{"user_id": "2", "unread_count": 3, "last_read_message_id": "15"}');
INSERT INTO public.feed_events VALUES (2, 22, 'read', 1, NULL, '2026-11-30 09:38:58.871229+00', '{"user_id": "2", "unread_count": 3, "last_read_message_id": "15"}');
INSERT INTO public.feed_events VALUES (1, 23, 'read', 1, NULL, '2026-11-30 09:38:59.623191+00', '{"user_id": "2", "unread_count": 0, "last_read_message_id": "20"}');
INSERT INTO public.feed_events VALUES (2, 23, 'read', 1, NULL, '2026-11-30 09:38:59.623235+00', '{"user_id": "2", "unread_count": 0, "last_read_message_id": "20"}');


--
-- Data for Name: feeds; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.feeds VALUES (1, 23);
INSERT INTO public.feeds VALUES (2, 23);


--
-- Data for Name: github_accounts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, 'number 0', '2026-11-30 09:38:50.81521+00', 'e4072334-0426-4894-bb7e-3150bec421b0', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'number 1', '2026-11-30 09:38:50.833855+00', '97751165-86a6-4b4a-a31c-41889775b65a', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (3, 1, 1, 'number 2', '2026-11-30 09:38:50.846755+00', 'b911afde-437b-4260-8d15-ebe35b23da07', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (4, 1, 2, 'number 3', '2026-11-30 09:38:50.866981+00', '43fe3217-c645-4b88-9335-18b2144010cd', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (5, 1, 1, 'number 4', '2026-11-30 09:38:50.9088+00', '31321a38-e714-4c29-9a9d-05b8ea84fb8b', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (6, 1, 1, 'number 5', '2026-11-30 09:38:50.920031+00', '5d8335d0-3c65-49d9-8179-7c9d1d7b57a4', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (7, 1, 2, 'number 6', '2026-11-30 09:38:50.923284+00', 'f2474815-5442-4c3c-8c90-3c0c0bb66b62', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (8, 1, 1, 'number 7', '2026-11-30 09:38:50.93893+00', '19ccd0d6-197b-4222-bbcd-75829c3789ec', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (9, 1, 1, 'number 8', '2026-11-30 09:38:50.96017+00', 'da05542d-9388-40ac-bce7-83e115cdfe8f', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (10, 1, 2, 'number 9', '2026-11-30 09:38:50.969365+00', 'b7c7bcf6-ba23-4b85-90a5-fc2ac85e07e2', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (11, 1, 1, 'number 10', '2026-11-30 09:38:50.972403+00', '0218e3bf-fab3-45b2-becf-a9c45338fab6', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (12, 1, 1, 'number 11', '2026-11-30 09:38:50.978833+00', 'd46f11e6-0ae0-4244-8fd3-1fd50a923b4d', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (13, 1, 2, 'number 12', '2026-11-30 09:38:51.003176+00', '4eefbe91-80dc-4597-acde-59fa67b17d5e', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (14, 1, 1, 'number 13', '2026-11-30 09:38:51.010827+00', '5ac04582-7b45-4c1f-9900-f03c0fb2d166', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (15, 1, 1, 'number 14', '2026-11-30 09:38:51.027536+00', 'e3fd9be4-aec5-487b-847c-cdee744505e6', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (16, 1, 2, 'number 15', '2026-11-30 09:38:51.041567+00', '56eb5cf9-fc9f-477a-9cd2-7cbc31a3f7c2', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (17, 1, 1, 'number 16', '2026-11-30 09:38:51.047656+00', 'da960902-fcbb-4cfd-ae22-d7b07504e635', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (18, 1, 1, 'number 17', '2026-11-30 09:38:51.055061+00', 'a72d650e-5b90-4845-a806-ac7f54fb5f4c', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (19, 1, 2, 'number 18', '2026-11-30 09:38:51.077457+00', '51bd21e1-2438-4f05-9d4e-f07656329a19', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (20, 1, 1, 'number 19', '2026-11-30 09:38:51.093916+00', '68f7c4d2-10d2-45c8-82ef-ab9c887acd19', false);


--
-- Data for Name: meta; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.meta VALUES (true, '6f72e95fd9a7', '7713896653371351454', 1, 16384);


--
-- Data for Name: participants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.participants VALUES (1, 1, NULL);
INSERT INTO public.participants VALUES (2, 1, 20);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Tornado/6.6.1', '2026-11-30 09:38:50.641354+00', '2026-11-30 09:38:50.641354+00');
INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (2, 2, 'Tornado/6.6.1', '2026-11-30 09:38:50.678719+00', '2026-11-30 09:38:50.678719+00');
INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (3, 2, 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36', '2026-11-30 09:38:56.382958+00', '2026-11-30 09:38:56.382958+00');


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES (1, 'john', NULL, '2026-11-30 09:38:50.628958+00');
INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES (2, 'jane', NULL, '2026-11-30 09:38:50.656083+00');


--
-- Data for Name: yoyo_lock; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: conversations_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.conversations_id_seq', 1, true);


--
-- Name: messages_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.messages_id_seq', 20, true);


--
-- Name: sessions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.sessions_id_seq', 3, true);


--
-- Name: users_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.users_id_seq', 2, true);


--
-- Name: _yoyo_log _yoyo_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._yoyo_log
    ADD CONSTRAINT _yoyo_log_pkey PRIMARY KEY (id);


--
-- Name: _yoyo_migration _yoyo_migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._yoyo_migration
    ADD CONSTRAINT _yoyo_migration_pkey PRIMARY KEY (migration_hash);


--
-- Name: _yoyo_version _yoyo_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._yoyo_version
    ADD CONSTRAINT _yoyo_version_pkey PRIMARY KEY (version);


--
-- Name: avatars avatars_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.avatars
    ADD CONSTRAINT avatars_pkey PRIMARY KEY (user_id);


--
-- Name: conversations conversations_low_user_id_high_user_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_low_user_id_high_user_id_key UNIQUE (low_user_id, high_user_id);


--
-- Name: conversations conversations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (id);


--
-- Name: feed_events feed_events_kind_check; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.feed_events
    ADD CONSTRAINT feed_events_kind_check CHECK ((kind ~ '^[a-z_]+$'::text)) NOT VALID;


--
-- Name: feed_events feed_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feed_events
    ADD CONSTRAINT feed_events_pkey PRIMARY KEY (user_id, seq);


--
-- Name: feeds feeds_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_pkey PRIMARY KEY (user_id);


--
-- Name: github_accounts github_accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.github_accounts
    ADD CONSTRAINT github_accounts_pkey PRIMARY KEY (provider, id);


--
-- Name: github_accounts github_accounts_user_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.github_accounts
    ADD CONSTRAINT github_accounts_user_id_key UNIQUE (user_id);


--
-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (conversation_id, id);


--
-- Name: messages messages_user_id_client_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_user_id_client_id_key UNIQUE (user_id, client_id);


--
-- Name: meta meta_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (only_row);


--
-- Name: participants participants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.participants
    ADD CONSTRAINT participants_pkey PRIMARY KEY (user_id, conversation_id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: yoyo_lock yoyo_lock_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.yoyo_lock
    ADD CONSTRAINT yoyo_lock_pkey PRIMARY KEY (locked);


--
-- Name: avatars_path; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX avatars_path ON public.avatars USING btree (path);


--
-- Name: messages_unread; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_unread ON public.messages USING btree (conversation_id, user_id, id);


--
-- Name: participants_conversation; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX participants_conversation ON public.participants USING btree (conversation_id, user_id);


--
-- Name: sessions_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_user ON public.sessions USING btree (user_id, last_seen_at);


--
-- Name: users_username; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_username ON public.users USING btree (lower(username) COLLATE "C");


--
-- Name: avatars avatars_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.avatars
    ADD CONSTRAINT avatars_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: conversations conversations_high_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_high_user_id_fkey FOREIGN KEY (high_user_id) REFERENCES public.users(id);


--
-- Name: conversations conversations_low_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_low_user_id_fkey FOREIGN KEY (low_user_id) REFERENCES public.users(id);


--
-- Name: feeds feeds_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: github_accounts github_accounts_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.github_accounts
    ADD CONSTRAINT github_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: messages messages_conversation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;


--
-- Name: messages messages_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: participants participants_conversation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.participants
    ADD CONSTRAINT participants_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;


--
-- Name: participants participants_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.participants
    ADD CONSTRAINT participants_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


