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
    reader_id bigint,
    last_read_message_id bigint,
    unread_count integer,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    shown_user_id bigint,
    shown_username text,
    shown_avatar_url text
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

INSERT INTO public._yoyo_log VALUES ('ca7759ec-eca1-11f1-914c-02fc00000001', '76dcbafdee440d2ed03cad8f299af19dfdd14a37a7f1a6330d58c733522c1ed2', '0001.messenger', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:25.590851');
INSERT INTO public._yoyo_log VALUES ('ca7b06fa-eca1-11f1-914c-02fc00000001', '846843df51af82d232bd8acae62f98d4fe76effe5f3cac200fd34b18cfa831a9', '0002.github', 'apply', 'root', 'localhost', NULL, '2026-11-30 09:38:25.614736');


--
-- Data for Name: _yoyo_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._yoyo_migration VALUES ('76dcbafdee440d2ed03cad8f299af19dfdd14a37a7f1a6330d58c733522c1ed2', '0001.messenger', '2026-11-30 09:38:25.598068');
INSERT INTO public._yoyo_migration VALUES ('846843df51af82d232bd8acae62f98d4fe76effe5f3cac200fd34b18cfa831a9', '0002.github', '2026-11-30 09:38:25.621211');


--
-- Data for Name: _yoyo_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._yoyo_version VALUES (2, '2026-11-30 09:38:25.521433');


--
-- Data for Name: avatars; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: conversations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.conversations OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, '2026-11-30 09:38:26.080883+00', '2026-11-30 09:38:26.315689+00');


