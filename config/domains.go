package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// domains checks the table [mail.domains]: its keys are what the author writes, so they are shown as they stand.
func (r *reader) domains(rates map[string]string) {
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(rates)) {
		for name := range strings.SplitSeq(key, ",") {
			name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
			folded := cmp.Or(asciiDomain(name), name)
			switch {
			case name != "*" && !isHost(name):
				r.badDomain(key, fmt.Sprintf("%.80q is no domain", name), `name one, or "*" for each that is not named: "gmail.com" = "20/m"`)
			case seen[folded]:
				r.badDomain(key, fmt.Sprintf("%.80q is named twice", name), "give each domain one limit")
			}
			seen[folded] = true
		}
		if problem := checkRate(rates[key]); problem != "" {
			r.badDomain(key, problem, "")
		}
	}
}

func (r *reader) badDomain(key, problem, hint string) {
	r.errors = append(r.errors, &Error{
		File: r.name, Line: r.line("mail.domains." + strings.ToLower(key)),
		Key: fmt.Sprintf("[mail.domains] %.80q", key), Problem: problem, Hint: hint,
	})
}
