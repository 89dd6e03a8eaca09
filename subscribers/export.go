package subscribers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// exportPage is how many subscribers ExportCSV reads at a time.
const exportPage = 500

// ExportCSV writes every subscriber but the erased ones as UTF-8 CSV with CRLF:
// email, name, status, digests (with spaces between), created_at, confirmed_at,
// left_at (RFC 3339, UTC; empty for never). Every cell is quoted, and one that a
// spreadsheet would take for a formula begins with an apostrophe, which Import
// takes off again.
func ExportCSV(ctx context.Context, q Querier, w io.Writer) error {
	out := bufio.NewWriter(w)
	writeRow(out, "email", "name", "status", "digests", "created_at", "confirmed_at", "left_at")
	for after := int64(0); ; {
		list, err := List(ctx, q, after, exportPage)
		if err != nil {
			return err
		}
		for _, s := range list {
			after = s.ID
			if s.State == Erased {
				continue
			}
			writeRow(out, s.Address, s.Name, string(s.State), strings.Join(s.Digests, " "),
				stamp(s.Created), stamp(s.Confirmed), stamp(s.Left))
		}
		if len(list) < exportPage {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing subscribers: %w", err)
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// writeRow leaves errors to Flush, as bufio keeps the first.
func writeRow(out *bufio.Writer, cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte(',')
		}
		if formula(cell) {
			cell = "'" + cell
		}
		out.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
	}
	out.WriteString("\r\n")
}

// formula reports whether a spreadsheet would run a cell, or one behind an
// apostrophe: full-width forms count, for some fold them.
func formula(cell string) bool {
	return strings.IndexAny(cell, "=+-@\t\r\n'＝＋－＠") == 0
}
