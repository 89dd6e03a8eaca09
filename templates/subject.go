package templates

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// DefaultSubject is the subject template used when an edition names none.
const DefaultSubject = "{{.First.Title}}{{with .More}} and {{.}} more{{end}}"

// subjectLimit is the length of a subject in characters.
const subjectLimit = 200

// facts are what a subject template may name. They are values only: a template
// reaches nothing through them.
type facts struct {
	First  firstFacts // the first post
	Count  int        // posts in the issue
	More   int        // Count less one; zero, which {{with}} passes over, for one post or none
	Number int        // of the edition; 0 = not numbered yet
	Site   string     // name of the blog
	Period string     // e.g. "February 2010"
	Dates  string     // of the posts, e.g. "1–26 February 2010"
}

type firstFacts struct{ Title, Author, Date string }

// factNames is for messages to the author.
const factNames = "{{.First.Title}}, {{.First.Author}}, {{.First.Date}}, {{.Count}}, {{.More}}, {{.Number}}, {{.Site}}, {{.Period}} and {{.Dates}}"

// SubjectError says what is wrong with a subject template.
type SubjectError struct {
	Line    int // from 1; 0 = unknown
	Problem string
}

func (e *SubjectError) Error() string {
	if e.Line > 1 {
		return fmt.Sprintf("subject, line %d: %s", e.Line, e.Problem)
	}
	return "subject: " + e.Problem
}

// Check says what is wrong with a subject template before any issue needs it;
// "" is DefaultSubject. It is a text/template over issue facts:
// {{.First.Title}}, {{.First.Author}}, {{.First.Date}}, {{.Count}}, {{.More}}
// (Count less one), {{.Number}}, {{.Site}}, {{.Period}}, {{.Dates}}; with if,
// with, and, or, not, comparisons, len, print and printf. The error is a *SubjectError.
func Check(subject string) error {
	for n := range 3 {
		e := Sample(time.Date(2010, 2, 26, 9, 0, 0, 0, time.UTC), n)
		e.SubjectTemplate = subject
		if _, err := subjectOf(e); err != nil {
			return err
		}
	}
	return nil
}

// subjectOf makes an edition's subject line.
func subjectOf(e Edition) (string, error) {
	source := e.SubjectTemplate
	if source == "" {
		source = DefaultSubject
	}
	if len(source) > 1000 {
		return "", &SubjectError{Problem: "longer than 1,000 bytes"}
	}
	t, err := template.New("subject").Option("missingkey=error").Parse(source)
	if err != nil {
		return "", subjectError(err)
	}
	if err := checkNodes(t); err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, factsOf(e)); err != nil {
		return "", subjectError(err)
	}
	s := cut(plain(b.String()), subjectLimit)
	if s == "" {
		s = cut(plain(siteName(e.Site)+": "+periodOf(e)), subjectLimit)
	}
	return s, nil
}

func factsOf(e Edition) facts {
	f := facts{
		Count:  len(e.Posts),
		More:   max(0, len(e.Posts)-1),
		Number: e.Number,
		Site:   siteName(e.Site),
		Period: periodOf(e),
		Dates:  datesOf(e),
	}
	if len(e.Posts) > 0 {
		p := e.Posts[0]
		f.First = firstFacts{Title: headingOf(p, zone(e)), Author: plain(p.Author), Date: day(p.Published, zone(e))}
	}
	return f
}

// checkNodes allows what a subject needs: no loops, no templates in templates,
// no functions that do more than compare and print.
func checkNodes(t *template.Template) error {
	if len(t.Templates()) > 1 || t.Tree == nil {
		return &SubjectError{Problem: "{{define}} and {{block}} are not for subjects"}
	}
	return checkNode(t.Tree, t.Root)
}

var subjectFuncs = map[string]bool{"and": true, "or": true, "not": true, "eq": true, "ne": true, "lt": true, "le": true, "gt": true,
	"ge": true, "len": true, "print": true, "printf": true}

func checkNode(t *parse.Tree, n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		return checkAll(t, n.Nodes)
	case *parse.ActionNode:
		return checkNode(t, n.Pipe)
	case *parse.IfNode:
		return checkBranch(t, n.BranchNode)
	case *parse.WithNode:
		return checkBranch(t, n.BranchNode)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			if err := checkAll(t, c.Args); err != nil {
				return err
			}
		}
	case *parse.IdentifierNode:
		if !subjectFuncs[n.Ident] {
			return nodeError(t, n, "the function "+n.Ident+" is not for subjects")
		}
	case *parse.TextNode, *parse.FieldNode, *parse.DotNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode,
		*parse.VariableNode, *parse.CommentNode, *parse.NilNode:
	default:
		return nodeError(t, n, "only facts, {{if}} and {{with}} are for subjects")
	}
	return nil
}

func checkAll(t *parse.Tree, nodes []parse.Node) error {
	for _, n := range nodes {
		if err := checkNode(t, n); err != nil {
			return err
		}
	}
	return nil
}

func checkBranch(t *parse.Tree, b parse.BranchNode) error {
	return errors.Join(checkNode(t, b.Pipe), checkNode(t, b.List), checkNode(t, b.ElseList))
}

func nodeError(t *parse.Tree, n parse.Node, problem string) error {
	location, _ := t.ErrorContext(n)
	line := 0
	if parts := strings.Split(location, ":"); len(parts) > 1 {
		line, _ = strconv.Atoi(parts[1])
	}
	return &SubjectError{Line: line, Problem: problem}
}

var templateError = regexp.MustCompile(`^template: subject:(\d+)(?::\d+)?: (?s:(.*))$`)
var noField = regexp.MustCompile(`at <(.*?)>: can't evaluate field`)

// subjectError turns an error of text/template into one for the author.
func subjectError(err error) error {
	m := templateError.FindStringSubmatch(err.Error())
	if m == nil {
		return &SubjectError{Problem: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	problem := strings.TrimPrefix(m[2], `executing "subject" `)
	if f := noField.FindStringSubmatch(m[2]); f != nil {
		problem = fmt.Sprintf("there is no {{%s}}; there are %s", f[1], factNames)
	}
	return &SubjectError{Line: line, Problem: problem}
}
