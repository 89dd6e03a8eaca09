package subscribers

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Row is one reader in a file.
type Row struct {
	Line    int // where the row begins; the first line is 1
	Address Address
	Name    string
	// Left says that the file marks this reader as gone: unsubscribed, bounced,
	// complained or disabled. Such a row is to be suppressed, never added.
	Left bool
	// Unconfirmed says that the file marks this reader as never having confirmed.
	Unconfirmed bool
	// Why is the cell behind Left or Unconfirmed, as "status: unsubscribed".
	Why string
}

// Import reads a list of readers row by row, in constant memory: a CSV file as
// the known newsletter services write it, or one address per line. It takes
// comma, semicolon and tab, UTF-8 and UTF-16 with a byte order mark, quoted
// cells of several lines, and a header where there is one. Empty lines are
// passed over.
//
// A row that cannot be used comes with an error that names its line, and the
// reading goes on. An error that ends the file, such as one of r, is the last.
func Import(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		t := table{records: newRecords(r)}
		for {
			row, err := t.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, errSkip):
				continue
			case err != nil:
				err = fmt.Errorf("line %d: %w", row.Line, err)
			}
			if !yield(row, err) || t.records.failed != nil {
				return
			}
		}
	}
}

var (
	errSkip     = errors.New("not a row")
	errNoColumn = errors.New("no column holds an address; name one email in the first line")
)

// table turns records into rows, by what the first record says.
type table struct {
	records *records
	columns columns
	begun   bool
}

func (t *table) next() (Row, error) {
	cells, line, err := t.records.next()
	if err != nil {
		return Row{Line: line}, err
	}
	for i, cell := range cells {
		cells[i] = cleanCell(cell)
	}
	if strings.Join(cells, "") == "" {
		return Row{}, errSkip
	}
	if !t.begun {
		t.begun = true
		header := false
		if t.columns, header = readHeader(cells); header {
			return Row{}, errSkip
		}
	}
	row, err := t.columns.row(cells)
	row.Line = line
	return row, err
}

// cleanCell drops the space around a cell, the apostrophe that ExportCSV and
// spreadsheets put before what could be taken for a formula, and bytes that are
// not UTF-8 (which are most often Windows-1252).
func cleanCell(cell string) string {
	if !utf8.ValidString(cell) {
		if s, err := charmap.Windows1252.NewDecoder().String(cell); err == nil {
			cell = s
		}
	}
	cell = strings.TrimSpace(cell)
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

// columns says which cell is what; -1 is none.
type columns struct {
	names       []string // of the header, as written; nil without one
	email       int
	first, last int
	marks       []mark // cells that say whether a reader is still one
}

type mark struct {
	column int
	read   func(cell string) standing
}

// readHeader looks at the first record. A record that holds an address is no
// header but the first row.
func readHeader(cells []string) (c columns, header bool) {
	c = columns{email: -1, first: -1, last: -1}
	for i, cell := range cells {
		if _, _, err := mailbox(cell); err == nil {
			c.email = i
			if len(cells) == 2 {
				c.first = 1 - i
			}
			return c, false
		}
	}
	c.names = append([]string(nil), cells...)
	c.email = column(cells, "email", "emailaddress", "mail", "useremail", "subscriberemail", "emailaddress1",
		"epost", "courriel", "correo", "correoelectronico", "emailadresse", "mailadresse", "adressemail", "address")
	c.first = column(cells, "name", "fullname", "displayname", "subscribername", "firstname", "fname", "vorname", "prenom")
	c.last = column(cells, "lastname", "lname", "surname", "nachname", "nom")
	if c.first >= 0 && !strings.Contains("firstname fname vorname prenom", fold(cells[c.first])) {
		c.last = -1
	}
	for i, cell := range cells {
		if read := reader(fold(cell)); read != nil {
			c.marks = append(c.marks, mark{i, read})
		}
	}
	return c, c.email >= 0 || !strings.ContainsAny(strings.Join(cells, ""), "@")
}

// column finds the first of names, in their order, among the header's cells.
func column(cells []string, names ...string) int {
	for _, name := range names {
		for i, cell := range cells {
			if fold(cell) == name {
				return i
			}
		}
	}
	return -1
}

// fold reduces a header to its lower-case ASCII letters and digits, so that
// "Email Address", "e-mail address" and EMAIL_ADDRESS are one.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case r == 'é' || r == 'É':
			return 'e'
		case r == 'ó' || r == 'Ó':
			return 'o'
		}
		return -1
	}, s)
}

func (c *columns) row(cells []string) (Row, error) {
	if c.email < 0 {
		// The header named no column we know: the first address found decides.
		for i, cell := range cells {
			if _, _, err := mailbox(cell); err == nil {
				c.email = i
				break
			}
		}
		if c.email < 0 {
			return Row{}, errNoColumn
		}
	}
	var row Row
	if c.email >= len(cells) || cells[c.email] == "" {
		return row, fmt.Errorf("%w: the cell is empty", ErrAddress)
	}
	a, name, err := mailbox(cells[c.email])
	if err != nil {
		return row, err
	}
	row.Address, row.Name = a, name
	if full := cleanName(cellAt(cells, c.first) + " " + cellAt(cells, c.last)); full != "" {
		row.Name = full
	}
	for _, m := range c.marks {
		cell := cellAt(cells, m.column)
		if s := m.read(cell); s > present && !row.Left {
			row.Left, row.Unconfirmed = s == gone, s == unconfirmed
			row.Why = cleanName(c.names[m.column] + ": " + cell)
		}
	}
	return row, nil
}

func cellAt(cells []string, i int) string {
	if i < 0 || i >= len(cells) {
		return ""
	}
	return cells[i]
}

// mailbox reads the address of a cell, also as "mailto:…", "Name <…>" or in quotes.
func mailbox(cell string) (a Address, name string, err error) {
	const quotes = "\"'“”„‘’«» \u00a0\t"
	cell = strings.TrimSpace(cell)
	if head, rest, ok := strings.Cut(cell, "<"); ok && strings.HasSuffix(rest, ">") {
		name, cell = cleanName(strings.Trim(head, quotes)), strings.TrimSuffix(rest, ">")
	}
	if a, err := ParseAddress(cell); err == nil {
		return a, name, nil
	}
	cell = strings.Trim(cell, quotes)
	if len(cell) > 7 && strings.EqualFold(cell[:7], "mailto:") {
		cell = cell[7:]
	}
	a, err = ParseAddress(cell)
	return a, name, err
}
