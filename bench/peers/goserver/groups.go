package main

import (
	"context"
	"errors"
	"log"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// With -feeds, a message has a row in the feed of each member, numbered without gaps, as Messenger has: the
// same rows are written. `single` stores each message in a transaction of its own, in one round trip: it locks the
// feeds, in order, and runs one statement. `batched` is group commit: one goroutine stores all that wait, up to
// `mostRows` of feeds, likewise. Each event has its number as its id.
const (
	mostRows = 4000
	patience = 256 // events that a client may be behind
)

const feedSchema = `
	CREATE TABLE feeds (
		user_id bigint PRIMARY KEY REFERENCES users, last_seq bigint NOT NULL DEFAULT 0
	) WITH (fillfactor = 50);
	INSERT INTO feeds SELECT id FROM users;
	CREATE TABLE feed_events (
		user_id bigint NOT NULL, seq bigint NOT NULL, kind text NOT NULL, conversation_id bigint,
		message_id bigint, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (user_id, seq)
	);
	INSERT INTO conversations VALUES (5001, NULL), (5002, NULL), (5003, NULL);
	INSERT INTO participants (user_id, conversation_id)
	SELECT n, 5001 FROM generate_series(1, 10) n
	UNION ALL SELECT n, 5002 FROM generate_series(1, 100) n
	UNION ALL SELECT n, 5003 FROM generate_series(1, 1000) n;
	ANALYZE feeds, conversations, participants;`

// The two statements of a transaction. All arrays have one element with `single`.
const (
	lockFeeds = `SELECT user_id FROM feeds
		WHERE user_id IN (SELECT user_id FROM participants WHERE conversation_id = ANY($1::bigint[]))
		ORDER BY user_id FOR NO KEY UPDATE`
	storeInFeeds = `
		WITH drafts AS (
			SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[]) WITH ORDINALITY
				AS draft (conversation_id, user_id, content, client_id, n)
		),
		stored AS (
			INSERT INTO messages (conversation_id, user_id, content, client_id, created_at)
			SELECT conversation_id, user_id, content, client_id, clock_timestamp()
			FROM drafts JOIN participants USING (user_id, conversation_id) ORDER BY n
			ON CONFLICT (user_id, client_id) DO NOTHING
			RETURNING id, conversation_id, client_id, created_at
		),
		touched AS (
			UPDATE conversations SET last_message_id = latest.id
			FROM (SELECT conversation_id, max(id) AS id FROM stored GROUP BY conversation_id) latest
			WHERE conversations.id = latest.conversation_id
		),
		events AS (
			SELECT stored.id, stored.conversation_id, participants.user_id
			FROM stored JOIN participants USING (conversation_id)
		),
		advanced AS (
			UPDATE feeds SET last_seq = feeds.last_seq + added.n
			FROM (SELECT user_id, count(*) AS n FROM events GROUP BY user_id) added
			WHERE feeds.user_id = added.user_id
			RETURNING feeds.user_id, feeds.last_seq - added.n AS before
		),
		numbered AS (
			SELECT events.*, before + row_number() OVER (PARTITION BY user_id ORDER BY id) AS seq
			FROM events JOIN advanced USING (user_id)
		),
		appended AS (
			INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id)
			SELECT user_id, seq, 'message', conversation_id, id FROM numbered
		)
		SELECT stored.client_id::text, stored.id, stored.created_at,
			array_agg(numbered.user_id), array_agg(numbered.seq)
		FROM stored JOIN numbered USING (id)
		GROUP BY stored.client_id, stored.id, stored.created_at
		ORDER BY stored.id`
)

// recipients of a message, and its number in the feed of each.
type recipients struct {
	users []int64
	seqs  []int64
}

type waiting struct {
	message *message
	stored  chan error
}

// feedStore stores messages with their feed rows, and publishes each in the order of commits with `batched`.
type feedStore struct {
	pool    *pgxpool.Pool
	publish func(*message, recipients)
	queue   chan waiting // nil: `single`
}

func openFeeds(database string, connections int, batched bool, publish func(*message, recipients)) *feedStore {
	s := &feedStore{pool: openPool(database, connections).pool, publish: publish}
	if _, err := s.pool.Exec(context.Background(), feedSchema); err != nil {
		log.Fatal(err)
	}
	if batched {
		s.queue = make(chan waiting, 1024)
		go s.work()
	}
	return s
}

// store a message, and publish it: no other participants are left to be told.
func (s *feedStore) store(ctx context.Context, m *message) (participants []string, isNew bool, err error) {
	if s.queue == nil {
		err = s.transact(ctx, []*message{m})
	} else {
		job := waiting{m, make(chan error, 1)}
		s.queue <- job
		err = <-job.stored
	}
	return nil, err == nil, err
}

// work takes what waits, and stores it together.
func (s *feedStore) work() {
	sizes := map[string]int{} // of conversations
	for first := range s.queue {
		jobs := []waiting{first}
		rows := sizes[first.message.ConversationID]
	take:
		for rows < mostRows {
			select {
			case next := <-s.queue:
				jobs = append(jobs, next)
				rows += sizes[next.message.ConversationID]
			default:
				break take
			}
		}
		messages := make([]*message, len(jobs))
		for i, job := range jobs {
			messages[i] = job.message
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := s.transact(ctx, messages)
		cancel()
		for _, job := range jobs {
			sizes[job.message.ConversationID] = job.message.members
			job.stored <- err
		}
	}
}

// transact stores the messages in one round trip and one transaction, and publishes them.
func (s *feedStore) transact(ctx context.Context, messages []*message) error {
	byClientID := make(map[string]*message, len(messages))
	conversations, users := make([]int64, len(messages)), make([]int64, len(messages))
	contents, clientIDs := make([]string, len(messages)), make([]string, len(messages))
	for i, m := range messages {
		var err error
		if conversations[i], users[i], err = m.ids(); err != nil {
			return err
		}
		contents[i], clientIDs[i], byClientID[m.ClientID] = m.Content, m.ClientID, m
	}
	batch := &pgx.Batch{} // an implicit transaction
	batch.Queue(lockFeeds, conversations)
	var told []recipients
	var stored []*message
	batch.Queue(storeInFeeds, conversations, users, contents, clientIDs).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var clientID string
			var id int64
			var createdAt time.Time
			var to recipients
			if err := rows.Scan(&clientID, &id, &createdAt, &to.users, &to.seqs); err != nil {
				return err
			}
			m := byClientID[clientID]
			if m == nil {
				return errors.New("another message came back: " + clientID)
			}
			m.ID, m.CreatedAt, m.members = strconv.FormatInt(id, 10), createdAt, len(to.users)
			stored, told = append(stored, m), append(told, to)
		}
		return rows.Err()
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if len(stored) < len(messages) {
		return errNotFound // or repeats: the load sends none
	}
	for i, m := range stored {
		s.publish(m, told[i])
	}
	return nil
}
