//go:build !js

package tab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page's types are written by hand, in www/src/api.ts: they name the fields
// that Go hands over, no more and no fewer.
func TestFieldsAreThoseOfThePage(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "www", "src", "api.ts"))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"State": State{}, "Member": Member{}, "LogEntry": LogEntry{},
		"Progress": Progress{}, "Refusal": Refusal{}, "OtherCluster": OtherCluster{}, "Votes": Votes{}, "Settings": Settings{}, "SnapshotEvent": SnapshotEvent{}} {
		want := interfaceFields(t, string(source), name)
		got := jsonFields(t, reflect.TypeOf(v))
		if !slices.Equal(got, want) {
			t.Errorf("%s has in Go the fields\n%q, in api.ts\n%q", name, got, want)
		}
	}
}

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	inner    = regexp.MustCompile(`(\w+): \{([^{}]*)\}`)
	field    = regexp.MustCompile(`(\w+)\??:`)
)

// interfaceFields lists the fields of an interface in TypeScript, those of an
// object in it as "object.field".
func interfaceFields(t *testing.T, source, name string) []string {
	t.Helper()
	_, body, ok := strings.Cut(comments.ReplaceAllString(source, ""), "export interface "+name+" {\n")
	body, _, ok2 := strings.Cut(body, "\n}")
	if !ok || !ok2 {
		t.Fatalf("api.ts has no interface %s", name)
	}
	body = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(body, "")
	var fields []string
	for _, m := range inner.FindAllStringSubmatch(body, -1) {
		for _, f := range field.FindAllStringSubmatch(m[2], -1) {
			fields = append(fields, m[1]+"."+f[1])
		}
	}
	body = inner.ReplaceAllString(body, "$1: object")
	for _, f := range field.FindAllStringSubmatch(body, -1) {
		fields = append(fields, f[1])
	}
	slices.Sort(fields)
	return fields
}

// jsonFields lists what a type has in JSON in the same way.
func jsonFields(t *testing.T, of reflect.Type) (fields []string) {
	t.Helper()
	for i := range of.NumField() {
		f := of.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || options != "" {
			t.Errorf("%s.%s: the page relies on the field being there: tag %q", of.Name(), f.Name, f.Tag)
		}
		fields = append(fields, name)
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Settings]() { // an interface of its own
			for _, below := range jsonFields(t, f.Type) {
				fields = append(fields, name+"."+below)
			}
		}
	}
	slices.Sort(fields)
	return fields
}

// What the page reads is there from the first moment, and lists are lists.
func TestStateInJSON(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	w.await("it leads", func() bool { return s.State().Problem == "" && s.State().Signaling == "connected" })
	well := s.State()
	s.Crash()
	for name, state := range map[string]State{"leading": well, "crashed": s.State(), "failed": FailedState(w.room, os.ErrNotExist)} {
		b, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		var o map[string]any
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatal(err)
		}
		if _, ok := o["members"].([]any); !ok {
			t.Errorf("%s: members are %v", name, o["members"])
		}
		if c, _ := o["configuration"].(map[string]any); !isList(c["voters"]) || !isList(c["outgoing"]) || !isList(c["learners"]) {
			t.Errorf("%s: the configuration is %v", name, o["configuration"])
		}
		if _, ok := o["term"].(float64); !ok || o["reason"] == nil || o["problem"] == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
	if b, _ := json.Marshal(s.Log(1, 5)); string(b) != "[]" {
		t.Errorf("the log of a crashed server is %s", b)
	}
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}
