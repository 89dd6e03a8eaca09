package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// environment puts what variables like DIGEST_MAIL_FROM say over the file. A
// variable that looks like ours and is none is an error, as a key would be.
func (r *reader) environment(c *Config, environ []string) {
	set := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			set[name] = value
		}
	}
	r.env = map[string]string{}
	r.table("site", &c.Site, set)
	r.table("author", &c.Author, set)
	r.table("mail", &c.Mail, set)
	r.table("web", &c.Web, set)
}

// table reads the variables of one table into a pointer to its struct.
func (r *reader) table(name string, to any, set map[string]string) {
	prefix := "DIGEST_" + strings.ToUpper(name) + "_"
	var known []string
	t := reflect.TypeOf(to).Elem()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("env") == "" {
			continue // a table of its own, which no variable can hold
		}
		variable := prefix + t.Field(i).Tag.Get("env")
		known = append(known, variable)
		if _, ok := set[variable]; ok {
			r.env[name+"."+strings.ToLower(t.Field(i).Tag.Get("env"))] = variable
		}
	}
	for variable := range set {
		if strings.HasPrefix(variable, prefix) && !slices.Contains(known, variable) {
			r.unknownVariable(variable, known)
		}
	}
	err := env.ParseWithOptions(to, env.Options{Environment: set, Prefix: prefix})
	var wrong env.ParseError
	for _, e := range unwrap(err) {
		if errors.As(e, &wrong) { // its text repeats the value
			field, _ := t.FieldByName(wrong.Name)
			r.bad(name+"."+strings.ToLower(field.Tag.Get("env")), "this is the wrong kind of value: "+wanted([]string{name, field.Tag.Get("toml")})+" is allowed", "")
		}
	}
}

func (r *reader) unknownVariable(variable string, known []string) {
	bad := &Error{File: environment, Key: variable, Problem: "there is no such setting"}
	if near := nearest(variable, known); near != "" {
		bad.Hint = "did you mean " + near + "?"
	}
	r.errors = append(r.errors, bad)
}

func unwrap(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}
