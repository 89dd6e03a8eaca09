package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// rows is a plain table: no borders, since its lines are read by people and cut.
type rows struct{ w table.Writer }

func (d *door) table(head ...string) rows {
	w := table.NewWriter()
	w.SetOutputMirror(d.out)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	w.AppendHeader(cells(head))
	return rows{w}
}

// row adds a line; what strangers wrote in it loses its control characters.
func (r rows) row(fields ...string) {
	for i, f := range fields {
		fields[i] = printable(f)
	}
	r.w.AppendRow(cells(fields))
}

func (r rows) print() { r.w.Render() }

func cells(fields []string) table.Row {
	row := make(table.Row, len(fields))
	for i, f := range fields {
		row[i] = f
	}
	return row
}
