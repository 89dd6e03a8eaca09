package templates

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textWidth is where the text part is wrapped.
const textWidth = 72

// minWidth is the narrowest a nested quote or list is set; deeper ones are no
// longer indented.
const minWidth = 36

// Text writes the body as plain text, wrapped, with its links as numbered
// notes below it. It reads the same tree as HTML.
func (p prose) Text() string {
	w := &typist{}
	lines := w.blocks(p.root, textWidth)
	if len(w.notes) > 0 {
		lines = append(lines, "")
	}
	for i, address := range w.notes {
		lines = append(lines, fmt.Sprintf("[%d] %s", i+1, address))
	}
	return strings.Join(lines, "\n")
}

// typist sets a tree of HTML as lines of text.
type typist struct {
	notes []string // addresses, numbered from 1
}

// note is the number of the note for address.
func (w *typist) note(address string) int {
	for i, known := range w.notes {
		if known == address {
			return i + 1
		}
	}
	w.notes = append(w.notes, address)
	return len(w.notes)
}

// blocks sets what n holds, one empty line between blocks.
func (w *typist) blocks(n *html.Node, width int) []string {
	var out []string
	var inline strings.Builder
	add := func(lines []string) {
		if len(lines) == 0 {
			return
		}
		if len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, lines...)
	}
	flush := func() {
		add(paragraph(inline.String(), width))
		inline.Reset()
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if isBlock(c) {
			flush()
			add(w.block(c, width))
		} else {
			w.inline(&inline, c)
		}
	}
	flush()
	return out
}

// isBlock reports whether n starts a line of its own, or holds what does.
func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.P, atom.Div, atom.Blockquote, atom.Pre, atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd, atom.Table, atom.Hr,
		atom.Figure, atom.Figcaption, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	}
	return false
}

func (w *typist) block(n *html.Node, width int) []string {
	switch n.DataAtom {
	case atom.Hr:
		return []string{"* * *"}
	case atom.Pre:
		return code(n, width)
	case atom.Blockquote:
		return prefix(w.blocks(n, narrower(width, 2)), "> ", "> ", width)
	case atom.Ul, atom.Ol:
		return w.list(n, width)
	case atom.Dd:
		return prefix(w.blocks(n, narrower(width, 2)), "  ", "  ", width)
	case atom.Table:
		return w.table(n, width)
	case atom.H3, atom.H4, atom.H5, atom.H6:
		lines := w.blocks(n, width)
		if len(lines) == 0 {
			return nil
		}
		return append(lines, strings.Repeat("-", min(width, columns(lines[len(lines)-1]))))
	}
	return w.blocks(n, width)
}

// inline writes running text; "\n" in it is a line break that stays.
func (w *typist) inline(b *strings.Builder, n *html.Node) {
	switch n.DataAtom {
	case 0:
		if n.Type == html.TextNode {
			b.WriteString(strings.NewReplacer("\n", " ", "\t", " ").Replace(n.Data))
		}
	case atom.Br:
		b.WriteByte('\n')
	case atom.Img:
		if alt := attr(n, "alt"); alt != "" {
			b.WriteString("[Image: " + alt + "]")
		}
	case atom.A:
		w.anchor(b, n)
	case atom.Sup:
		w.marked(b, n, "^", "")
	case atom.Code:
		w.marked(b, n, "`", "`")
	case atom.Q:
		w.marked(b, n, "“", "”")
	default:
		w.marked(b, n, "", "")
	}
}

// marked writes what n holds between two marks.
func (w *typist) marked(b *strings.Builder, n *html.Node, before, after string) {
	b.WriteString(before)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if isBlock(c) {
			b.WriteByte('\n')
			w.marked(b, c, "", "\n")
		} else {
			w.inline(b, c)
		}
	}
	b.WriteString(after)
}

// anchor writes a link as its words and the number of its note; one that shows
// its own address stands as that.
func (w *typist) anchor(b *strings.Builder, n *html.Node) {
	href := attr(n, "href")
	var words strings.Builder
	w.marked(&words, n, "", "")
	shown := strings.TrimSpace(words.String())
	if shown == href || "mailto:"+shown == href {
		b.WriteString(shown)
		return
	}
	b.WriteString(words.String())
	fmt.Fprintf(b, " [%d]", w.note(href))
}

// list sets items with a hanging indent, tight unless an item has paragraphs.
func (w *typist) list(n *html.Node, width int) []string {
	number := 1
	if start, err := strconv.Atoi(attr(n, "start")); err == nil {
		number = start
	}
	var out []string
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom != atom.Li {
			out = append(out, w.stray(c, width)...)
			continue
		}
		mark := "- "
		if n.DataAtom == atom.Ol {
			mark = strconv.Itoa(number) + ". "
			number++
		}
		lines := w.item(c, narrower(width, len(mark)))
		out = append(out, prefix(lines, mark, strings.Repeat(" ", len(mark)), width)...)
	}
	return out
}

