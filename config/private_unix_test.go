//go:build unix

package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nobody writes into these pipes: to open one for reading would wait for ever.
func TestPipeIsNoFile(t *testing.T) {
	for key, lines := range map[string]string{
		"[[mail.dkim]] key_file": "\n[[mail.dkim]]\nselector = \"a\"\nkey_file = \"pipe\"\n",
		"[mail] password_file":   "\npassword_file = \"pipe\"\n",
	} {
		path := write(t, strings.Replace(whole, "\n[web]", lines+"\n[web]", 1))
		pipe := filepath.Join(filepath.Dir(path), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := load(path, nil)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), key+": "+pipe+" is no file") {
				t.Errorf("%s: %v", key, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: it waits for the pipe", key)
		}
	}
}