--
-- Data for Name: feed_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.feed_events VALUES (1, 1, 'conversation', 1, NULL, NULL, NULL, NULL, '2026-11-30 09:38:26.085952+00', 2, 'jane', NULL);
INSERT INTO public.feed_events VALUES (2, 1, 'conversation', 1, NULL, NULL, NULL, NULL, '2026-11-30 09:38:26.08615+00', 1, 'john', NULL);
INSERT INTO public.feed_events VALUES (1, 2, 'message', 1, 1, NULL, NULL, NULL, '2026-11-30 09:38:26.115984+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 2, 'message', 1, 1, NULL, NULL, NULL, '2026-11-30 09:38:26.116034+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 3, 'message', 1, 2, NULL, NULL, NULL, '2026-11-30 09:38:26.130859+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 3, 'message', 1, 2, NULL, NULL, NULL, '2026-11-30 09:38:26.130892+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 4, 'message', 1, 3, NULL, NULL, NULL, '2026-11-30 09:38:26.148346+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 4, 'message', 1, 3, NULL, NULL, NULL, '2026-11-30 09:38:26.148379+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 5, 'message', 1, 4, NULL, NULL, NULL, '2026-11-30 09:38:26.160561+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 5, 'message', 1, 4, NULL, NULL, NULL, '2026-11-30 09:38:26.160594+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 6, 'message', 1, 5, NULL, NULL, NULL, '2026-11-30 09:38:26.17309+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 6, 'message', 1, 5, NULL, NULL, NULL, '2026-11-30 09:38:26.173122+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 7, 'message', 1, 6, NULL, NULL, NULL, '2026-11-30 09:38:26.18583+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 7, 'message', 1, 6, NULL, NULL, NULL, '2026-11-30 09:38:26.185859+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 8, 'message', 1, 7, NULL, NULL, NULL, '2026-11-30 09:38:26.194377+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 8, 'message', 1, 7, NULL, NULL, NULL, '2026-11-30 09:38:26.194406+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 9, 'message', 1, 8, NULL, NULL, NULL, '2026-11-30 09:38:26.200391+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 9, 'message', 1, 8, NULL, NULL, NULL, '2026-11-30 09:38:26.200428+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 10, 'message', 1, 9, NULL, NULL, NULL, '2026-11-30 09:38:26.211328+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 10, 'message', 1, 9, NULL, NULL, NULL, '2026-11-30 09:38:26.211712+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 11, 'message', 1, 10, NULL, NULL, NULL, '2026-11-30 09:38:26.217667+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 11, 'message', 1, 10, NULL, NULL, NULL, '2026-11-30 09:38:26.217696+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 12, 'message', 1, 11, NULL, NULL, NULL, '2026-11-30 09:38:26.222614+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 12, 'message', 1, 11, NULL, NULL, NULL, '2026-11-30 09:38:26.222646+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 13, 'message', 1, 12, NULL, NULL, NULL, '2026-11-30 09:38:26.232307+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 13, 'message', 1, 12, NULL, NULL, NULL, '2026-11-30 09:38:26.232334+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 14, 'message', 1, 13, NULL, NULL, NULL, '2026-11-30 09:38:26.246143+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 14, 'message', 1, 13, NULL, NULL, NULL, '2026-11-30 09:38:26.246184+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 15, 'message', 1, 14, NULL, NULL, NULL, '2026-11-30 09:38:26.252562+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 15, 'message', 1, 14, NULL, NULL, NULL, '2026-11-30 09:38:26.25262+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 16, 'message', 1, 15, NULL, NULL, NULL, '2026-11-30 09:38:26.256109+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 16, 'message', 1, 15, NULL, NULL, NULL, '2026-11-30 09:38:26.256147+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 17, 'message', 1, 16, NULL, NULL, NULL, '2026-11-30 09:38:26.278174+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 17, 'message', 1, 16, NULL, NULL, NULL, '2026-11-30 09:38:26.278214+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 18, 'message', 1, 17, NULL, NULL, NULL, '2026-11-30 09:38:26.2809+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 18, 'message', 1, 17, NULL, NULL, NULL, '2026-11-30 09:38:26.280933+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 19, 'message', 1, 18, NULL, NULL, NULL, '2026-11-30 09:38:26.289544+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 19, 'message', 1, 18, NULL, NULL, NULL, '2026-11-30 09:38:26.289581+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 20, 'message', 1, 19, NULL, NULL, NULL, '2026-11-30 09:38:26.294897+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 20, 'message', 1, 19, NULL, NULL, NULL, '2026-11-30 09:38:26.294924+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 21, 'message', 1, 20, NULL, NULL, NULL, '2026-11-30 09:38:26.315867+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 21, 'message', 1, 20, NULL, NULL, NULL, '2026-11-30 09:38:26.315903+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (1, 22, 'read', 1, NULL, 2, 20, NULL, '2026-11-30 09:38:31.623445+00', NULL, NULL, NULL);
INSERT INTO public.feed_events VALUES (2, 22, 'read', 1, NULL, 2, 20, 0, '2026-11-30 09:38:31.628949+00', NULL, NULL, NULL);


--
-- Data for Name: feeds; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.feeds VALUES (1, 22);
INSERT INTO public.feeds VALUES (2, 22);


--
-- Data for Name: github_accounts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (1, 1, 2, 'number 0', '2026-11-30 09:38:26.115411+00', '64112f4f-510a-4cb2-b77f-9d9237ecb4c6', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (2, 1, 1, 'number 1', '2026-11-30 09:38:26.130734+00', '562e4ddc-88cd-45c5-ae74-657011f4c85a', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (3, 1, 1, 'number 2', '2026-11-30 09:38:26.148208+00', 'a7a6ee9e-76f1-4cc4-b144-245298fe3bd0', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (4, 1, 2, 'number 3', '2026-11-30 09:38:26.160437+00', '936e0b90-f470-4969-8b5c-a8817d7d312a', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (5, 1, 1, 'number 4', '2026-11-30 09:38:26.172906+00', '932a5300-2831-45e0-8c7c-2e05e0ec2c7f', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (6, 1, 1, 'number 5', '2026-11-30 09:38:26.185707+00', '05dc3738-42d1-4678-8950-837fd6b80616', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (7, 1, 2, 'number 6', '2026-11-30 09:38:26.19426+00', 'efc4e56d-a8ca-41dc-b7e0-315aeaf9b382', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (8, 1, 1, 'number 7', '2026-11-30 09:38:26.20026+00', '7b694471-30df-40cc-984f-c6df9a03cf4b', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (9, 1, 1, 'number 8', '2026-11-30 09:38:26.211189+00', '2f595db8-02c3-4473-9c80-bd1764925cf1', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (10, 1, 2, 'number 9', '2026-11-30 09:38:26.217553+00', '887f7048-35df-4375-a290-25ea61882383', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (11, 1, 1, 'number 10', '2026-11-30 09:38:26.222493+00', '35bf3969-4e47-42c0-ac74-b5f1c7f73ce5', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (12, 1, 1, 'number 11', '2026-11-30 09:38:26.232207+00', '3c5b84b3-fed0-4b59-bc00-2cb98bd7ee67', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (13, 1, 2, 'number 12', '2026-11-30 09:38:26.245982+00', 'bd814af9-7a53-488e-8f72-296d426f9640', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (14, 1, 1, 'number 13', '2026-11-30 09:38:26.249825+00', '4b2dd054-c379-4951-9ed3-b1b1e9f113e2', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (15, 1, 1, 'number 14', '2026-11-30 09:38:26.25596+00', 'b97506b9-fe36-4dd2-bde4-b56212bb0e61', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (16, 1, 2, 'number 15', '2026-11-30 09:38:26.277549+00', '1f363378-3324-4037-9374-90e7428adeb3', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (17, 1, 1, 'number 16', '2026-11-30 09:38:26.280801+00', 'a773ff58-78bb-4010-971a-226c725228b3', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (18, 1, 1, 'number 17', '2026-11-30 09:38:26.289427+00', 'de7262bb-1981-4294-baf8-b7f00fa90cfc', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (19, 1, 2, 'number 18', '2026-11-30 09:38:26.294798+00', '590642c1-d50b-489b-b328-ba271de5c17b', false);
INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES (20, 1, 1, 'number 19', '2026-11-30 09:38:26.315689+00', 'db43c79f-381c-4e1f-8abd-415544096ca4', false);


--
-- Data for Name: meta; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.meta VALUES (true, 'd115ada4ce19', '7713896569296158145', 1, 16384);


--
-- Data for Name: participants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.participants VALUES (1, 1, NULL);
INSERT INTO public.participants VALUES (2, 1, 20);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Tornado/6.6.1', '2026-11-30 09:38:26.050104+00', '2026-11-30 09:38:26.050104+00');
INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (2, 2, 'Tornado/6.6.1', '2026-11-30 09:38:26.066766+00', '2026-11-30 09:38:26.066766+00');
INSERT INTO public.sessions OVERRIDING SYSTEM VALUE VALUES (3, 2, 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36', '2026-11-30 09:38:30.478765+00', '2026-11-30 09:38:30.478765+00');


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES (1, 'john', NULL, '2026-11-30 09:38:26.040348+00');
INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES (2, 'jane', NULL, '2026-11-30 09:38:26.059932+00');


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
-- Name: feed_events feed_events_conversation_check; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.feed_events
    ADD CONSTRAINT feed_events_conversation_check CHECK (((kind = 'user'::text) OR (conversation_id IS NOT NULL))) NOT VALID;


--
-- Name: feed_events feed_events_kind_check; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.feed_events
    ADD CONSTRAINT feed_events_kind_check CHECK ((kind = ANY (ARRAY['message'::text, 'conversation'::text, 'read'::text, 'user'::text]))) NOT VALID;


--
-- Name: feed_events feed_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feed_events
    ADD CONSTRAINT feed_events_pkey PRIMARY KEY (user_id, seq);


--
-- Name: feed_events feed_events_shown_check; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.feed_events
    ADD CONSTRAINT feed_events_shown_check CHECK (((kind <> ALL (ARRAY['user'::text, 'conversation'::text])) OR (shown_username IS NOT NULL))) NOT VALID;


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


