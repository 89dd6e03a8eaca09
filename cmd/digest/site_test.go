package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// siteCmd serves a folder of the session: "site FOLDER" sets $SITE to where it
// answers. A path that ends with "/" is the index.html in it, or feed.xml where
// that is all there is; SITE in a file stands for the site's address, and a file
// that is "HTTP" and a number for an answer with that code.
func siteCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: site FOLDER")
	}
	dir := ts.MkAbs(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Join(dir, filepath.FromSlash(path.Clean(r.URL.Path)))
		for _, file := range []string{name, name + "/index.html", name + "/feed.xml"} {
			if data, err := os.ReadFile(file); err == nil {
				var code int
				if n, _ := fmt.Sscanf(string(data), "HTTP %d", &code); n == 1 {
					w.WriteHeader(code)
				}
				w.Write([]byte(strings.ReplaceAll(string(data), "SITE", "http://"+r.Host)))
				return
			}
		}
		http.NotFound(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("SITE", server.URL)
	ts.Setenv("HOST", strings.TrimPrefix(server.URL, "http://"))
}
