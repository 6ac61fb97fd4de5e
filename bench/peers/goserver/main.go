// Goserver is the server that a Go programmer writes in an afternoon: net/http, a channel for each
// client, and for sending the usual separate statements in a transaction, on a pool with prepared
// statements. It checks no token, keeps no feed and cannot resume.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"sync"
	"time"

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
	hub  hub
	pool *pgxpool.Pool
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Query().Get("user")
	client := make(chan []byte, 16)
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

// publish hands the body on, as it is: the fan-out without the database.
func (s *server) publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	frame := append(append([]byte("data: "), body...), "\n\n"...)
	s.hub.publish(r.URL.Query().Get("user"), frame)
	w.WriteHeader(http.StatusNoContent)
}

type message struct {
	ID             string    `json:"id"`
	ConversationID string    `json:"conversationId"`
	UserID         string    `json:"userId"`
	Content        string    `json:"content"`
	CreatedAt      time.Time `json:"createdAt"`
}

func (s *server) send(w http.ResponseWriter, r *http.Request) {
	conversation, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	user, _ := strconv.ParseInt(r.URL.Query().Get("user"), 10, 64)
	var fields struct {
		Content string `json:"content"`
	}
	if err := json.NewDecoder(r.Body).Decode(&fields); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stored, participants, err := s.store(r.Context(), conversation, user, fields.Content)
	if err != nil {
		log.Print(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body, _ := json.Marshal(stored)
	frame := append(append([]byte("data: "), body...), "\n\n"...)
	for _, participant := range participants {
		s.hub.publish(strconv.FormatInt(participant, 10), frame)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	w.Write(body)
}

// store: BEGIN, is a participant, insert, last message, read marker, participants, COMMIT.
func (s *server) store(
	ctx context.Context, conversation, user int64, content string,
) (*message, []int64, error) {
	stored := &message{Content: content}
	var participants []int64
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var member bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM participants
			WHERE user_id = $1 AND conversation_id = $2)`, user, conversation).Scan(&member)
		if err != nil {
			return err
		}
		if !member {
			return fmt.Errorf("user %d is not in conversation %d", user, conversation)
		}
		var id int64
		err = tx.QueryRow(ctx, `INSERT INTO messages (conversation_id, user_id, content)
			VALUES ($1, $2, $3) RETURNING id, created_at`, conversation, user, content).
			Scan(&id, &stored.CreatedAt)
		if err != nil {
			return err
		}
		stored.ID = strconv.FormatInt(id, 10)
		stored.ConversationID = strconv.FormatInt(conversation, 10)
		stored.UserID = strconv.FormatInt(user, 10)
		_, err = tx.Exec(ctx, `UPDATE conversations SET last_message_id = $1 WHERE id = $2`,
			id, conversation)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE participants SET messages_read_at = now()
			WHERE user_id = $1 AND conversation_id = $2`, user, conversation)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT user_id FROM participants WHERE conversation_id = $1`,
			conversation)
		if err != nil {
			return err
		}
		participants, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	return stored, participants, err
}

const schema = `
	CREATE TABLE conversations (id bigint PRIMARY KEY, last_message_id bigint);
	CREATE TABLE participants (
		user_id bigint, conversation_id bigint, messages_read_at timestamptz DEFAULT now(),
		PRIMARY KEY (user_id, conversation_id)
	);
	CREATE INDEX ON participants (conversation_id);
	CREATE TABLE messages (
		id bigserial PRIMARY KEY, conversation_id bigint NOT NULL, user_id bigint NOT NULL,
		content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
	);
	CREATE INDEX ON messages (conversation_id, id DESC);
	INSERT INTO conversations SELECT n, NULL FROM generate_series(1, 5000) n;
	INSERT INTO participants (user_id, conversation_id)
	SELECT 2 * n - side, n FROM generate_series(1, 5000) n, generate_series(0, 1) side;
	ANALYZE;`

func main() {
	port := flag.String("port", "8001", "")
	database := flag.String("database", "", "an empty one; without it nothing can be sent")
	flag.Parse()
	s := &server{hub: hub{clients: map[string]map[chan []byte]struct{}{}}}
	if *database != "" {
		pool, err := pgxpool.New(context.Background(), *database)
		if err != nil {
			log.Fatal(err)
		}
		s.pool = pool
		if _, err := pool.Exec(context.Background(), schema); err != nil {
			log.Fatal(err)
		}
	}
	http.HandleFunc("GET /stream", s.stream)
	http.HandleFunc("POST /publish", s.publish)
	http.HandleFunc("POST /conversations/{id}/messages", s.send)
	fmt.Println("ready")
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, nil))
}
