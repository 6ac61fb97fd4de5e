package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"strconv"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// sqlStore is poolStore through database/sql: as many connections as there are transactions, of which two are kept when idle.
type sqlStore struct{ db *sql.DB }

func openSQL(database string) sqlStore {
	db, err := sql.Open("pgx", database)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(schema); err != nil {
		log.Fatal(err)
	}
	return sqlStore{db}
}

func (s sqlStore) store(ctx context.Context, m *message) (participants []string, isNew bool, err error) {
	conversation, user, err := m.ids()
	if err != nil {
		return nil, false, err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	defer tx.Rollback() // nothing, once it is committed
	var member bool
	if err = tx.QueryRowContext(ctx, isMember, user, conversation).Scan(&member); err != nil {
		return nil, false, err
	}
	if !member {
		return nil, false, errNotFound
	}
	var id int64
	err = tx.QueryRowContext(ctx, insert, conversation, user, m.Content, m.ClientID).Scan(&id, &m.CreatedAt)
	if errors.Is(err, sql.ErrNoRows) { // it was sent before
		err = tx.QueryRowContext(ctx, sentBefore, user, m.ClientID).Scan(&m.ID, &m.CreatedAt)
		return nil, false, err
	}
	if err != nil {
		return nil, false, err
	}
	m.ID = strconv.FormatInt(id, 10)
	if _, err = tx.ExecContext(ctx, setLast, id, conversation); err != nil {
		return nil, false, err
	}
	if _, err = tx.ExecContext(ctx, markRead, user, conversation); err != nil {
		return nil, false, err
	}
	rows, err := tx.QueryContext(ctx, whoTakesPart, conversation)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var participant int64
		if err := rows.Scan(&participant); err != nil {
			return nil, false, err
		}
		participants = append(participants, strconv.FormatInt(participant, 10))
	}
	if err := rows.Err(); err != nil {
		return nil, false, err
	}
	return participants, true, tx.Commit()
}
