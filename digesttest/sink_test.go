package digesttest_test

import (
	"errors"
	"net/smtp"
	"path/filepath"
	"strings"
	"testing"

	"digest/digesttest"
)

const sinkMail = "Message-ID: <1@example.com>\r\n\r\nhello\r\n"

func sendTo(sink *digesttest.Sink, to ...string) error {
	return smtp.SendMail(sink.Addr, nil, "digest@example.com", to, []byte(sinkMail))
}

func TestSinkSteering(t *testing.T) {
	for to, test := range map[string]struct {
		reply  string // start of the answer; empty: accepted; "EOF": dropped
		copies int
	}{
		"ann@example.net": {"", 1}, "550.ann@example.net": {"550", 0}, "451@example.net": {"451", 0}, "quota+x@example.net": {"552", 0},
		"greylist@example.net": {"450", 0}, "deferdot@example.net": {"451", 0}, "rejectdot@example.net": {"554", 0},
		"droprcpt@example.net": {"EOF", 0}, "dropdata@example.net": {"EOF", 0}, "dropbefore@example.net": {"EOF", 0}, "dropdot@example.net": {"EOF", 1},
	} {
		sink := digesttest.NewSink(t)
		err := sendTo(sink, to)
		switch {
		case test.reply == "" && err != nil, test.reply != "" && err == nil,
			test.reply != "" && test.reply != "EOF" && !strings.HasPrefix(err.Error(), test.reply):
			t.Errorf("%s: %v", to, err)
		}
		if got := len(sink.Accepted()); got != test.copies {
			t.Errorf("%s: %d copies", to, got)
		}
	}
}

func TestSinkLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink.log")
	for range 2 { // the log outlives the sink
		sink := digesttest.NewSinkWith(t, digesttest.SinkConfig{Log: path})
		if err := sendTo(sink, "ann@example.net"); err != nil {
			t.Fatal(err)
		}
		got := sink.Accepted()
		if len(got) != 1 || string(got[0].Data) != sinkMail || got[0].MessageID != "<1@example.com>" || sink.Connections() != 1 {
			t.Errorf("accepted %v", got)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
	}
	logged, err := digesttest.ReadSinkLog(path)
	if err != nil || len(logged) != 2 || logged[1].To != "ann@example.net" || logged[0].SHA256 != logged[1].SHA256 {
		t.Errorf("log %v, %v", logged, err)
	}
}

func TestSinkOptions(t *testing.T) {
	if err := sendTo(digesttest.NewSinkWith(t, digesttest.SinkConfig{RefuseFrom: 553}), "ann@example.net"); err == nil || !strings.HasPrefix(err.Error(), "553") {
		t.Errorf("sender: %v", err)
	}
	if err := sendTo(digesttest.NewSinkWith(t, digesttest.SinkConfig{User: "me", Password: "x"}), "ann@example.net"); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("without login: %v", err)
	}
	seen := ""
	sink := digesttest.NewSinkWith(t, digesttest.SinkConfig{
		OnRcpt: func(to string) error { seen = to; return nil },
		OnData: func(digesttest.Received) error { return errors.New("no") },
	})
	if err := sendTo(sink, "ann@example.net"); err == nil || seen != "ann@example.net" || len(sink.Accepted()) != 0 {
		t.Errorf("hooks: %v, %q", err, seen)
	}
}
