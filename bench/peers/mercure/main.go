// Mercure's hub as Go programs embed it: NewHub is an http.Handler. Its transport is the one in memory; whoever
// subscribes is anonymous, who publishes has a token, and only warnings are logged.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

func main() {
	port := flag.String("port", "8001", "")
	secret := flag.String("secret", "", "of the publishers' tokens (HS256)")
	flag.Parse()
	logging := zap.NewProductionConfig()
	logging.Level = zap.NewAtomicLevelAt(zap.WarnLevel)
	logger, err := logging.Build()
	if err != nil {
		log.Fatal(err)
	}
	hub, err := mercure.NewHub(
		mercure.WithAnonymous(),
		mercure.WithPublisherJWT([]byte(*secret), "HS256"),
		mercure.WithTransport(mercure.NewLocalTransport()),
		mercure.WithLogger(logger),
	)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, hub))
}
