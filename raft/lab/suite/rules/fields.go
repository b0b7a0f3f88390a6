package rules

import (
	"reflect"
	"strings"
	"sync"
)

// What an RPC is, told by its arguments.
type rpcKind uint8

const (
	unknownRPC rpcKind = iota
	requestVote
	appendEntries
	installSnapshot
	preVote // an extension; none of the rules is about it
)

func (k rpcKind) String() string {
	return [...]string{"RPC", "RequestVote", "AppendEntries", "InstallSnapshot", "PreVote"}[k]
}

// Names under which students have the paper's fields, in lower case and without
// underscores; the first that exists counts.
var names = struct {
	term, candidate, lastIndex, lastTerm, leader, prevIndex, prevTerm, entries, commit,
	snapIndex, snapTerm, granted, success, preVote []string
}{
	term:      []string{"term", "currentterm", "candidateterm", "leaderterm", "curterm"},
	candidate: []string{"candidateid", "candidate", "candidateindex", "id", "from", "me"},
	lastIndex: []string{"lastlogindex", "lastindex", "lastentryindex", "logindex", "prevlogindex"},
	lastTerm:  []string{"lastlogterm", "lastterm", "lastentryterm", "logterm", "prevlogterm"},
	leader:    []string{"leaderid", "leader", "leaderindex", "id", "from", "me"},
	prevIndex: []string{"prevlogindex", "previndex", "prelogindex", "prevlogidx", "previouslogindex", "preventryindex"},
	prevTerm:  []string{"prevlogterm", "prevterm", "prelogterm", "previouslogterm", "preventryterm"},
	entries:   []string{"entries", "entry", "logs", "log", "logentries"},
	commit:    []string{"leadercommit", "leadercommitindex", "commitindex", "leadercommitidx", "commit"},
	snapIndex: []string{"lastincludedindex", "lastincludeindex", "snapshotindex", "lastsnapshotindex", "lastincludedidx"},
	snapTerm:  []string{"lastincludedterm", "lastincludeterm", "snapshotterm", "lastsnapshotterm"},
	granted:   []string{"votegranted", "granted", "grantvote", "isgranted", "vote", "voted", "voteforme", "isvote", "isvotegranted"},
	success:   []string{"success", "succ", "ok", "succeed", "successful", "appendsuccess"},
	preVote:   []string{"prevote", "isprevote"},
}

// A shape is where a struct type has the fields that matter; -1 where it has none.
type shape struct {
	term, candidate, lastIndex, lastTerm, leader, prevIndex, prevTerm, entries, commit,
	snapIndex, snapTerm, granted, success, preVote int
	entryTerm int // in the element type of entries
}

var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{
		term: findField(t, names.term, isInt), candidate: findField(t, names.candidate, isInt),
		lastIndex: findField(t, names.lastIndex, isInt), lastTerm: findField(t, names.lastTerm, isInt),
		leader: findField(t, names.leader, isInt), prevIndex: findField(t, names.prevIndex, isInt),
		prevTerm: findField(t, names.prevTerm, isInt), entries: findField(t, names.entries, isSlice),
		commit: findField(t, names.commit, isInt), snapIndex: findField(t, names.snapIndex, isInt),
		snapTerm: findField(t, names.snapTerm, isInt), granted: findField(t, names.granted, isBool),
		success: findField(t, names.success, isBool), preVote: findField(t, names.preVote, isBool),
		entryTerm: -1,
	}
	if s.entries >= 0 {
		elem := t.Field(s.entries).Type.Elem()
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		if elem.Kind() == reflect.Struct {
			s.entryTerm = findField(elem, names.term, isInt)
		}
	}
	shapes.Store(t, s)
	return s
}

func isInt(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64
}
func isBool(t reflect.Type) bool  { return t.Kind() == reflect.Bool }
func isSlice(t reflect.Type) bool { return t.Kind() == reflect.Slice }

func findField(t reflect.Type, wanted []string, fits func(reflect.Type) bool) int {
	for _, name := range wanted {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.IsExported() && fits(f.Type) && strings.ToLower(strings.ReplaceAll(f.Name, "_", "")) == name {
				return i
			}
		}
	}
	return -1
}

// structOf returns the struct that v is or points to.
func structOf(v any) (reflect.Value, *shape) {
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Struct {
		return reflect.Value{}, nil
	}
	return rv, shapeOf(rv.Type())
}

func intAt(v reflect.Value, field int) int {
	if field < 0 {
		return 0
	}
	f := v.Field(field)
	if f.CanInt() {
		return int(f.Int())
	}
	return int(f.Uint())
}

// What is read from the arguments of an RPC.
type args struct {
	kind  rpcKind
	term  int
	index int // lastLogIndex, prevLogIndex or lastIncludedIndex
	iterm int // its term
	// Of AppendEntries:
	count  int // entries
	commit int
	// Whether the request has index and term of the log, and a commit index.
	hasLog, hasCommit bool
}

// readArgs tells what an RPC is and reads its arguments, but not its entries.
func readArgs(method string, v any) args {
	rv, s := structOf(v)
	if s == nil || s.term < 0 {
		return args{}
	}
	a := args{term: intAt(rv, s.term)}
	name := strings.ToLower(method[strings.LastIndexByte(method, '.')+1:])
	switch {
	case strings.Contains(name, "prevote") || s.preVote >= 0 && rv.Field(s.preVote).Bool():
		a.kind = preVote
	case s.snapIndex >= 0:
		a.kind, a.index, a.iterm, a.hasLog = installSnapshot, intAt(rv, s.snapIndex), intAt(rv, s.snapTerm), s.snapTerm >= 0
	case strings.Contains(name, "vote"):
		a.kind, a.index, a.iterm = requestVote, intAt(rv, s.lastIndex), intAt(rv, s.lastTerm)
		a.hasLog = s.lastIndex >= 0 && s.lastTerm >= 0
	case s.prevIndex >= 0 || strings.Contains(name, "append") || strings.Contains(name, "heartbeat"):
		a.kind, a.index, a.iterm = appendEntries, intAt(rv, s.prevIndex), intAt(rv, s.prevTerm)
		a.hasLog = s.prevIndex >= 0 && s.prevTerm >= 0 && s.entries >= 0 && s.entryTerm >= 0
		a.commit, a.hasCommit = intAt(rv, s.commit), s.commit >= 0
		if s.entries >= 0 {
			a.count = rv.Field(s.entries).Len()
		}
	}
	return a
}

// readEntries returns the terms of the entries of AppendEntries' arguments.
func readEntries(v any) []int {
	rv, s := structOf(v)
	if s == nil || s.entries < 0 || s.entryTerm < 0 {
		return nil
	}
	list := rv.Field(s.entries)
	if list.Len() == 0 {
		return nil
	}
	terms := make([]int, list.Len())
	for i := range terms {
		e := list.Index(i)
		if e.Kind() == reflect.Pointer {
			if e.IsNil() {
				continue
			}
			e = e.Elem()
		}
		terms[i] = intAt(e, s.entryTerm)
	}
	return terms
}

// readReply returns a reply's term (0 if it has none) and its yes or no; known
// is false if it has neither.
func readReply(kind rpcKind, v any) (term int, yes, known bool) {
	rv, s := structOf(v)
	if s == nil {
		return 0, false, false
	}
	term = intAt(rv, s.term)
	field := s.success
	if kind == requestVote {
		if field = s.granted; field < 0 {
			field = s.success
		}
	}
	if field < 0 {
		return term, false, false
	}
	return term, rv.Field(field).Bool(), true
}
