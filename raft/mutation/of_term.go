package main

var termMutants = []mutant{
	{name: "stranger's reply heeded", rule: "term.go: nobody asked it",
		old: "\t\tdefault:\n\t\t\treturn fmt.Errorf(\"%w: %s of term %d from %s\", ErrStranger, m.Type, m.Term, m.From)\n", new: ""},
	{name: "stranger's request heeded while a leader is heard", rule: "term.go: after 6, votes disregarded while a leader is heard",
		old: "if c.sticky() {", new: "if false {"},
	{name: "stranger's request never heeded", rule: "6: a server accepts requests of servers that it does not know",
		old: "if c.sticky() {", new: "if true {"},
	{name: "members by the configuration in force only", rule: "6: what is not committed may be undone",
		old: "return n > 1 && c.configurationIndex() > c.commitIndex && c.configurations[n-2].IsMember(id)", new: "return false && n > 1"},
	{name: "removed servers are members for ever", rule: "6: removed servers can disrupt the cluster",
		old: "return n > 1 && c.configurationIndex() > c.commitIndex && c", new: "return n > 1 && c"},
	{name: "a far term taken over at once", rule: "term.go: maxTermRise",
		old: "next := min(m.Term, c.ascent.ceiling)", new: "next := m.Term"},
	{name: "message of a far term obeyed", rule: "5.1: a message counts in its own term",
		old: "if c.currentTerm < m.Term {", new: "if false {"},
	{name: "terms rise without a pause", rule: "term.go: maxTermRise",
		old: "if c.now >= c.ascent.until {", new: "if true {"},
	{name: "terms rise once", rule: "term.go: a far term is approached",
		old: "if c.now >= c.ascent.until {", new: "if c.ascent.until == 0 {"},
}
