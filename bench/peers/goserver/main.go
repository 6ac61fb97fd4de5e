// Goserver is the messenger that a Go programmer writes: net/http, a channel for each client, and for sending the usual
// separate statements in a transaction, on a pool whose statements are prepared (pgx does both by itself). Without -connections
// the same goes through database/sql, whose pool is left as it comes: see sql.go. With -feeds it stores as Messenger does: see groups.go.
//
// A send: the token is verified (JWT, HS256), then seven round trips: BEGIN, is the user a participant, the message
// (once for each client_id of its sender), the conversation's last message, the sender's read marker, who the participants
// are, COMMIT, durable. After that it is encoded once, handed to the open streams of both, and answered.
//
// What it leaves out: it keeps no feed, so a stream cannot resume and may miss what was sent while it was away; a client that does
// not keep up loses messages; it knows no sessions, so a token cannot be revoked; of a request it checks the fields alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type hub struct {
	lock    sync.RWMutex
	clients map[string]map[chan []byte]struct{}
}

func (h *hub) add(user string, client chan []byte) {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.clients[user] == nil {
		h.clients[user] = map[chan []byte]struct{}{}
	}
	h.clients[user][client] = struct{}{}
}

func (h *hub) remove(user string, client chan []byte) {
	h.lock.Lock()
	defer h.lock.Unlock()
	delete(h.clients[user], client)
	if len(h.clients[user]) == 0 {
		delete(h.clients, user)
	}
}

func (h *hub) has(user string) bool {
	h.lock.RLock()
	defer h.lock.RUnlock()
	return len(h.clients[user]) > 0
}

func (h *hub) publish(user string, frame []byte) {
	h.lock.RLock()
	defer h.lock.RUnlock()
	for client := range h.clients[user] {
		select {
		case client <- frame:
		default: // it does not keep up: dropped
		}
	}
}

type server struct {
	hub    hub
	behind int // events that a client may be
	store  func(context.Context, *message) (participants []string, isNew bool, err error)
	secret []byte
	parser *jwt.Parser
}

// user whose token the request has; where it has none that is good, 401 is answered, and the second value false.
func (s *server) user(w http.ResponseWriter, r *http.Request) (string, bool) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var claims jwt.RegisteredClaims
	key := func(*jwt.Token) (any, error) { return s.secret, nil }
	if _, err := s.parser.ParseWithClaims(token, &claims, key); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return "", false
	}
	return claims.Subject, true
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	user, known := s.user(w, r)
	if !known {
		return
	}
	client := make(chan []byte, s.behind)
	s.hub.add(user, client)
	defer s.hub.remove(user, client)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher := w.(http.Flusher)
	fmt.Fprint(w, "event: hello\ndata: {}\n\n")
	flusher.Flush()
	ping := time.NewTicker(20 * time.Second)
	defer ping.Stop()
	for {
		select {
		case frame := <-client:
			if _, err := w.Write(frame); err != nil {
				return
			}
		case <-ping.C:
			fmt.Fprint(w, "event: ping\ndata: {}\n\n")
		case <-r.Context().Done():
			return
		}
		flusher.Flush()
	}
}

type message struct {
	ID             string    `json:"id"`
	ConversationID string    `json:"conversationId"`
	UserID         string    `json:"userId"`
	Content        string    `json:"content"`
	CreatedAt      time.Time `json:"createdAt"`
	ClientID       string    `json:"clientId"`
	members        int       // of the conversation
}

// publish to each recipient's streams an event with its own id, and otherwise the same bytes.
func (s *server) publish(m *message, to recipients) {
	body, _ := json.Marshal(m)
	shared := append(append([]byte("\ndata: "), body...), "\n\n"...)
	for i, user := range to.users {
		id := strconv.FormatInt(user, 10)
		if !s.hub.has(id) {
			continue
		}
		frame := make([]byte, 0, len(shared)+24)
		frame = strconv.AppendInt(append(frame, "id: "...), to.seqs[i], 10)
		s.hub.publish(id, append(frame, shared...))
	}
}

