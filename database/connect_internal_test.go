package database

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

func TestEveryConnectionIsAsAsked(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "digest.db")
	db, err := Create(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var open []*sql.Conn
	for range connections {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "mmap_size": "0"}
	for i, conn := range open {
		for name, want := range want {
			var got string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&got); err != nil || got != want {
				t.Errorf("connection %d: %s = %s, %v; want %s", i, name, got, err, want)
			}
		}
	}
}

func TestConnectionNotAsAskedIsRefused(t *testing.T) {
	for _, wrong := range []string{"synchronous(NORMAL)", "foreign_keys(0)", "busy_timeout(1)", "journal_mode(DELETE)", "synchronus(FULL)"} {
		path := filepath.Join(t.TempDir(), "x.db")
		address := dsn(path, looking) // no pragma of ours
		address = strings.Replace(address, "mode=ro", "mode=rwc", 1) + "&_pragma=" + wrong
		base, err := sqlite.NewConnector(address)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(checked{base, pragmas(writing)})
		defer db.Close()
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "refusing a connection") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestNoConnectionMakesAFile(t *testing.T) {
	for _, p := range []purpose{writing, reading, looking} {
		path := filepath.Join(t.TempDir(), "none.db")
		db, err := connect(path, p)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if db.Ping() == nil {
			t.Errorf("purpose %d: connected to nothing", p)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("purpose %d: made a file", p)
		}
	}
}

func TestProbe(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "digest.db")
	db, err := Create(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := probe(ctx, db); err != nil {
		t.Error(err)
	}
	if _, ok, _ := Setting(ctx, db, "probe"); ok {
		t.Error("the probe left its mark")
	}
	ro, err := connect(path, reading)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if err := probe(ctx, ro); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v, want ErrReadOnly", err)
	}
}

func TestNetworked(t *testing.T) {
	tests := []struct {
		m    mount
		want string
	}{
		{mount{0xef53, "ext4", "rw"}, ""},
		{mount{0x01021994, "tmpfs", "rw"}, ""},
		{mount{0x794c7630, "overlay", "rw"}, ""},
		{mount{0x9123683e, "btrfs", "rw"}, ""},
		{mount{0x58465342, "xfs", "rw"}, ""},
		{mount{0x6969, "nfs4", "rw"}, "NFS"},
		{mount{0x6969, "", ""}, "NFS"},
		{mount{0xff534d42, "cifs", "rw"}, "CIFS"},
		{mount{0xfe534d42, "smb3", "rw"}, "CIFS"},
		{mount{0x517b, "smbfs", ""}, "SMB"},
		{mount{0, "smbfs", ""}, "smbfs"},
		{mount{0, "apfs", ""}, ""},
		{mount{0x65735546, "fuse.sshfs", "rw"}, "fuse.sshfs"},
		{mount{0x65735546, "fuse.gcsfuse", "rw"}, "fuse.gcsfuse"},
		{mount{0x65735546, "fuse.gocryptfs", "rw"}, ""},
		{mount{0x65735546, "fuseblk", "rw"}, ""},
		{mount{0x65735546, "", ""}, ""},
		{mount{0x01021997, "9p", "rw,aname=drvfs;path=C:\\,trans=fd"}, "9p"},
		{mount{0x01021997, "9p", "rw,trans=virtio"}, "9p"},
		{mount{0x01021997, "9p", "rw,trans=fd,rfdno=4"}, ""},
	}
	for _, tt := range tests {
		if got := networked(tt.m); got != tt.want {
			t.Errorf("networked(%+v) = %q, want %q", tt.m, got, tt.want)
		}
	}
}

func TestFindMount(t *testing.T) {
	const info = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 22 0:35 / /mnt/a\040b rw - fuse.sshfs me@host:/ rw,user_id=0
41 22 0:36 / /old rw,nosuid master:2 - nfs4 host:/x rw,vers=4.2
`
	for _, tt := range []struct{ device, kind, options string }{
		{"254:0", "ext4", "rw,discard"},
		{"0:35", "fuse.sshfs", "rw,user_id=0"},
		{"0:36", "nfs4", "rw,vers=4.2"},
		{"9:9", "", ""},
	} {
		if kind, options := findMount(info, tt.device); kind != tt.kind || options != tt.options {
			t.Errorf("findMount(%s) = %q, %q", tt.device, kind, options)
		}
	}
}

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	a, b, empty := file("a", "aaaa\n"), file("b", "bbbb\n"), file("e", "\n")
	fresh, none := file("u", "uninitialized\n"), filepath.Join(dir, "none")
	of := func(machines ...string) string {
		id, err := instance("", a, machines)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if of(a) == of(b) {
		t.Error("a cloned machine has the same identity")
	}
	if of(a) != of(none, empty, fresh, a) || of(a, b) != of(a) {
		t.Error("the first machine-id does not decide")
	}
	if of(none) != of() {
		t.Error("no machine-id is not none")
	}
}
