package mailer_test

import (
	"context"
	"fmt"
	"time"

	"digest/digesttest"
	"digest/mailer"
)

func Example() {
	sink, err := digesttest.StartSink(digesttest.SinkConfig{})
	if err != nil {
		panic(err)
	}
	defer sink.Close()

	letter := mailer.Letter{
		From:    mailer.From{Name: "A Blog", Mailbox: "digest@example.com"},
		Subject: "Three new posts",
		Text:    "Hello %%name,\nhere they are.\n",
		HTML:    "<p>Hello %%name,<br>here they are.</p>",
		Mark:    "%%",
	}
	raw, err := letter.Message(mailer.Reader{
		Address:   "ann@example.net",
		Name:      "Ann",
		Leave:     "https://news.example.com/leave/7.abc",
		MessageID: mailer.MessageID([]byte("secret"), "issue:12/subscriber:7", "example.com"),
		Date:      time.Date(2010, 2, 26, 9, 0, 0, 0, time.UTC),
	})
	if err != nil {
		panic(err)
	}

	message, err := mailer.NewMessage(raw)
	if err != nil {
		panic(err)
	}

	server, err := mailer.ParseServer(sink.URL())
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	session, err := server.Dial(ctx)
	if err != nil {
		panic(err)
	}
	defer session.Close()
	offered, err := session.Offer(ctx, mailer.Envelope{From: "digest@example.com", To: "ann@example.net", Message: message})
	if err != nil {
		panic(err)
	}
	fmt.Println(offered.Class) // the place to write down that the dot is about to leave
	answer, err := session.Dot(ctx, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Class, sink.Accepted()[0].To)
	// Output:
	// ready
	// accepted ann@example.net
}