func (s *server) send(w http.ResponseWriter, r *http.Request) {
	user, known := s.user(w, r)
	if !known {
		return
	}
	var fields struct {
		Content  string `json:"content"`
		ClientID string `json:"clientId"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&fields)
	fields.Content = strings.TrimSpace(fields.Content)
	if err != nil || fields.Content == "" || fields.ClientID == "" {
		http.Error(w, "content and clientId, in JSON", http.StatusBadRequest)
		return
	}
	draft := message{
		ConversationID: r.PathValue("id"), UserID: user, Content: fields.Content, ClientID: fields.ClientID,
	}
	participants, isNew, err := s.store(r.Context(), &draft)
	switch {
	case errors.Is(err, errNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		log.Print(err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	body, _ := json.Marshal(draft)
	status := http.StatusOK
	if isNew {
		status = http.StatusCreated
		frame := append(append([]byte("data: "), body...), "\n\n"...)
		for _, participant := range participants {
			s.hub.publish(participant, frame)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

var errNotFound = errors.New("no such conversation")

// ids of the conversation and of who sends.
func (m *message) ids() (conversation, user int64, err error) {
	if conversation, err = strconv.ParseInt(m.ConversationID, 10, 64); err != nil {
		return 0, 0, errNotFound
	}
	if user, err = strconv.ParseInt(m.UserID, 10, 64); err != nil {
		return 0, 0, errNotFound
	}
	return conversation, user, nil
}

// The statements of a send.
const (
	isMember = `SELECT EXISTS (SELECT FROM participants WHERE user_id = $1 AND conversation_id = $2)`
	insert   = `INSERT INTO messages (conversation_id, user_id, content, client_id)
		VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, client_id) DO NOTHING RETURNING id, created_at`
	sentBefore = `SELECT id::text, created_at FROM messages WHERE user_id = $1 AND client_id = $2`
	setLast    = `UPDATE conversations SET last_message_id = $1 WHERE id = $2`
	markRead   = `UPDATE participants SET messages_read_at = now()
		WHERE user_id = $1 AND conversation_id = $2`
	whoTakesPart = `SELECT user_id FROM participants WHERE conversation_id = $1`
)

type poolStore struct{ pool *pgxpool.Pool }

func openPool(database string, connections int) poolStore {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := pool.Exec(context.Background(), schema); err != nil {
		log.Fatal(err)
	}
	return poolStore{pool}
}

// store the draft, once; what the database says of it is filled in.
func (s poolStore) store(ctx context.Context, m *message) (participants []string, isNew bool, err error) {
	conversation, user, err := m.ids()
	if err != nil {
		return nil, false, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var member bool
		err := tx.QueryRow(ctx, isMember, user, conversation).Scan(&member)
		if err != nil {
			return err
		}
		if !member {
			return errNotFound
		}
		var id int64
		err = tx.QueryRow(ctx, insert, conversation, user, m.Content, m.ClientID).
			Scan(&id, &m.CreatedAt)
		if errors.Is(err, pgx.ErrNoRows) { // it was sent before
			return tx.QueryRow(ctx, sentBefore, user, m.ClientID).Scan(&m.ID, &m.CreatedAt)
		}
		if err != nil {
			return err
		}
		isNew, m.ID = true, strconv.FormatInt(id, 10)
		if _, err = tx.Exec(ctx, setLast, id, conversation); err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, markRead, user, conversation); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, whoTakesPart, conversation)
		if err != nil {
			return err
		}
		participants, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			var user int64
			err := row.Scan(&user)
			return strconv.FormatInt(user, 10), err
		})
		return err
	})
	return participants, isNew, err
}

const schema = `
	CREATE TABLE users (id bigint PRIMARY KEY, username text NOT NULL UNIQUE);
	CREATE TABLE conversations (id bigint PRIMARY KEY, last_message_id bigint);
	CREATE TABLE participants (
		user_id bigint REFERENCES users, conversation_id bigint REFERENCES conversations,
		messages_read_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (user_id, conversation_id)
	);
	CREATE INDEX ON participants (conversation_id);
	CREATE TABLE messages (
		id bigserial PRIMARY KEY, conversation_id bigint NOT NULL REFERENCES conversations,
		user_id bigint NOT NULL REFERENCES users, content text NOT NULL, client_id uuid NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (user_id, client_id)
	);
	CREATE INDEX ON messages (conversation_id, id DESC);
	INSERT INTO users SELECT n, 'user' || n FROM generate_series(1, 10000) n;
	INSERT INTO conversations SELECT n, NULL FROM generate_series(1, 5000) n;
	INSERT INTO participants (user_id, conversation_id)
	SELECT 2 * n - side, n FROM generate_series(1, 5000) n, generate_series(0, 1) side;
	ANALYZE users, conversations, participants;`

func main() {
	port := flag.String("port", "8001", "")
	secret := flag.String("secret", "", "of the tokens (HS256)")
	database := flag.String("database", "", "an empty one; without it nothing can be sent")
	connections := flag.Int("connections", 0, "of the pool (pgx); 0: through database/sql, its pool as it comes")
	feeds := flag.String("feeds", "", "single or batched: keep a feed for each user, and have groups; with pgx alone")
	flag.Parse()
	s := &server{
		hub:    hub{clients: map[string]map[chan []byte]struct{}{}},
		behind: 16,
		secret: []byte(*secret),
		parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired()),
	}
	if *database != "" {
		if *feeds != "" {
			s.behind = patience
			s.store = openFeeds(*database, *connections, *feeds == "batched", s.publish).store
		} else if *connections > 0 {
			s.store = openPool(*database, *connections).store
		} else {
			s.store = openSQL(*database).store
		}
	}
	http.HandleFunc("GET /stream", s.stream)
	http.HandleFunc("POST /conversations/{id}/messages", s.send)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, nil))
}