// stray sets what stands in a list without being an item of it.
func (w *typist) stray(n *html.Node, width int) []string {
	if isBlock(n) {
		return w.block(n, width)
	}
	var b strings.Builder
	w.inline(&b, n)
	return paragraph(b.String(), width)
}

// item sets one entry of a list: a list inside it follows without an empty line.
func (w *typist) item(n *html.Node, width int) []string {
	var out []string
	for _, line := range w.blocks(n, width) {
		if line != "" || !tight(n) {
			out = append(out, line)
		}
	}
	return out
}

// tight reports whether a list item holds but text and lists.
func tight(n *html.Node) bool {
	paragraphs := 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.P:
			paragraphs++
		case atom.Pre, atom.Blockquote, atom.Table, atom.Figure, atom.Div:
			return false
		}
	}
	return paragraphs < 2
}

// code keeps lines as they are, set in by four; one too long for a mail goes
// on in the next line.
func code(n *html.Node, width int) []string {
	text := strings.ReplaceAll(textOf(n, 1<<30), "\t", "    ")
	var out []string
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		for columns(line) > width-4 {
			head, rest := split(line, width-4)
			out = append(out, "    "+head)
			line = rest
		}
		if line != "" {
			line = "    " + line
		}
		out = append(out, line)
	}
	if len(out) == 1 && out[0] == "" {
		return nil
	}
	return out
}

// table sets rows as lines: in columns where they fit, else cell after cell;
// one of a single column is set as the blocks it holds.
func (w *typist) table(n *html.Node, width int) []string {
	var trs []*html.Node
	wide := 0
	var out []string
	for d := range n.Descendants() {
		switch {
		case nearest(d.Parent, atom.Table) != n:
		case d.DataAtom == atom.Caption:
			out = append(append(out, w.blocks(d, width)...), "")
		case d.DataAtom == atom.Tr:
			trs = append(trs, d)
			wide = max(wide, len(cells(d)))
		}
	}
	if wide == 1 {
		for _, tr := range trs {
			for _, cell := range cells(tr) {
				out = append(append(out, w.blocks(cell, width)...), "")
			}
		}
		return out[:max(0, len(out)-1)]
	}
	var rows [][]string
	head := 0
	for _, tr := range trs {
		row, heads := w.row(tr)
		if heads && len(rows) == 0 {
			head = 1
		}
		if len(row) > 0 {
			rows = append(rows, row)
		}
	}
	return append(out, grid(rows, head, width)...)
}

// cells are the cells of a table row.
func cells(tr *html.Node) []*html.Node {
	var out []*html.Node
	for c := range tr.ChildNodes() {
		if c.DataAtom == atom.Td || c.DataAtom == atom.Th {
			out = append(out, c)
		}
	}
	return out
}

// row is the text of a row's cells; heads: all of them are headings.
func (w *typist) row(tr *html.Node) (texts []string, heads bool) {
	heads = true
	for _, c := range cells(tr) {
		heads = heads && c.DataAtom == atom.Th
		var b strings.Builder
		w.marked(&b, c, "", "")
		texts = append(texts, strings.Join(strings.Fields(b.String()), " "))
	}
	return texts, heads && len(texts) > 0
}

// grid lays rows out in columns two spaces apart, with a rule below the head.
func grid(rows [][]string, head, width int) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	total := 2 * max(0, len(widths)-1)
	for _, n := range widths {
		total += n
	}
	var out []string
	for i, row := range rows {
		if total > width {
			out = append(out, prefix(paragraph(strings.Join(row, " | "), width-2), "", "  ", width)...)
			continue
		}
		var b strings.Builder
		for j, cell := range row {
			b.WriteString(cell + strings.Repeat(" ", widths[j]-columns(cell)+2))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
		if i+1 == head && len(rows) > head {
			out = append(out, strings.Repeat("-", total))
		}
	}
	return out
}

func nearest(n *html.Node, a atom.Atom) *html.Node {
	for ; n != nil; n = n.Parent {
		if n.DataAtom == a {
			return n
		}
	}
	return nil
}

// narrower is what is left of width behind a prefix of n columns.
func narrower(width, n int) int {
	if width-n < minWidth {
		return width
	}
	return width - n
}

// prefix sets lines in; where narrower gave no room for it, it leaves them.
func prefix(lines []string, first, rest string, width int) []string {
	if width-len(first) < minWidth {
		return lines
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		if i == 0 {
			out[i] = strings.TrimRight(first+line, " ")
		} else {
			out[i] = strings.TrimRight(rest+line, " ")
		}
	}
	return out
}
